import { describe, expect, test } from "bun:test";
import { COMPLETED_FRAMEWORKS_MAX, COMPLETED_TASKS_PER_FRAMEWORK_MAX } from "../../src/base/limits.ts";
import type { TaskStatus } from "../../src/model/v1/tasks.ts";
import { encodeCommands } from "../../src/registry/codec.ts";
import type { Command, Outcome } from "../../src/registry/commands.ts";
import { Registry } from "../../src/registry/registry.ts";
import { decodeBlob } from "../../src/wire/blob.ts";
import {
  AT_MS,
  addAgent,
  addFramework,
  launch,
  launchGroup,
  launchRun,
  reregister,
  update,
  uuidOf,
} from "./fixtures.ts";

function apply(registry: Registry, ...commands: Command[]): readonly Outcome[] {
  return registry.applyEntry(encodeCommands(commands)).outcomes;
}

function withTask(partitionAware = true): Registry {
  const registry = new Registry();
  apply(registry, addFramework("f1", partitionAware), addAgent("a1"), launch("f1", "a1", "t1"));
  return registry;
}

function statusesOf(registry: Registry, taskId = "t1"): TaskStatus[] {
  const task =
    registry.task("f1", taskId) ?? [...registry.completedTasksOf("f1")].find((t) => t.taskId === taskId);
  return (task?.statuses ?? []).map((bytes) => decodeBlob("TaskStatus", bytes));
}

describe("frameworks", () => {
  test("are added once and known by id", () => {
    const registry = new Registry();
    expect(apply(registry, addFramework("f1"), addFramework("f1"))).toEqual([
      { accepted: true },
      { accepted: false, reason: "framework-exists" },
    ]);
    expect(registry.frameworks.get("f1")?.registeredAtMs).toBe(AT_MS);
  });

  test("a removed framework keeps its id and ends its tasks as TASK_KILLED", () => {
    const registry = withTask();
    apply(registry, { kind: "remove-framework", frameworkId: "f1", atMs: AT_MS + 1 });
    expect(registry.frameworks.size).toBe(0);
    expect(registry.taskCount).toBe(0);
    expect(registry.completedFrameworks.get("f1")?.removedAtMs).toBe(AT_MS + 1);
    const [task] = [...registry.completedTasksOf("f1")];
    expect(task?.state).toBe("TASK_KILLED");
    expect(statusesOf(registry).at(-1)).toMatchObject({
      reason: "REASON_FRAMEWORK_REMOVED",
      source: "SOURCE_MASTER",
    });
    expect(apply(registry, addFramework("f1"))).toEqual([{ accepted: false, reason: "framework-completed" }]);
  });

  test("a disconnection is kept until the framework comes back", () => {
    const registry = withTask();
    apply(registry, { kind: "disconnect-framework", frameworkId: "f1", atMs: AT_MS + 7 });
    expect(registry.frameworks.get("f1")?.disconnectedAtMs).toBe(AT_MS + 7);
    const added = addFramework("f1") as Extract<Command, { kind: "add-framework" }>;
    apply(registry, { ...added, kind: "update-framework", atMs: AT_MS + 9 });
    expect(registry.frameworks.get("f1")).toMatchObject({
      disconnectedAtMs: undefined,
      reregisteredAtMs: AT_MS + 9,
    });
  });

  test("only the latest removed ones are kept, with their tasks", () => {
    const registry = new Registry();
    apply(registry, addAgent("a1"));
    for (let i = 0; i <= COMPLETED_FRAMEWORKS_MAX; i++) {
      apply(registry, addFramework(`f${i}`), launch(`f${i}`, "a1", "t"));
      apply(registry, { kind: "remove-framework", frameworkId: `f${i}`, atMs: AT_MS + i });
    }
    expect(registry.completedFrameworks.size).toBe(COMPLETED_FRAMEWORKS_MAX);
    expect(registry.completedFrameworks.has("f0")).toBe(false);
    expect([...registry.completedTasksOf("f0")]).toEqual([]);
    expect([...registry.completedTasksOf("f1")]).toHaveLength(1);
  });
});

