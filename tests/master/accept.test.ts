import { describe, expect, test } from "bun:test";
import type { OfferOperation } from "../../src/model/v1/offers.ts";
import { type BenchFramework, MasterBench, scalar } from "../support/master-bench.ts";

function started(): { bench: MasterBench; agentId: string; framework: BenchFramework } {
  const bench = new MasterBench();
  bench.lead();
  const agentId = bench.agent(1);
  return { bench, agentId, framework: bench.framework() };
}

function totalCpus(framework: BenchFramework): number {
  return framework
    .newOffers()
    .flatMap((offer) => offer.resources ?? [])
    .filter((resource) => resource.name === "cpus")
    .reduce((sum, resource) => sum + (resource.scalar?.value ?? 0), 0);
}

describe("offers named by ACCEPT", () => {
  test("one that is not valid answers every task; the valid ones come back", () => {
    const { agentId, framework } = started();
    const offer_ids = [...framework.offers.map((offer) => offer.id), { value: "no-such-offer" }];
    const launch = { task_infos: [framework.task("t1", agentId), framework.task("t2", agentId)] };
    const operations: OfferOperation[] = [
      { type: "LAUNCH", launch },
      { type: "RESERVE", id: { value: "op" }, reserve: {} },
    ];
    framework.call({ type: "ACCEPT", accept: { offer_ids, operations } });
    const events = framework.events();
    expect(events.map((event) => event.type)).toEqual([
      "UPDATE",
      "UPDATE",
      "UPDATE_OPERATION_STATUS",
      "OFFERS",
    ]);
    expect(events[0]?.update?.status).toMatchObject({
      state: "TASK_DROPPED",
      source: "SOURCE_MASTER",
      reason: "REASON_INVALID_OFFERS",
      message: "Task launched with invalid offers: Offer no-such-offer is no longer valid",
    });
    expect(events[0]?.update?.status.uuid).toBeUndefined();
  });

  test("TASK_LOST without PARTITION_AWARE", () => {
    const { bench, agentId } = started();
    const plain = bench.framework({ capabilities: [] });
    plain.launch(undefined, plain.task("t1", agentId));
    expect(plain.statuses()).toMatchObject([{ state: "TASK_LOST", reason: "REASON_INVALID_OFFERS" }]);
  });

  test("duplicate, foreign and mixed ones are refused by name", () => {
    const { bench, agentId, framework } = started();
    const [offer] = framework.offers;
    const message = (ids: (string | undefined)[], of: BenchFramework): string => {
      const operations: OfferOperation[] = [
        { type: "LAUNCH", launch: { task_infos: [of.task("t", agentId)] } },
      ];
      const offer_ids = ids.map((id) => ({ value: id ?? "" }));
      of.call({ type: "ACCEPT", accept: { offer_ids, operations } });
      return of.statuses()[0]?.message ?? "";
    };
    const id = offer?.id.value;
    const foreign = bench.framework();
    expect(message([id], foreign)).toContain(`has invalid framework ${framework.id}`);
    expect(message([id, id], framework)).toContain(`Duplicate offer ${id}`);
    expect(message([], framework)).toContain("No offers specified");
  });

  test("several offers of one agent are used together, of two agents not", () => {
    const { bench, agentId, framework } = started();
    framework.launch(framework.offers[0], framework.task("t1", agentId, 1));
    const rest = framework.newOffers();
    bench.update(1, framework.id, "t1", "TASK_FINISHED");
    const freed = framework.newOffers();
    const offer_ids = [...rest, ...freed].map((offer) => offer.id);
    expect(offer_ids).toHaveLength(2);
    bench.agent(2, undefined, [], 5052);
    const [second] = framework.newOffers();
    const operations: OfferOperation[] = [
      { type: "LAUNCH", launch: { task_infos: [framework.task("t2", agentId, 4)] } },
    ];
    framework.call({
      type: "ACCEPT",
      accept: { offer_ids, operations, filters: { refuse_seconds: 0 } },
    });
    expect(bench.registry.task(framework.id, "t2")?.state).toBe("TASK_STAGING");
    const mixed = [...framework.newOffers(), second].map((offer) => offer?.id ?? { value: "" });
    framework.call({ type: "ACCEPT", accept: { offer_ids: mixed, operations } });
    expect(framework.statuses()[0]?.message).toContain("must belong to one single agent");
  });
});

