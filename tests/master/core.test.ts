import { describe, expect, test } from "bun:test";
import { MasterBench } from "../support/master-bench.ts";

function started(): MasterBench {
  const bench = new MasterBench();
  bench.lead();
  return bench;
}

describe("a task from offer to acknowledged end", () => {
  test("everybody sees only what is committed", () => {
    const bench = started();
    const agentId = bench.agent(1);
    const framework = bench.framework();
    bench.toAgent(1);
    bench.autoCommit = false;
    expect(framework.launch(framework.offers[0], framework.task("t1", agentId))).toMatchObject({
      status: 202,
    });
    expect(bench.toAgent(1)).toEqual([]);
    // The rest of the offer comes again at once: nothing filters it.
    expect(framework.newOffers()[0]?.resources?.map((r) => r.scalar?.value)).toEqual([3, 960]);
    bench.commit();
    expect(bench.toAgent(1)).toMatchObject([{ kind: "run-task", taskId: "t1", term: 1 }]);
    const uuid = bench.update(1, framework.id, "t1", "TASK_RUNNING");
    expect(framework.events()).toEqual([]);
    bench.commit();
    expect(framework.statuses()).toMatchObject([{ state: "TASK_RUNNING", uuid }]);
    framework.acknowledge(agentId, "t1", uuid);
    expect(bench.toAgent(1)).toMatchObject([{ kind: "acknowledge-update", uuid }]);
    const end = bench.update(1, framework.id, "t1", "TASK_FINISHED");
    bench.commit();
    expect(framework.types()).toEqual(["UPDATE", "OFFERS"]);
    framework.acknowledge(agentId, "t1", end);
    expect(bench.toAgent(1)).toEqual([]);
    bench.commit();
    expect(bench.toAgent(1)).toMatchObject([{ kind: "acknowledge-update", uuid: end }]);
    expect(bench.registry.task(framework.id, "t1")).toBeUndefined();
    expect([...bench.registry.completedTasksOf(framework.id)].map((t) => t.state)).toEqual(["TASK_FINISHED"]);
    expect(bench.operatorEvents.map((e) => e.type)).toEqual([
      "AGENT_ADDED",
      "FRAMEWORK_ADDED",
      "TASK_ADDED",
      "TASK_UPDATED",
      "TASK_UPDATED",
    ]);
  });

  test("a repeated update is forwarded without another commit; an unknown one is acknowledged", () => {
    const bench = started();
    const agentId = bench.agent(1);
    const framework = bench.framework();
    framework.launch(framework.offers[0], framework.task("t1", agentId));
    const uuid = bench.update(1, framework.id, "t1", "TASK_RUNNING");
    framework.events();
    bench.autoCommit = false;
    bench.update(1, framework.id, "t1", "TASK_RUNNING", { uuid });
    expect(bench.proposed).toEqual([]);
    expect(framework.types()).toEqual(["UPDATE"]);
    bench.toAgent(1);
    const stray = bench.update(1, framework.id, "nobody", "TASK_KILLED");
    expect(bench.toAgent(1)).toMatchObject([{ kind: "acknowledge-update", taskId: "nobody", uuid: stray }]);
  });

  test("resources come back at the latest state, before the framework saw the end", () => {
    const bench = started();
    const agentId = bench.agent(1);
    const framework = bench.framework();
    framework.launch(framework.offers[0], framework.task("t1", agentId, 4));
    framework.events();
    bench.update(1, framework.id, "t1", "TASK_STARTING", { latestState: "TASK_FINISHED" });
    expect(framework.types()).toEqual(["UPDATE", "OFFERS"]);
    bench.update(1, framework.id, "t1", "TASK_FINISHED");
    expect(framework.types()).toEqual(["UPDATE"]);
    expect(bench.core.counters.get("tasks_finished")).toBe(1);
  });

  test("so does a repeat of an update that is not acknowledged yet", () => {
    const bench = started();
    const agentId = bench.agent(1);
    const framework = bench.framework();
    framework.launch(framework.offers[0], framework.task("t1", agentId, 4));
    const uuid = bench.update(1, framework.id, "t1", "TASK_RUNNING");
    framework.events();
    bench.update(1, framework.id, "t1", "TASK_RUNNING", { uuid, latestState: "TASK_FINISHED" });
    expect(framework.types()).toEqual(["UPDATE", "OFFERS"]);
    bench.update(1, framework.id, "t1", "TASK_RUNNING", { uuid, latestState: "TASK_FINISHED" });
    expect(framework.types()).toEqual(["UPDATE"]);
  });
});

