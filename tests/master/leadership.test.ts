import { describe, expect, test } from "bun:test";
import { TURN_MAX_ITEMS } from "../../src/base/limits.ts";
import { MasterBench } from "../support/master-bench.ts";

/** A leader with one agent and one running task, and a second master that takes over its registry. */
function takenOver(failoverTimeout = 3600): {
  next: MasterBench;
  agentId: string;
  frameworkId: string;
} {
  const first = new MasterBench();
  first.lead();
  const agentId = first.agent(1);
  const framework = first.framework({ failover_timeout: failoverTimeout });
  framework.launch(
    framework.offers[0],
    framework.task("ran", agentId, 1),
    framework.task("never-got", agentId, 1),
  );
  first.update(1, framework.id, "ran", "TASK_RUNNING");
  const next = new MasterBench({}, first.registry, "m2");
  next.now = { monotonicMs: 77, wallMs: first.now.wallMs + 300 };
  next.lead(2);
  return { next, agentId, frameworkId: framework.id };
}

/** A new leader of a cluster with so many agents; what it does in one turn is bounded. */
function ofManyAgents(count: number): MasterBench {
  const first = new MasterBench();
  first.lead();
  for (let i = 1; i <= count; i++) {
    // Agents of one address would replace each other.
    const registration = first.registration(i, undefined, []);
    first.fromAgent(i, { ...registration, ip: `10.1.${i >> 8}.${i & 0xff}` } as typeof registration);
  }
  const next = new MasterBench({}, first.registry, "m2");
  next.lead(2);
  return next;
}

function turnsUntil(bench: MasterBench, condition: () => boolean): number {
  let turns = 0;
  for (; !condition(); turns++) {
    expect(bench.core.nextDeadlineMs()).toBe(0);
    bench.step({ kind: "tick" });
  }
  return turns;
}

describe("a new leader of a large cluster", () => {
  const AGENTS = 6 * TURN_MAX_ITEMS;

  test("builds its memory in several turns; what comes meanwhile is answered afterwards, in order", () => {
    const next = ofManyAgents(AGENTS);
    expect(next.registry.agents.size).toBe(AGENTS);
    expect(next.core.leader).toBeUndefined();
    const [agentId = ""] = next.registry.agents.keys();
    next.fromAgent(1, next.registration(1, agentId, []));
    next.step({ kind: "agent-link-closed", link: 1 });
    next.fromAgent(2, next.registration(2, agentId, []));
    expect(turnsUntil(next, () => next.core.leader !== undefined)).toBeGreaterThanOrEqual(1);
    expect(next.core.leader?.agents.size).toBe(AGENTS);
    next.step({ kind: "tick" });
    expect(next.core.leader?.agents.get(agentId)?.link).toBe(2);
    expect(next.toAgent(2).map((message) => message.kind)).toEqual(["agent-registered"]);
    expect(next.closedLinks).not.toContain(2);
  });

  test("what came meanwhile is refused when its leadership ends before", () => {
    const next = ofManyAgents(AGENTS);
    next.fromAgent(1, next.registration(1, undefined, []));
    next.step({ kind: "leadership-lost" });
    expect(next.closedLinks).toEqual(new Set([1]));
    expect(next.core.nextDeadlineMs()).toBeUndefined();
    next.lead(3);
    turnsUntil(next, () => next.core.leader !== undefined);
    expect(next.core.leader?.term).toBe(3);
  });

  test("sends its offers in several turns, none that ended meanwhile", () => {
    const next = ofManyAgents(AGENTS);
    turnsUntil(next, () => next.core.leader !== undefined);
    let link = 0;
    for (const { id, ip } of [...next.registry.agents.values()]) {
      const registration = next.registration(++link, id, []);
      next.fromAgent(link, { ...registration, ip } as typeof registration);
    }
    const stream = next.subscribe();
    const offered = new Set<string>();
    const rescinded: string[] = [];
    const look = (): void => {
      for (const { offers, rescind } of next.events(stream)) {
        for (const offer of offers?.offers ?? []) offered.add(offer.id.value);
        if (rescind !== undefined) rescinded.push(rescind.offer_id.value);
      }
    };
    look();
    expect(offered.size).toBeGreaterThan(0);
    expect(offered.size).toBeLessThan(AGENTS);
    const unsent = [...(next.core.leader?.offers.values() ?? [])].find((offer) => !offered.has(offer.id));
    const gone = next.core.leader?.agents.get(unsent?.agentId ?? "")?.link ?? 0;
    next.step({ kind: "agent-link-closed", link: gone });
    turnsUntil(next, () => next.core.nextDeadlineMs() !== 0);
    look();
    expect(offered.size).toBe(AGENTS - 1);
    expect(offered.has(unsent?.id ?? "")).toBe(false);
    expect(rescinded).toEqual([]);
  });
});

