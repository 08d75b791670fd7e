import { describe, expect, test } from "bun:test";
import type { SchedulerCall, SchedulerCallType } from "../../src/model/v1/scheduler.ts";
import { MasterBench } from "../support/master-bench.ts";

describe("steps 13 to 20 of the order of checks", () => {
  const bench = new MasterBench();
  bench.lead();
  const framework = bench.framework({ principal: "p" });
  const id = { value: framework.id };
  const revive: SchedulerCall = { type: "REVIVE", framework_id: id };
  const other = "00000000-0000-4000-8000-000000000000";

  test("exact texts, in order", () => {
    const unknown = { status: 400, body: "Framework cannot be found" };
    expect(bench.call({ type: "REVIVE", framework_id: { value: "x" } }, undefined)).toMatchObject(unknown);
    expect(bench.call(revive, undefined, "q")).toMatchObject({
      status: 400,
      body: "Authenticated principal 'q' does not match principal 'p' set in `FrameworkInfo`",
    });
    expect(bench.call(revive, undefined)).toMatchObject({
      status: 400,
      body: "All non-subscribe calls should include the 'Mesos-Stream-Id' header",
    });
    expect(bench.call(revive, other)).toMatchObject({
      status: 400,
      body:
        `The stream ID '${other}' included in this request didn't match the stream ID ` +
        `currently associated with framework ID ${framework.id}`,
    });
    expect(bench.call({ type: "UNKNOWN", framework_id: id }, other)).toMatchObject({ status: 400 });
    expect(bench.call({ type: "UNKNOWN", framework_id: id }, framework.streamId)).toMatchObject({
      status: 501,
    });
    expect(bench.call(revive, framework.streamId, "p")).toMatchObject({ status: 202, body: "" });
  });

  test("403 while the framework has no stream", () => {
    const away = bench.framework();
    bench.step({ kind: "stream-closed", streamId: away.streamId });
    expect(away.call({ type: "REVIVE" })).toMatchObject({ status: 403, body: "Framework is not subscribed" });
  });

  test("every other call is accepted with 202", () => {
    const calls: Partial<Record<SchedulerCallType, Partial<SchedulerCall>>> = {
      ACCEPT: { accept: {} },
      DECLINE: { decline: { offer_ids: [{ value: "no-such-offer" }] } },
      ACCEPT_INVERSE_OFFERS: { accept_inverse_offers: {} },
      DECLINE_INVERSE_OFFERS: { decline_inverse_offers: {} },
      REVIVE: {},
      SUPPRESS: {},
      KILL: { kill: { task_id: { value: "x" } } },
      SHUTDOWN: { shutdown: { executor_id: { value: "e" }, agent_id: { value: "a" } } },
      MESSAGE: { message: { executor_id: { value: "e" }, agent_id: { value: "a" }, data: new Uint8Array() } },
      ACKNOWLEDGE: {
        acknowledge: { agent_id: { value: "a" }, task_id: { value: "x" }, uuid: new Uint8Array(16) },
      },
      RECONCILE: { reconcile: {} },
      RECONCILE_OPERATIONS: { reconcile_operations: {} },
      REQUEST: { request: {} },
      TEARDOWN: {},
    };
    for (const [type, body] of Object.entries(calls)) {
      expect(framework.call({ type: type as SchedulerCallType, ...body })).toMatchObject({
        status: 202,
        body: "",
      });
    }
    expect(bench.registry.frameworks.has(framework.id)).toBe(false);
    expect(bench.closedStreams).toContain(framework.streamId);
  });
});

describe("REVIVE and SUPPRESS", () => {
  test("no offers while suppressed, an offer at once when revived; a foreign role drops the call", () => {
    const bench = new MasterBench();
    bench.lead();
    bench.agent(1);
    const framework = bench.framework();
    framework.call({ type: "SUPPRESS" });
    const offer_ids = framework.offers.map((offer) => offer.id);
    framework.call({ type: "DECLINE", decline: { offer_ids, filters: { refuse_seconds: 0 } } });
    bench.pass(16_000);
    expect(framework.types()).toEqual(["HEARTBEAT"]);
    framework.call({ type: "REVIVE", revive: { roles: ["other"] } });
    expect(framework.types()).toEqual([]);
    framework.call({ type: "REVIVE" });
    expect(framework.types()).toEqual(["OFFERS"]);
  });

  test("a declined offer without a filter comes again in the same turn; a loop of them is slowed", () => {
    const bench = new MasterBench();
    bench.lead();
    bench.agent(1);
    const framework = bench.framework();
    const again = (offer_ids: { value: string }[]): { value: string }[] => {
      framework.call({ type: "DECLINE", decline: { offer_ids, filters: { refuse_seconds: 0 } } });
      return framework.newOffers().map((offer) => offer.id);
    };
    let offers = again(framework.offers.map((offer) => offer.id));
    expect(offers).toEqual([{ value: "m1-O1" }]);
    for (let i = 0; i < 20; i++) {
      expect(again(offers)).toEqual([]);
      const pauseMs = (bench.core.nextDeadlineMs() ?? 0) - bench.now.monotonicMs;
      expect(pauseMs).toBeLessThan(50);
      bench.pass(pauseMs);
      offers = framework.newOffers().map((offer) => offer.id);
      expect(offers).toHaveLength(1);
    }
  });
});

test("offers below the framework's own minimum are not made", () => {
  const bench = new MasterBench();
  bench.lead();
  bench.agent(1);
  const wants = (cpus: number) => ({
    "*": { min_allocatable_resources: { quantities: [{ quantities: { cpus: { value: cpus } } }] } },
  });
  expect(bench.framework({ offer_filters: wants(4.5) }).offers).toEqual([]);
  expect(bench.framework({ offer_filters: wants(4) }).offers).toHaveLength(1);
});

describe("RECONCILE_OPERATIONS", () => {
  test("named operations are unknown", () => {
    const bench = new MasterBench();
    bench.lead();
    const framework = bench.framework();
    const operations = [{ operation_id: { value: "op" } }];
    framework.call({ type: "RECONCILE_OPERATIONS", reconcile_operations: { operations } });
    const [event] = framework.events();
    expect(event?.update_operation_status?.status).toEqual({
      operation_id: { value: "op" },
      state: "OPERATION_UNKNOWN",
    });
  });
});
