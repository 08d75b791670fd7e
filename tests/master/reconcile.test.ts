import { expect, test } from "bun:test";
import { MasterBench } from "../support/master-bench.ts";

test("explicit answers follow the table", () => {
  const bench = new MasterBench();
  bench.lead();
  const agentId = bench.agent(1);
  const away = bench.agent(2, undefined, [], 5052);
  bench.step({ kind: "agent-link-closed", link: 2 });
  bench.pass(75_000);
  const framework = bench.framework();
  const plain = bench.framework({ capabilities: [] });
  const launched = framework.launch(framework.offers[0], framework.task("t", agentId));
  expect(launched?.status).toBe(202);
  bench.update(1, framework.id, "t", "TASK_RUNNING");
  framework.events();
  plain.events();
  const tasks = [
    { task_id: { value: "t" } },
    { task_id: { value: "a" } },
    { task_id: { value: "b" }, agent_id: { value: agentId } },
    { task_id: { value: "c" }, agent_id: { value: away } },
    { task_id: { value: "d" }, agent_id: { value: "nowhere" } },
  ];
  framework.call({ type: "RECONCILE", reconcile: { tasks } });
  const statuses = framework.statuses();
  expect(statuses.map((status) => [status.task_id.value, status.state, status.message])).toEqual([
    ["t", "TASK_RUNNING", "Reconciliation: Latest task state"],
    ["a", "TASK_UNKNOWN", "Reconciliation: Task is unknown"],
    ["b", "TASK_GONE", "Reconciliation: Task is unknown to the agent"],
    ["c", "TASK_UNREACHABLE", "Reconciliation: Task is unreachable"],
    ["d", "TASK_UNKNOWN", "Reconciliation: Task is unknown"],
  ]);
  for (const status of statuses) {
    expect(status).toMatchObject({ source: "SOURCE_MASTER", reason: "REASON_RECONCILIATION" });
    expect(status.uuid).toBeUndefined();
  }
  expect(statuses[3]?.unreachable_time?.nanoseconds).toBe(bench.now.wallMs * 1e6);
  plain.call({ type: "RECONCILE", reconcile: { tasks } });
  expect(new Set(plain.statuses().map((status) => status.state))).toEqual(new Set(["TASK_LOST"]));
});

test("implicit: one update for each task, also for a launch under way", () => {
  const bench = new MasterBench();
  bench.lead();
  const agentId = bench.agent(1);
  const framework = bench.framework();
  framework.call({ type: "RECONCILE", reconcile: {} });
  expect(framework.events()).toEqual([]);
  framework.launch(framework.offers[0], framework.task("t1", agentId));
  const [rest] = framework.newOffers();
  bench.autoCommit = false;
  framework.launch(rest, framework.task("t2", agentId));
  framework.events();
  framework.call({ type: "RECONCILE", reconcile: {} });
  expect(framework.statuses().map((status) => [status.task_id.value, status.state])).toEqual([
    ["t1", "TASK_STAGING"],
    ["t2", "TASK_STAGING"],
  ]);
});
