/** Runs of one task id: a word of the old run is never taken for the new one. */
import { describe, expect, test } from "bun:test";
import type { AgentTaskReport, MasterToAgent } from "../../src/model/agent-protocol.ts";
import { type BenchFramework, MasterBench } from "../support/master-bench.ts";

interface Reused {
  readonly bench: MasterBench;
  readonly framework: BenchFramework;
  readonly agentId: string;
  /** Run ids of the completed launch of t and of the present one. */
  readonly old: string;
  readonly now: string;
  /** Uuid of the old run's end. */
  readonly end: Uint8Array;
}

function runOf(bench: MasterBench, framework: BenchFramework): string {
  return bench.registry.task(framework.id, "t")?.runId ?? "";
}

/** A run of t has ended, and the framework has an offer of what it held. */
function ended() {
  const bench = new MasterBench();
  bench.lead();
  const agentId = bench.agent(1);
  const framework = bench.framework();
  framework.launch(framework.offers[0], framework.task("t", agentId));
  const old = runOf(bench, framework);
  const end = bench.update(1, framework.id, "t", "TASK_FINISHED");
  const [offer] = framework.newOffers().slice(-1);
  return { bench, framework, agentId, old, end, offer };
}

/**
 * The old run's end was acknowledged by the framework, but that acknowledgement
 * was lost with link 1; the id was launched again before the agent came back.
 */
function reused(): Reused {
  const { bench, framework, agentId, old, end, offer } = ended();
  framework.acknowledge(agentId, "t", end);
  framework.launch(offer, framework.task("t", agentId));
  const now = runOf(bench, framework);
  bench.toAgent(1);
  framework.events();
  return { bench, framework, agentId, old, now, end };
}

function report({ framework }: Reused, runId: string | undefined, state: string): AgentTaskReport {
  return { frameworkId: framework.id, taskId: "t", containerId: undefined, state, settled: false, runId };
}

function comeBack(reused: Reused, reports: readonly AgentTaskReport[]): MasterToAgent[] {
  const { bench, agentId } = reused;
  bench.step({ kind: "agent-link-closed", link: 1 });
  bench.step({ kind: "agent-message", link: 2, message: bench.registration(1, agentId, reports) });
  return bench.toAgent(2).slice(1);
}

test("each launch has a run id of its own, and everything said to the agent names it", () => {
  const { bench, framework, agentId, old, now } = reused();
  expect(now).not.toBe(old);
  expect(now).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  framework.call({ type: "KILL", kill: { task_id: { value: "t" } } });
  const running = bench.update(1, framework.id, "t", "TASK_RUNNING");
  framework.acknowledge(agentId, "t", running);
  expect(bench.toAgent(1)).toMatchObject([
    { kind: "kill-task", runId: now },
    { kind: "acknowledge-update", runId: now },
  ]);
});

describe("an agent that still holds the old run", () => {
  test("ended: it is told to run the new one, and the late end reaches nobody", () => {
    const state = reused();
    const { bench, framework, old, now, end } = state;
    expect(comeBack(state, [report(state, old, "TASK_FINISHED")])).toMatchObject([
      { kind: "run-task", taskId: "t", runId: now },
    ]);
    bench.autoCommit = false;
    bench.update(2, framework.id, "t", "TASK_FINISHED", { uuid: end, runId: old });
    expect(bench.proposed).toEqual([]);
    expect(bench.toAgent(2)).toMatchObject([{ kind: "acknowledge-update", uuid: end, runId: old }]);
    expect(framework.statuses()).toEqual([]);
    expect(bench.registry.task(framework.id, "t")).toMatchObject({ state: "TASK_STAGING", runId: now });
    // The new run still holds its resources.
    expect(bench.core.leader?.agents.get(state.agentId)?.holdings.size).toBe(1);
  });

  test("alive: that run is killed by its id, the new one is sent", () => {
    const state = reused();
    const { old, now } = state;
    expect(comeBack(state, [report(state, old, "TASK_RUNNING")])).toMatchObject([
      { kind: "run-task", runId: now },
      { kind: "kill-task", runId: old },
    ]);
  });

  test("of an older version, without run ids: any run counts as the present one", () => {
    const state = reused();
    expect(comeBack(state, [report(state, undefined, "TASK_RUNNING")])).toEqual([]);
  });
});

test("the present run, reported, is neither sent again nor killed", () => {
  const state = reused();
  expect(comeBack(state, [report(state, state.now, "TASK_RUNNING")])).toEqual([]);
});

test("a run that the framework saw running and the agent lost is gone, though an old one is there", () => {
  const state = reused();
  const { bench, framework, old } = state;
  bench.update(1, framework.id, "t", "TASK_RUNNING");
  framework.events();
  comeBack(state, [report(state, old, "TASK_FINISHED")]);
  expect(framework.statuses()).toMatchObject([{ state: "TASK_GONE", reason: "REASON_RECONCILIATION" }]);
});

