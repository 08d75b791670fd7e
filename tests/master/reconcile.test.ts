import { expect, test } from "bun:test";
import { TURN_MAX_ITEMS } from "../../src/base/limits.ts";
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

test("implicit: nothing of tasks on unreachable agents, which are told to who names them", () => {
  for (const capabilities of [undefined, []]) {
    const bench = new MasterBench();
    bench.lead();
    const agents = [bench.agent(1), bench.agent(2, undefined, [], 5052)];
    const framework = bench.framework(capabilities === undefined ? {} : { capabilities });
    const tasks = framework.offers.map(({ agent_id }, index) => {
      framework.launch(framework.offers[index], framework.task(`t${index}`, agent_id.value));
      bench.update(agents.indexOf(agent_id.value) + 1, framework.id, `t${index}`, "TASK_RUNNING");
      return { task_id: { value: `t${index}` }, agent_id };
    });
    expect(tasks.length).toBe(2);
    bench.step({ kind: "agent-link-closed", link: 2 });
    bench.pass(75_000);
    framework.events();
    const here = tasks.find(({ agent_id }) => agent_id.value === agents[0])?.task_id.value;
    framework.call({ type: "RECONCILE", reconcile: {} });
    const told = framework.statuses().map(({ task_id, state }) => [task_id.value, state]);
    expect(told).toEqual([[here ?? "none", "TASK_RUNNING"]]);
    framework.call({ type: "RECONCILE", reconcile: { tasks } });
    const lost = capabilities === undefined ? "TASK_UNREACHABLE" : "TASK_LOST";
    expect(new Set(framework.statuses().map(({ state }) => state))).toEqual(new Set(["TASK_RUNNING", lost]));
  }
});

test("many answers take several turns; the framework's next RECONCILE waits for them, other calls do not", () => {
  const bench = new MasterBench();
  bench.lead();
  const framework = bench.framework();
  const count = 3 * TURN_MAX_ITEMS;
  const tasks = Array.from({ length: count }, (_, i) => ({ task_id: { value: `t${i}` } }));
  framework.call({ type: "RECONCILE", reconcile: { tasks } });
  const leader = bench.core.leader;
  const waits = (type: "RECONCILE" | "REVIVE") => leader?.mustWait(framework.id, { type });
  let answers = framework.statuses().length;
  expect(answers).toBeLessThan(count);
  while (bench.core.nextDeadlineMs() === 0) {
    expect([waits("RECONCILE"), waits("REVIVE")]).toEqual([true, false]);
    bench.step({ kind: "tick" });
    answers += framework.statuses().length;
  }
  expect(answers).toBe(count);
  expect(waits("RECONCILE")).toBe(false);
  // Nobody is there any more to hear the others.
  framework.call({ type: "RECONCILE", reconcile: { tasks } });
  framework.statuses();
  bench.step({ kind: "stream-closed", streamId: framework.streamId });
  while (bench.core.nextDeadlineMs() === 0) bench.step({ kind: "tick" });
  expect(framework.statuses()).toEqual([]);
  expect(waits("RECONCILE")).toBe(false);
});