describe("tasks", () => {
  test("a task id in use is refused while the others of the launch go through", () => {
    const registry = withTask();
    expect(apply(registry, launch("f1", "a1", "t1", "t2"))).toEqual([
      { accepted: true, refusedTasks: [{ taskId: "t1", reason: "task-exists" }] },
    ]);
    expect(registry.taskCount).toBe(2);
  });

  test("a launch needs its framework and a reachable agent", () => {
    const registry = withTask();
    expect(apply(registry, launch("nobody", "a1", "t"), launch("f1", "nowhere", "t"))).toEqual([
      { accepted: false, reason: "framework-unknown" },
      { accepted: false, reason: "agent-unknown" },
    ]);
  });

  test("updates are taken in order, a repeated one changes nothing", () => {
    const registry = withTask();
    const running = update("f1", "t1", "a1", "TASK_RUNNING", 2);
    apply(registry, update("f1", "t1", "a1", "TASK_STARTING", 1), running);
    const digest = registry.digest();
    expect(apply(registry, running)).toEqual([{ accepted: true }]);
    expect(registry.digest()).toBe(digest);
    expect(statusesOf(registry).map((status) => status.state)).toEqual(["TASK_STARTING", "TASK_RUNNING"]);
  });

  test("a repeat that knows of the task's end sets the latest state and nothing else", () => {
    const registry = withTask();
    apply(registry, update("f1", "t1", "a1", "TASK_RUNNING", 1));
    apply(registry, update("f1", "t1", "a1", "TASK_RUNNING", 1, "TASK_FINISHED"));
    expect(registry.task("f1", "t1")).toMatchObject({ state: "TASK_FINISHED", updateState: "TASK_RUNNING" });
    expect(statusesOf(registry).map((status) => status.state)).toEqual(["TASK_RUNNING"]);
    const digest = registry.digest();
    apply(registry, update("f1", "t1", "a1", "TASK_RUNNING", 1, "TASK_FINISHED"));
    expect(registry.digest()).toBe(digest);
  });

  test("of equal states in a row the last is kept", () => {
    const registry = withTask();
    apply(registry, update("f1", "t1", "a1", "TASK_RUNNING", 1), update("f1", "t1", "a1", "TASK_RUNNING", 2));
    expect(statusesOf(registry).map((status) => status.uuid)).toEqual([uuidOf(2)]);
  });

  test("a finished task stays finished and is completed by the matching acknowledgement only", () => {
    const registry = withTask();
    apply(registry, update("f1", "t1", "a1", "TASK_FINISHED", 3));
    expect(apply(registry, update("f1", "t1", "a1", "TASK_RUNNING", 4))).toEqual([
      { accepted: false, reason: "task-terminal" },
    ]);
    const complete = (n: number): Command => ({
      kind: "complete-task",
      frameworkId: "f1",
      taskId: "t1",
      uuid: uuidOf(n),
      runId: undefined,
    });
    expect(apply(registry, complete(9), complete(3), complete(3))).toEqual([
      { accepted: false, reason: "uuid-mismatch" },
      { accepted: true },
      { accepted: false, reason: "task-unknown" },
    ]);
    expect(registry.taskCount).toBe(0);
    expect([...registry.completedTasksOf("f1")].map((task) => task.state)).toEqual(["TASK_FINISHED"]);
  });

  test("an acknowledgement of a non-terminal update completes nothing", () => {
    const registry = withTask();
    apply(registry, update("f1", "t1", "a1", "TASK_RUNNING", 1, "TASK_FINISHED"));
    expect(
      apply(registry, {
        kind: "complete-task",
        frameworkId: "f1",
        taskId: "t1",
        uuid: uuidOf(1),
        runId: undefined,
      }),
    ).toEqual([{ accepted: false, reason: "uuid-mismatch" }]);
  });

  test("the oldest completed tasks go beyond the bound", () => {
    const registry = withTask();
    for (let i = 0; i < COMPLETED_TASKS_PER_FRAMEWORK_MAX + 3; i++) {
      apply(registry, launch("f1", "a1", `n${i}`), update("f1", `n${i}`, "a1", "TASK_FINISHED", i), {
        kind: "complete-task",
        frameworkId: "f1",
        taskId: `n${i}`,
        uuid: uuidOf(i),
        runId: undefined,
      });
    }
    const kept = [...registry.completedTasksOf("f1")];
    expect(kept).toHaveLength(COMPLETED_TASKS_PER_FRAMEWORK_MAX);
    expect(kept[0]?.taskId).toBe("n3");
  });
});

describe("agents", () => {
  test("unreachable: tasks are TASK_UNREACHABLE and come back with the agent", () => {
    const registry = withTask();
    apply(registry, update("f1", "t1", "a1", "TASK_RUNNING", 1));
    apply(registry, { kind: "mark-agent-unreachable", agentId: "a1", atMs: AT_MS + 3 });
    expect(registry.task("f1", "t1")?.state).toBe("TASK_UNREACHABLE");
    expect(statusesOf(registry).at(-1)?.unreachable_time?.nanoseconds).toBe((AT_MS + 3) * 1e6);
    apply(registry, reregister("a1"));
    expect(registry.task("f1", "t1")).toMatchObject({
      state: "TASK_RUNNING",
      stateBeforeUnreachable: undefined,
    });
    expect(apply(registry, update("f1", "t1", "a1", "TASK_FINISHED", 2))).toEqual([{ accepted: true }]);
  });

  test("without PARTITION_AWARE the same task is TASK_LOST and still comes back", () => {
    const registry = withTask(false);
    apply(registry, { kind: "mark-agent-unreachable", agentId: "a1", atMs: AT_MS });
    expect(registry.task("f1", "t1")?.state).toBe("TASK_LOST");
    apply(registry, reregister("a1"));
    expect(registry.task("f1", "t1")?.state).toBe("TASK_STAGING");
  });

  test("removed: tasks are gone for good", () => {
    const registry = withTask();
    apply(registry, { kind: "remove-agent", agentId: "a1", atMs: AT_MS, remember: true });
    expect([...registry.completedTasksOf("f1")].map((task) => task.state)).toEqual(["TASK_GONE"]);
    expect(apply(registry, reregister("a1"))).toEqual([{ accepted: false, reason: "agent-removed" }]);
  });
});

