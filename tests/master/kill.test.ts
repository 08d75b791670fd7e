import { expect, test } from "bun:test";
import { MasterBench } from "../support/master-bench.ts";

function launched() {
  const bench = new MasterBench();
  bench.lead();
  const agentId = bench.agent(1);
  const framework = bench.framework();
  framework.launch(framework.offers[0], framework.task("t", agentId));
  return { bench, framework, agentId };
}

test("KILL goes to the agent; with another agent's id it is ignored; unknown tasks are reconciled", () => {
  const { bench, framework } = launched();
  bench.toAgent(1);
  framework.events();
  framework.call({ type: "KILL", kill: { task_id: { value: "t" }, agent_id: { value: "other" } } });
  expect(bench.toAgent(1)).toEqual([]);
  framework.call({ type: "KILL", kill: { task_id: { value: "t" } } });
  expect(bench.toAgent(1)).toMatchObject([{ kind: "kill-task", taskId: "t", gracePeriodMs: undefined }]);
  framework.call({ type: "KILL", kill: { task_id: { value: "nobody" } } });
  expect(framework.statuses()).toMatchObject([{ state: "TASK_UNKNOWN", reason: "REASON_RECONCILIATION" }]);
});

test("KILL of a task whose agent is unreachable is answered, and waits for the agent", () => {
  const { bench, framework, agentId } = launched();
  for (let ping = 0; ping < 10; ping++) bench.pass(15_000);
  framework.events();
  framework.call({ type: "KILL", kill: { task_id: { value: "t" }, agent_id: { value: "other" } } });
  framework.call({ type: "KILL", kill: { task_id: { value: "t" } } });
  const answer = { task_id: { value: "t" }, state: "TASK_UNREACHABLE", reason: "REASON_RECONCILIATION" };
  expect(framework.statuses()).toMatchObject([answer]);
  expect(bench.core.leader?.agents.get(agentId)?.kills.size).toBe(1);
});

test("a kill that overtakes its launch follows it", () => {
  const bench = new MasterBench();
  bench.lead();
  const agentId = bench.agent(1);
  const framework = bench.framework();
  bench.toAgent(1);
  bench.autoCommit = false;
  framework.launch(framework.offers[0], framework.task("t", agentId));
  framework.call({ type: "KILL", kill: { task_id: { value: "t" } } });
  bench.commit();
  expect(bench.toAgent(1).map((message) => message.kind)).toEqual(["run-task", "kill-task"]);
});

test("a kill of a task whose end waits for its acknowledgement leaves nothing behind", () => {
  const { bench, framework, agentId } = launched();
  bench.update(1, framework.id, "t", "TASK_FINISHED");
  bench.toAgent(1);
  framework.call({ type: "KILL", kill: { task_id: { value: "t" } } });
  expect(bench.toAgent(1)).toEqual([]);
  expect(bench.core.leader?.agents.get(agentId)?.kills.size).toBe(0);
});

test("a kill of a task that ended just as its agent became unreachable goes with the acknowledgement", () => {
  const { bench, framework, agentId } = launched();
  bench.autoCommit = false;
  for (let ping = 0; bench.proposed.length === 0 && ping < 10; ping++) bench.pass(15_000);
  expect(bench.proposed.map((command) => command.kind)).toEqual(["mark-agent-unreachable"]);
  const uuid = bench.update(1, framework.id, "t", "TASK_FINISHED");
  bench.commit();
  framework.acknowledge(agentId, "t", uuid);
  framework.call({ type: "KILL", kill: { task_id: { value: "t" } } });
  bench.commit();
  expect(bench.core.leader?.agents.get(agentId)?.kills.size).toBe(0);
});

test("a framework that is removed takes along its kills on an agent that is out of reach", () => {
  const { bench, framework, agentId } = launched();
  for (let ping = 0; ping < 10; ping++) bench.pass(15_000);
  const later = new MasterBench({}, bench.registry, "m2");
  later.lead(2);
  const stream = later.subscribe({ id: { value: framework.id }, failover_timeout: 3600 });
  const context = { streamId: stream, principal: undefined };
  const kill = {
    type: "KILL" as const,
    framework_id: { value: framework.id },
    kill: { task_id: { value: "t" } },
  };
  later.step({ kind: "call", ref: 901, call: kill, context });
  expect(later.core.leader?.agents.get(agentId)?.kills.size).toBe(1);
  later.step({ kind: "teardown", ref: 902, frameworkId: framework.id });
  expect(later.core.leader?.agents.get(agentId)?.kills.size).toBe(0);
});