test("an update that was proposed before its run was completed is acknowledged when it is refused", () => {
  const { bench, framework, agentId, old, end, offer } = ended();
  bench.autoCommit = false;
  framework.acknowledge(agentId, "t", end);
  // Sent again by a new agent process with another uuid, before the completion is applied.
  const late = bench.update(1, framework.id, "t", "TASK_FAILED");
  bench.commit();
  bench.autoCommit = true;
  framework.launch(offer, framework.task("t", agentId));
  const acknowledged = bench.toAgent(1).filter((message) => message.kind === "acknowledge-update");
  expect(acknowledged).toMatchObject([
    { uuid: end, runId: old },
    { uuid: late, runId: old },
  ]);
  expect(runOf(bench, framework)).not.toBe(old);
});

describe("an id whose end the framework acknowledged, and only the commit of that is outstanding", () => {
  /** Launched again in the same turn, as a framework may that has the answer to its ACKNOWLEDGE. */
  function launchedAtOnce() {
    const { bench, framework, agentId, old, end, offer } = ended();
    bench.toAgent(1);
    bench.autoCommit = false;
    framework.acknowledge(agentId, "t", end);
    framework.launch(offer, framework.task("t", agentId));
    return { bench, framework, agentId, old, end };
  }

  test("is launched", () => {
    const { bench, framework, old } = launchedAtOnce();
    bench.commit();
    expect(framework.statuses()).toEqual([]);
    expect(bench.toAgent(1)).toMatchObject([
      { kind: "acknowledge-update", runId: old },
      { kind: "run-task", runId: runOf(bench, framework) },
    ]);
    expect(runOf(bench, framework)).not.toBe(old);
    expect(bench.registry.task(framework.id, "t")?.state).toBe("TASK_STAGING");
  });

  test("a kill means the new run, and follows its launch", () => {
    const { bench, framework } = launchedAtOnce();
    framework.call({ type: "KILL", kill: { task_id: { value: "t" } } });
    bench.commit();
    const runId = runOf(bench, framework);
    expect(bench.toAgent(1).slice(1)).toMatchObject([
      { kind: "run-task", runId },
      { kind: "kill-task", runId },
    ]);
  });

  test("it is reconciled as the new run, once", () => {
    const { bench, framework } = launchedAtOnce();
    framework.events();
    framework.call({ type: "RECONCILE", reconcile: { tasks: [] } });
    bench.pass(1);
    framework.call({ type: "RECONCILE", reconcile: { tasks: [{ task_id: { value: "t" } }] } });
    bench.pass(1);
    expect(framework.statuses().map(({ state }) => state)).toEqual(["TASK_STAGING", "TASK_STAGING"]);
  });

  test("a repeat of the old run's end is not told", () => {
    const { bench, framework, end, old } = launchedAtOnce();
    bench.update(1, framework.id, "t", "TASK_FINISHED", { uuid: end, runId: old });
    bench.commit();
    expect(framework.statuses()).toEqual([]);
  });

  test("nor one that was under way before the acknowledgement", () => {
    const bench = new MasterBench();
    bench.lead();
    const agentId = bench.agent(1);
    const framework = bench.framework();
    framework.launch(framework.offers[0], framework.task("t", agentId));
    bench.autoCommit = false;
    const end = bench.newUuid();
    for (const _ of [1, 2]) {
      bench.update(1, framework.id, "t", "TASK_FINISHED", { uuid: end });
    }
    const [first, second] = bench.proposed;
    expect([first?.kind, second?.kind]).toEqual(["update-task", "update-task"]);
    bench.commitNext();
    framework.acknowledge(agentId, "t", end);
    framework.launch(framework.newOffers().at(-1), framework.task("t", agentId));
    framework.events();
    bench.commit();
    expect(framework.statuses()).toEqual([]);
    expect(bench.registry.task(framework.id, "t")?.state).toBe("TASK_STAGING");
  });
});

test("a removed agent that comes back is refused, also by the next leader", () => {
  const bench = new MasterBench();
  bench.lead();
  const agentId = bench.agent(1);
  bench.fromAgent(1, { kind: "unregister-agent" });
  bench.pass(5_000);
  const next = new MasterBench({}, bench.registry, "m2");
  next.now = bench.now;
  next.lead(2);
  for (const one of [bench, next]) {
    one.toAgent(7);
    one.fromAgent(7, one.registration(1, agentId, []));
    expect(one.toAgent(7)).toMatchObject([
      { kind: "agent-refused", reason: `Agent ${agentId} was removed from the cluster 5 s ago` },
    ]);
    expect(one.closedLinks).toContain(7);
  }
  expect(bench.registry.agents.size).toBe(0);
});

test("an id whose acknowledged end found the log full is free at once all the same", () => {
  const { bench, framework, agentId, old, end, offer } = ended();
  bench.autoCommit = false;
  framework.acknowledge(agentId, "t", end);
  bench.drop();
  framework.launch(offer, framework.task("t", agentId));
  expect(bench.proposed.map(({ kind }) => kind)).toEqual(["complete-task", "launch-tasks"]);
  bench.commit();
  bench.pass(1_000);
  expect(framework.statuses()).toEqual([]);
  expect(bench.registry.task(framework.id, "t")?.state).toBe("TASK_STAGING");
  expect(runOf(bench, framework)).not.toBe(old);
});
