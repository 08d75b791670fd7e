/** What frameworks hear of tasks that ended because their agent drains. */
import { expect, test } from "bun:test";
import { shownDrain } from "../../src/agent/drain.ts";
import { AgentBench, frameworkBlob } from "./agent-bench.ts";

const TERMINATED = { kind: "signaled", signal: 15 } as const;

function drained(markGone: boolean, ...capabilities: Parameters<typeof frameworkBlob>): AgentBench {
  const bench = AgentBench.registered();
  bench.running("t", {}, frameworkBlob(...capabilities));
  bench.message({ kind: "drain", term: bench.term, maxGraceMs: undefined, markGone });
  return bench;
}

test("a drained task is killed, and the reason says why", () => {
  const bench = drained(false, "PARTITION_AWARE");
  bench.exited("t", TERMINATED);
  expect(bench.lastStatus("t")).toMatchObject({ state: "TASK_KILLED", reason: "REASON_AGENT_DRAINING" });
});

test("it is shown for as long as there is something to end", () => {
  const bench = drained(true);
  const { state } = bench.core;
  expect(shownDrain(state)).toMatchObject({ drained: false, markGone: true, startedAtMs: state.now.wallMs });
  bench.exited("t", TERMINATED);
  for (let update = 0; update < 3; update++) bench.acknowledge("t");
  expect(shownDrain(state)).toBeUndefined();
});

test("TASK_KILLING has that reason too", () => {
  const bench = drained(false, "TASK_KILLING_STATE");
  expect(bench.lastStatus("t")).toMatchObject({ state: "TASK_KILLING", reason: "REASON_AGENT_DRAINING" });
});

test("with mark_gone it is TASK_GONE_BY_OPERATOR to those who know that state", () => {
  const aware = drained(true, "PARTITION_AWARE");
  aware.exited("t", TERMINATED);
  expect(aware.lastStatus("t")).toMatchObject({
    state: "TASK_GONE_BY_OPERATOR",
    reason: "REASON_AGENT_DRAINING",
  });
  const plain = drained(true);
  plain.exited("t", TERMINATED);
  expect(plain.lastStatus("t")).toMatchObject({ state: "TASK_KILLED", reason: "REASON_AGENT_DRAINING" });
});

test("the word of it outlives a restart of the agent", () => {
  const bench = drained(true, "PARTITION_AWARE");
  const again = new AgentBench({ disk: bench.disk, seed: 2 });
  again.term = bench.term;
  again.recover(() => ({ state: "ended", exit: TERMINATED }));
  again.register();
  expect(again.lastStatus("t")).toMatchObject({ state: "TASK_GONE_BY_OPERATOR" });
});

test("a task that a framework had killed already ends as killed by it", () => {
  const bench = AgentBench.registered();
  bench.running("t");
  bench.kill("t");
  bench.message({ kind: "drain", term: bench.term, maxGraceMs: 0, markGone: true });
  expect(bench.lines()).toContain("SIGTERM t");
  bench.exited("t", TERMINATED);
  expect(bench.lastStatus("t").reason).toBeUndefined();
});

test("an agent whose machine is down says that it may come back", () => {
  const bench = AgentBench.registered();
  bench.lines();
  bench.message({ kind: "agent-refused", term: bench.term, reason: "down", mayReturn: true });
  expect(bench.lines().at(-1)).toInclude("start the agent again later");
});
