import { describe, expect, test } from "bun:test";
import { masterMetrics } from "../../src/master/metrics.ts";
import { MasterView } from "../../src/master/views.ts";
import { finished } from "../support/finished.ts";
import { type BenchFramework, MasterBench, scalar } from "../support/master-bench.ts";

function busy(): { bench: MasterBench; framework: BenchFramework; agentId: string } {
  const bench = new MasterBench();
  bench.lead();
  const agentId = bench.agent(1);
  const framework = bench.framework();
  framework.launch(framework.offers[0], framework.task("t1", agentId), framework.task("t2", agentId));
  bench.update(1, framework.id, "t1", "TASK_RUNNING");
  framework.acknowledge(agentId, "t2", bench.update(1, framework.id, "t2", "TASK_FAILED"));
  return { bench, framework, agentId };
}

function amounts(resources: readonly { name: string; scalar?: { value: number } }[]): object {
  return Object.fromEntries(resources.map((resource) => [resource.name, resource.scalar?.value]));
}

describe("views", () => {
  test.each([
    ["with PARTITION_AWARE", [{ type: "PARTITION_AWARE" as const }]],
    ["without", []],
  ])(
    "a task that ended just as its agent became unreachable is completed as it ended, %s",
    (_, capabilities) => {
      const bench = new MasterBench();
      bench.lead();
      const agentId = bench.agent(1);
      const framework = bench.framework({ capabilities });
      framework.launch(framework.offers[0], framework.task("t", agentId));
      bench.autoCommit = false;
      for (let ping = 0; bench.proposed.length === 0 && ping < 10; ping++) bench.pass(15_000);
      const uuid = bench.update(1, framework.id, "t", "TASK_FINISHED");
      bench.commit();
      expect(framework.statuses()).toMatchObject([{}, { state: "TASK_FINISHED" }]);
      framework.acknowledge(agentId, "t", uuid);
      bench.commit();
      const view = new MasterView(bench.registry, bench.core.leader, bench.now);
      expect([...view.completedTasks()].map(({ state }) => state)).toEqual(["TASK_FINISHED"]);
    },
  );

  test("used and offered add up; tasks are where they belong", () => {
    const { bench, framework, agentId } = busy();
    const view = new MasterView(bench.registry, bench.core.leader, bench.now);
    const agent = view.agent(agentId);
    expect(amounts(agent?.total ?? [])).toEqual({ cpus: 4, mem: 1024 });
    expect(amounts(agent?.used ?? [])).toEqual({ cpus: 1, mem: 64 });
    expect(amounts(agent?.offered ?? [])).toEqual({ cpus: 3, mem: 960 });
    expect(agent).toMatchObject({ active: true, recovered: false, unreachable: false });
    const f = view.framework(framework.id);
    expect(f).toMatchObject({ active: true, connected: true, recovered: false, unregisteredAtMs: undefined });
    expect(amounts(f?.used ?? [])).toEqual({ cpus: 1, mem: 64 });
    expect(amounts(f?.offered ?? [])).toEqual({ cpus: 3, mem: 960 });
    expect([...(f?.offers ?? [])]).toHaveLength(2);
    expect([...view.tasks()].map((t) => [t.taskId, t.state, t.role])).toEqual([["t1", "TASK_RUNNING", "*"]]);
    expect([...view.completedTasks()].map((t) => t.statuses.map((s) => s.state))).toEqual([["TASK_FAILED"]]);
    const [task] = view.tasks(framework.id);
    expect(task?.info).toMatchObject({ name: "t1", resources: [scalar("cpus", 1), scalar("mem", 64)] });
  });

  test("tasks of an unreachable agent are apart; a removed framework is completed", () => {
    const { bench, framework } = busy();
    bench.step({ kind: "agent-link-closed", link: 1 });
    bench.pass(75_000);
    const view = new MasterView(bench.registry, bench.core.leader, bench.now);
    expect([...view.tasks()]).toEqual([]);
    expect([...view.unreachableTasks()].map((t) => t.state)).toEqual(["TASK_UNREACHABLE"]);
    framework.call({ type: "TEARDOWN" });
    const [completed] = view.completedFrameworks();
    expect(completed).toMatchObject({ id: framework.id, active: false, recovered: false });
    expect(completed?.unregisteredAtMs).toBe(bench.now.wallMs);
    expect([...view.completedTasks(framework.id)]).toHaveLength(2);
  });

  test("of a framework's unreachable tasks the newest are shown", () => {
    const bench = new MasterBench({ unreachableTasksShown: 2 });
    bench.lead();
    const agentId = bench.agent(1);
    const framework = bench.framework();
    const tasks = ["a", "b", "c"].map((id) => framework.task(id, agentId));
    framework.launch(framework.offers[0], ...tasks);
    bench.step({ kind: "agent-link-closed", link: 1 });
    bench.pass(75_000);
    const view = new MasterView(bench.registry, bench.core.leader, bench.now);
    expect([...view.unreachableTasks()].map(({ taskId }) => taskId)).toEqual(["b", "c"]);
    expect([...bench.registry.tasksOf(framework.id)]).toHaveLength(3);
  });

  test("a follower shows the registry", () => {
    const { bench, framework, agentId } = busy();
    const view = new MasterView(bench.registry, undefined, bench.now);
    expect(view.framework(framework.id)).toMatchObject({ connected: false, recovered: true, offers: [] });
    expect(view.agent(agentId)).toMatchObject({ active: false, recovered: true });
  });
});

describe("metrics", () => {
  test("count what happened and show what is", () => {
    const { bench, framework } = busy();
    const metrics = finished(masterMetrics(bench.core, bench.registry, 1_500));
    const prefix = `master/frameworks/demo/${framework.id}`;
    expect(metrics).toMatchObject({
      "master/elected": 1,
      "master/uptime_secs": 1.5,
      "master/slaves_active": 1,
      "master/frameworks_active": 1,
      "master/tasks_running": 1,
      "master/tasks_staging": 0,
      "master/tasks_failed": 1,
      "master/tasks_finished": 0,
      "master/cpus_total": 4,
      "master/cpus_used": 1,
      "master/cpus_percent": 0.25,
      "master/outstanding_offers": 2,
      "master/messages_launch_tasks": 1,
      "master/messages_kill_task": 0,
      "master/valid_status_updates": 2,
      "allocator/mesos/resources/cpus/offered_or_allocated": 4,
      [`${prefix}/calls`]: 2,
      [`${prefix}/calls/accept`]: 1,
      [`${prefix}/events/update`]: 2,
      [`${prefix}/subscribed`]: 1,
      [`${prefix}/tasks/terminal/task_failed`]: 1,
    });
    expect(metrics["allocator/mesos/allocation_runs"]).toBeGreaterThan(0);
  });
});