describe("without leadership", () => {
  test("calls get 503, streams and links are closed", () => {
    const bench = new MasterBench();
    expect(bench.call({ type: "REVIVE", framework_id: { value: "f" } }, "s")).toMatchObject({ status: 503 });
    expect(bench.closedStreams).toContain(bench.subscribe());
    bench.agent(7);
    expect(bench.closedLinks).toContain(7);
  });

  test("losing it closes everything and drops what was proposed", () => {
    const bench = started();
    bench.agent(1);
    const framework = bench.framework();
    bench.autoCommit = false;
    const waiting = bench.subscribe();
    bench.step({ kind: "leadership-lost" });
    expect(bench.closedStreams).toEqual(new Set([framework.streamId, waiting]));
    expect(bench.closedLinks).toEqual(new Set([1]));
    expect(bench.core.leader).toBeUndefined();
    expect(bench.core.nextDeadlineMs()).toBeUndefined();
  });
});

describe("time", () => {
  test("a heartbeat every 15 s, and the deadline says so", () => {
    const bench = started();
    const framework = bench.framework();
    expect(bench.core.nextDeadlineMs()).toBe(bench.now.monotonicMs + 15_000);
    bench.pass(14_999);
    expect(framework.types()).toEqual([]);
    bench.pass(1);
    expect(framework.types()).toEqual(["HEARTBEAT"]);
    bench.pass(15_000);
    expect(framework.types()).toEqual(["HEARTBEAT"]);
  });

  test("a filter's end brings the offer back", () => {
    const bench = started();
    bench.agent(1);
    const framework = bench.framework();
    const offer_ids = framework.offers.map((offer) => offer.id);
    framework.call({ type: "DECLINE", decline: { offer_ids } });
    expect(framework.newOffers()).toEqual([]);
    bench.pass(4_999);
    expect(framework.newOffers()).toEqual([]);
    // Ends of filters are gathered, so that many cost few turns.
    const dueMs = bench.core.nextDeadlineMs() ?? 0;
    expect(dueMs - bench.now.monotonicMs).toBeLessThan(100);
    bench.pass(dueMs - bench.now.monotonicMs);
    expect(framework.newOffers()).toHaveLength(1);
  });

  test("an offer that is not answered in time is withdrawn and made anew", () => {
    const bench = new MasterBench({ offerTimeoutMs: 3_000 });
    bench.lead();
    bench.agent(1);
    const framework = bench.framework();
    bench.pass(3_000);
    expect(framework.types()).toEqual(["RESCIND", "OFFERS"]);
  });
});

describe("a full log", () => {
  test("a status update is proposed again, long before its agent repeats it", () => {
    const bench = started();
    const agentId = bench.agent(1);
    const framework = bench.framework();
    framework.launch(framework.offers[0], framework.task("t1", agentId));
    framework.events();
    bench.autoCommit = false;
    bench.update(1, framework.id, "t1", "TASK_RUNNING");
    bench.drop();
    bench.autoCommit = true;
    bench.pass(1_000);
    expect(framework.statuses()).toMatchObject([{ state: "TASK_RUNNING" }]);
  });

  test("clients are told, housekeeping is proposed again", () => {
    const bench = started();
    const agentId = bench.agent(1);
    const framework = bench.framework();
    bench.autoCommit = false;
    framework.launch(framework.offers[0], framework.task("t1", agentId));
    framework.events();
    bench.drop();
    expect(framework.statuses()).toMatchObject([{ state: "TASK_DROPPED", source: "SOURCE_MASTER" }]);
    bench.step({ kind: "stream-closed", streamId: framework.streamId });
    expect(bench.proposed.map((c) => c.kind)).toEqual(["disconnect-framework"]);
    bench.drop();
    expect(bench.proposed).toEqual([]);
    bench.pass(1_000);
    expect(bench.proposed.map((c) => c.kind)).toEqual(["disconnect-framework"]);
    const stream = bench.subscribe();
    bench.drop();
    // An ERROR would end the scheduler; this one just subscribes again.
    expect(bench.types(stream)).toEqual([]);
    expect(bench.closedStreams.has(stream)).toBe(true);
  });
});