describe("a new leader", () => {
  test("knows tasks at once and shows who has not come back", () => {
    const { next, agentId, frameworkId } = takenOver();
    expect(next.core.leader?.agents.get(agentId)).toMatchObject({ recovered: true, link: undefined });
    expect(next.core.leader?.frameworks.get(frameworkId)).toMatchObject({ recovered: true });
    const stream = next.subscribe({
      id: { value: frameworkId },
      capabilities: [{ type: "PARTITION_AWARE" }],
    });
    expect(next.types(stream)).toEqual(["SUBSCRIBED", "HEARTBEAT"]);
    const call = { framework_id: { value: frameworkId }, type: "RECONCILE", reconcile: {} } as const;
    next.call(call, stream);
    expect(next.statuses(stream).map((status) => status.state)).toEqual(["TASK_RUNNING", "TASK_STAGING"]);
  });

  test("sends again what the agent never got, with the new term, and offers only what is free", () => {
    const { next, agentId, frameworkId } = takenOver();
    const stream = next.subscribe({ id: { value: frameworkId } });
    next.events(stream);
    const runId = next.registry.task(frameworkId, "ran")?.runId;
    const ran = {
      frameworkId,
      taskId: "ran",
      containerId: "c",
      state: "TASK_RUNNING",
      settled: false,
      runId,
    };
    const tasks = [ran];
    next.fromAgent(1, next.registration(1, agentId, tasks));
    expect(next.toAgent(1)).toMatchObject([
      { kind: "agent-registered", term: 2, agentId },
      { kind: "run-task", term: 2, taskId: "never-got" },
    ]);
    const offers = next.events(stream).flatMap((event) => event.offers?.offers ?? []);
    expect(offers.map((offer) => offer.resources?.map((r) => r.scalar?.value))).toEqual([[2, 896]]);
    expect(next.core.leader?.allocator.assertConsistent()).toBeUndefined();
  });

  test("removes frameworks that do not return, but gives each time to find it", () => {
    const { next, frameworkId } = takenOver(0);
    expect(next.registry.frameworks.get(frameworkId)?.disconnectedAtMs).toBe(next.now.wallMs);
    next.pass(119_999);
    expect(next.registry.frameworks.has(frameworkId)).toBe(true);
    next.pass(1);
    expect(next.registry.completedFrameworks.has(frameworkId)).toBe(true);
  });

  test("the failover timeout of a framework that was away already goes on", () => {
    const first = new MasterBench();
    first.lead();
    const framework = first.framework({ failover_timeout: 1_000 });
    first.step({ kind: "stream-closed", streamId: framework.streamId });
    const next = new MasterBench({}, first.registry, "m2");
    next.now = { monotonicMs: 5, wallMs: first.now.wallMs + 600_000 };
    next.lead(2);
    next.pass(399_999);
    expect(next.registry.frameworks.has(framework.id)).toBe(true);
    next.pass(1);
    expect(next.registry.frameworks.has(framework.id)).toBe(false);
  });

  test("agents that do not return within ten minutes are unreachable", () => {
    const { next, agentId } = takenOver();
    next.pass(599_999);
    expect(next.registry.agents.get(agentId)?.unreachableAtMs).toBeUndefined();
    next.pass(1);
    expect(next.registry.agents.get(agentId)?.unreachableAtMs).toBe(next.now.wallMs);
  });

  test("the first one names the cluster, later ones do not", () => {
    const bench = new MasterBench();
    bench.lead();
    const { clusterId } = bench.registry;
    expect(clusterId).toMatch(/^[0-9a-f]{8}-/);
    const next = new MasterBench({}, bench.registry, "m2");
    next.lead(2);
    expect(bench.registry.clusterId).toBe(clusterId ?? "");
  });
});

describe("a framework that leaves", () => {
  test("without failover timeout it is removed at once, its tasks ended", () => {
    const bench = new MasterBench();
    bench.lead();
    const agentId = bench.agent(1);
    const framework = bench.framework({ failover_timeout: 0 });
    framework.launch(framework.offers[0], framework.task("t", agentId));
    bench.toAgent(1);
    bench.step({ kind: "stream-closed", streamId: framework.streamId });
    expect(bench.toAgent(1)).toMatchObject([{ kind: "shutdown-framework", frameworkId: framework.id }]);
    expect([...bench.registry.completedTasksOf(framework.id)].map((t) => t.state)).toEqual(["TASK_KILLED"]);
    const other = bench.framework();
    expect(other.offers[0]?.resources?.map((r) => r.scalar?.value)).toEqual([4, 1024]);
    expect(bench.operatorEvents.map((e) => e.type)).toContain("FRAMEWORK_REMOVED");
  });

  test("with one it has that long; coming back stops the clock", () => {
    const bench = new MasterBench();
    bench.lead();
    const framework = bench.framework({ failover_timeout: 20 });
    bench.step({ kind: "stream-closed", streamId: framework.streamId });
    bench.pass(19_000);
    bench.subscribe({ id: { value: framework.id }, failover_timeout: 20 });
    bench.pass(60_000);
    expect(bench.registry.frameworks.has(framework.id)).toBe(true);
  });

  test("operator's teardown: 200, or 400 for an unknown id", () => {
    const bench = new MasterBench();
    bench.lead();
    const framework = bench.framework();
    expect(bench.teardown("x")).toMatchObject({ status: 400, body: "No framework found with specified ID" });
    bench.autoCommit = false;
    expect(bench.teardown(framework.id)).toBeUndefined();
    bench.commit();
    expect(bench.answers.get(2)).toMatchObject({ status: 200, body: "" });
    expect(bench.closedStreams).toContain(framework.streamId);
  });
});

test("a leader whose flags ask for another history says so once; it holds for all masters", () => {
  const history = { completedFrameworks: 1, completedTasksPerFramework: 5 };
  const bench = new MasterBench({ history });
  bench.lead();
  expect(bench.registry.historyBounds).toEqual(history);
  for (const name of ["a", "b"]) bench.framework({ name }).call({ type: "TEARDOWN" });
  expect([...bench.registry.completedFrameworks.values()]).toHaveLength(1);
  const next = new MasterBench({ history }, bench.registry, "m2");
  next.autoCommit = false;
  next.lead(2);
  expect(next.proposed.map(({ kind }) => kind)).not.toContain("set-history-bounds");
});