test("the cluster is initialised once", () => {
  const registry = new Registry();
  const init = (clusterId: string): Command => ({ kind: "init-cluster", clusterId, atMs: AT_MS });
  expect(apply(registry, init("one"), init("two"))).toEqual([
    { accepted: true },
    { accepted: false, reason: "cluster-exists" },
  ]);
  expect(registry.clusterId).toBe("one");
});

describe("how much history is kept", () => {
  const bounds = (completedFrameworks: number, completedTasksPerFramework: number): Command => ({
    kind: "set-history-bounds",
    bounds: { completedFrameworks, completedTasksPerFramework },
  });

  function withHistory(): Registry {
    const registry = new Registry();
    apply(registry, addAgent("a"));
    for (const f of ["f1", "f2", "f3"]) {
      apply(registry, addFramework(f));
      for (const t of ["t1", "t2", "t3"]) {
        apply(registry, launch(f, "a", t), update(f, t, "a", "TASK_FINISHED", 1));
        apply(registry, {
          kind: "complete-task",
          frameworkId: f,
          taskId: t,
          uuid: uuidOf(1),
          runId: undefined,
        });
      }
    }
    for (const [i, f] of ["f1", "f2"].entries()) {
      apply(registry, { kind: "remove-framework", frameworkId: f, atMs: AT_MS + i });
    }
    return registry;
  }

  const completed = (registry: Registry, id: string): string[] =>
    [...registry.completedTasksOf(id)].map(({ taskId }) => taskId);

  test("smaller bounds forget the oldest at once, and hold from then on", () => {
    const registry = withHistory();
    expect(apply(registry, bounds(1, 2))).toEqual([{ accepted: true }]);
    expect([...registry.completedFrameworks.keys()]).toEqual(["f2"]);
    expect(["f1", "f2", "f3"].map((id) => completed(registry, id))).toEqual([[], ["t2", "t3"], ["t2", "t3"]]);
    apply(registry, { kind: "remove-framework", frameworkId: "f3", atMs: AT_MS + 9 });
    expect([...registry.completedFrameworks.keys()]).toEqual(["f3"]);
    expect(completed(registry, "f2")).toEqual([]);
  });

  test("stands on disk: a master that starts again forgets alike", () => {
    const registry = withHistory();
    apply(registry, bounds(2, 1));
    const entries = registry
      .takeChanges()
      .flatMap(([key, value]) => (value === null ? [] : [[key, value] as const]))
      .sort(([a], [b]) => Buffer.compare(a, b));
    const again = Registry.from(entries);
    expect(again.historyBounds).toEqual({ completedFrameworks: 2, completedTasksPerFramework: 1 });
    for (const one of [registry, again]) {
      apply(one, launch("f3", "a", "t9"), update("f3", "t9", "a", "TASK_FINISHED", 5));
      apply(one, {
        kind: "complete-task",
        frameworkId: "f3",
        taskId: "t9",
        uuid: uuidOf(5),
        runId: undefined,
      });
      expect(completed(one, "f3")).toEqual(["t9"]);
    }
    expect(again.digest()).toBe(registry.digest());
  });
});

test("a group is launched whole or not at all", () => {
  const registry = new Registry();
  apply(registry, addFramework("f"), addAgent("a"), launchRun("r1", "f", "a", "t1"));
  expect(apply(registry, launchGroup("r2", "f", "a", "t2", "t1"))).toEqual([
    { accepted: false, reason: "task-exists" },
  ]);
  expect(registry.task("f", "t2")).toBeUndefined();
  expect(apply(registry, launchGroup("r3", "f", "a", "t2", "t3"))).toEqual([{ accepted: true }]);
  expect(["t2", "t3"].map((id) => registry.task("f", id)?.runId)).toEqual(["r3", "r3"]);
  expect(apply(registry, launchGroup("r4", "f", "nowhere", "t4"))).toEqual([
    { accepted: false, reason: "agent-unknown" },
  ]);
});