describe("tasks", () => {
  test("more than offered is TASK_ERROR, and the offer comes back", () => {
    const { agentId, framework } = started();
    framework.launch(framework.offers[0], framework.task("big", agentId, 5));
    const events = framework.events();
    expect(events[0]?.update?.status).toMatchObject({
      state: "TASK_ERROR",
      source: "SOURCE_MASTER",
      reason: "REASON_TASK_INVALID",
    });
    expect(events[0]?.update?.status.message).toMatch(
      /^Task uses more resources .*cpus.*:5.* than available/,
    );
    expect(events[1]?.type).toBe("OFFERS");
  });

  test("one bad task does not spoil the others; operations share what was offered", () => {
    const { bench, agentId, framework } = started();
    const tasks = [
      framework.task("a", agentId, 2),
      framework.task("a", agentId, 1),
      framework.task("wrong", "other-agent", 1),
      framework.task("b", agentId, 2),
      framework.task("too-much", agentId, 0.5),
    ];
    framework.launch(framework.offers[0], ...tasks);
    expect(
      framework.statuses().map((status) => [status.task_id.value, status.message?.slice(0, 20)]),
    ).toEqual([
      ["a", "Task has duplicate I"],
      ["wrong", "Task uses invalid ag"],
      ["too-much", "Task uses more resou"],
    ]);
    const run = bench.toAgent(1).filter((message) => message.kind === "run-task");
    expect(run.map((message) => message.taskId)).toEqual(["a", "b"]);
  });

  test("an id in use is refused while the task lives, also when the launch is not committed yet", () => {
    const { bench, agentId, framework } = started();
    bench.autoCommit = false;
    framework.launch(framework.offers[0], framework.task("t", agentId));
    const [rest] = framework.newOffers();
    framework.launch(rest, framework.task("t", agentId));
    expect(framework.statuses()).toMatchObject([{ message: "Task has duplicate ID: t" }]);
    bench.commit();
    expect(bench.toAgent(1).filter((message) => message.kind === "run-task")).toHaveLength(1);
  });

  test("a launch that the registry refuses gives its resources back", () => {
    const { bench, agentId, framework } = started();
    bench.autoCommit = false;
    const [offer] = framework.offers;
    for (let pings = 0; pings < 6; pings++) bench.pass(15_000);
    expect(bench.proposed.map((command) => command.kind)).toEqual(["mark-agent-unreachable"]);
    framework.launch(offer, framework.task("t", agentId));
    framework.events();
    bench.commit();
    expect(framework.statuses()).toMatchObject([{ state: "TASK_DROPPED", reason: "REASON_AGENT_REMOVED" }]);
    bench.autoCommit = true;
    bench.agent(2, agentId);
    expect(totalCpus(framework)).toBe(4);
  });

  test("what is not built yet says so", () => {
    const { agentId, framework } = started();
    const [offer] = framework.offers;
    const operations: OfferOperation[] = [
      { type: "RESERVE", id: { value: "op" }, reserve: { resources: [scalar("cpus", 1)] } },
      { type: "UNRESERVE", unreserve: {} },
      { type: "LAUNCH", id: { value: "op2" }, launch: { task_infos: [framework.task("t", agentId)] } },
      {},
    ];
    const offer_ids = [offer?.id ?? { value: "" }];
    framework.call({ type: "ACCEPT", accept: { offer_ids, operations } });
    const events = framework.events();
    expect(events.map((event) => event.update?.status.reason ?? event.type)).toEqual([
      "UPDATE_OPERATION_STATUS",
      "REASON_TASK_INVALID",
    ]);
    expect(events[0]?.update_operation_status?.status).toMatchObject({
      operation_id: { value: "op" },
      state: "OPERATION_ERROR",
    });
  });
});

describe("what is left of an offer", () => {
  test("is refused for 5 s by default", () => {
    const { bench, agentId, framework } = started();
    const operations: OfferOperation[] = [
      { type: "LAUNCH", launch: { task_infos: [framework.task("t", agentId)] } },
    ];
    const offer_ids = framework.offers.map((offer) => offer.id);
    framework.call({ type: "ACCEPT", accept: { offer_ids, operations } });
    expect(totalCpus(framework)).toBe(0);
    bench.pass(5_100);
    expect(totalCpus(framework)).toBe(3);
  });
});

describe("sizes", () => {
  test("many big tasks become several commands; one above the bound is refused by itself", () => {
    const { bench, agentId, framework } = started();
    bench.autoCommit = false;
    const big = (id: string, bytes: number) =>
      framework.task(id, agentId, 0.1, { data: new Uint8Array(bytes) });
    framework.launch(
      framework.offers[0],
      big("a", 1.5e6),
      big("too-big", 3e6),
      big("b", 1.5e6),
      big("c", 1e5),
    );
    expect(framework.statuses()).toMatchObject([
      { task_id: { value: "too-big" }, state: "TASK_ERROR", reason: "REASON_TASK_INVALID" },
    ]);
    const launched = bench.proposed.map((c) =>
      c.kind === "launch-tasks" ? c.tasks.map((t) => t.taskId) : [],
    );
    expect(launched).toEqual([["a"], ["b", "c"]]);
    bench.commit();
    const run = bench.toAgent(1).filter((message) => message.kind === "run-task");
    expect(run.map((message) => message.taskId)).toEqual(["a", "b", "c"]);
  });

  test("infos and statuses above the bound are refused or shortened with a word", () => {
    const { bench, agentId, framework } = started();
    const labels = { labels: [{ key: "k", value: "x".repeat(3e6) }] };
    const stream = bench.subscribe({ labels });
    expect(bench.events(stream)).toMatchObject([{ type: "ERROR" }]);
    const framework_info = { user: "alice", name: "demo", id: { value: framework.id }, labels };
    const answer = framework.call({ type: "UPDATE_FRAMEWORK", update_framework: { framework_info } });
    expect(answer?.body).toContain("FrameworkInfo takes 3");
    framework.launch(framework.offers[0], framework.task("t", agentId));
    framework.events();
    const uuid = bench.update(1, framework.id, "t", "TASK_RUNNING", { data: new Uint8Array(3e6) });
    const [status] = framework.statuses();
    expect(status).toMatchObject({ state: "TASK_RUNNING", uuid, source: "SOURCE_EXECUTOR" });
    expect(status?.data).toBeUndefined();
    expect(status?.message).toContain("left out");
  });
});

test("an id that has no UTF-8 form is refused: it would come back from the log as another", () => {
  const { bench, agentId, framework } = started();
  framework.launch(framework.offers[0], framework.task("\ud800", agentId));
  expect(framework.statuses()).toMatchObject([{ state: "TASK_ERROR", reason: "REASON_TASK_INVALID" }]);
  expect(bench.core.leader?.launching.size).toBe(0);
  expect(bench.core.leader?.agent(agentId).holdings.size).toBe(0);
});
