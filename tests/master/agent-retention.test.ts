/** Agents that left long ago are forgotten (HA-9). */
import { expect, test } from "bun:test";
import { DAY_MS, MINUTE_MS } from "../../src/base/time.ts";
import type { MasterSettings } from "../../src/master/types.ts";
import { type BenchFramework, MasterBench } from "../support/master-bench.ts";

function lost(settings: Partial<MasterSettings> = {}): {
  bench: MasterBench;
  agentId: string;
  framework: BenchFramework;
} {
  const bench = new MasterBench(settings);
  bench.lead();
  const agentId = bench.agent(1);
  const framework = bench.framework({ failover_timeout: 1e9 });
  framework.launch(framework.offers[0], framework.task("t", agentId));
  bench.update(1, framework.id, "t", "TASK_RUNNING");
  bench.step({ kind: "agent-link-closed", link: 1 });
  bench.pass(75_000);
  framework.events();
  return { bench, agentId, framework };
}

test("an agent that was unreachable for two weeks is forgotten with its tasks", () => {
  const { bench, agentId, framework } = lost();
  bench.pass(14 * DAY_MS - 80_000);
  expect(bench.registry.agents.has(agentId)).toBe(true);
  bench.pass(15 * MINUTE_MS);
  bench.pass(15 * MINUTE_MS);
  expect(bench.registry.agents.has(agentId)).toBe(false);
  expect(bench.core.leader?.agents.size).toBe(0);
  expect([...bench.registry.tasksOf(framework.id)]).toEqual([]);
  expect([...bench.registry.completedTasksOf(framework.id)].map(({ state }) => state)).toEqual([
    "TASK_UNREACHABLE",
  ]);
  framework.events();
  framework.call({
    type: "RECONCILE",
    reconcile: { tasks: [{ task_id: { value: "t" }, agent_id: { value: agentId } }] },
  });
  expect(framework.statuses()).toMatchObject([{ state: "TASK_UNKNOWN" }]);
});

test("it may come back under its id; what it still runs is nobody's any more", () => {
  const { bench, agentId, framework } = lost();
  const runId = bench.registry.task(framework.id, "t")?.runId;
  bench.pass(14 * DAY_MS + 15 * MINUTE_MS);
  expect(bench.registry.agents.has(agentId)).toBe(false);
  const task = { frameworkId: framework.id, taskId: "t", containerId: "c", state: "TASK_RUNNING", runId };
  bench.fromAgent(2, bench.registration(1, agentId, [{ ...task, settled: false }]));
  expect(bench.toAgent(2)).toMatchObject([{ kind: "agent-registered", agentId }, { kind: "kill-task" }]);
});

test("one that returns while it is being forgotten is let in as one that is not known", () => {
  const { bench, agentId } = lost();
  bench.autoCommit = false;
  bench.pass(14 * DAY_MS + 15 * MINUTE_MS);
  bench.fromAgent(2, bench.registration(1, agentId, []));
  const kinds = bench.proposed.map(({ kind }) => kind);
  expect(kinds.indexOf("forget-agents")).toBeLessThan(kinds.indexOf("reregister-agent"));
  bench.autoCommit = true;
  bench.commit();
  expect(bench.toAgent(2)).toMatchObject([{ kind: "agent-registered", agentId }]);
  expect(bench.registry.agents.get(agentId)?.unreachableAtMs).toBeUndefined();
});

test("beyond the count the oldest go first, of those unreachable and those gone", () => {
  const { bench, agentId } = lost({ registryMaxAgentCount: 1 });
  const second = bench.agent(2);
  bench.step({ kind: "agent-link-closed", link: 2 });
  bench.pass(75_000);
  const [third, fourth] = [bench.agent(3), bench.agent(4)];
  bench.change({ kind: "mark-gone", agentId: third });
  bench.pass(1);
  bench.change({ kind: "mark-gone", agentId: fourth });
  expect([...bench.registry.agents.keys()]).toEqual([agentId, second]);
  bench.pass(15 * MINUTE_MS);
  expect([...bench.registry.agents.keys()]).toEqual([second]);
  expect([...bench.registry.removedAgents.keys()]).toEqual([fourth]);
});

test("machines that are down for maintenance are expected back", () => {
  const { bench, agentId } = lost();
  const machine = { ip: "10.0.1.1" };
  const windows = [{ machine_ids: [machine], unavailability: { start: { nanoseconds: 1 } } }];
  bench.change({ kind: "schedule", schedule: { windows } });
  bench.change({ kind: "machines-down", machines: [machine] });
  bench.pass(30 * DAY_MS);
  bench.pass(15 * MINUTE_MS);
  expect(bench.registry.agents.has(agentId)).toBe(true);
});

test("the end of a task that came with an earlier update is told when its agent is forgotten", () => {
  const bench = new MasterBench();
  bench.lead();
  const agentId = bench.agent(1);
  const framework = bench.framework({ failover_timeout: 1e9 });
  framework.launch(framework.offers[0], framework.task("t", agentId));
  bench.update(1, framework.id, "t", "TASK_RUNNING", { latestState: "TASK_FINISHED" });
  bench.step({ kind: "agent-link-closed", link: 1 });
  bench.pass(75_000);
  expect(framework.statuses().map(({ state }) => state)).toEqual(["TASK_RUNNING"]);
  bench.pass(14 * DAY_MS + 15 * MINUTE_MS);
  expect(framework.statuses()).toMatchObject([{ state: "TASK_FINISHED", agent_id: { value: agentId } }]);
  expect([...bench.registry.completedTasksOf(framework.id)].map(({ state }) => state)).toEqual([
    "TASK_FINISHED",
  ]);
});
