import { expect, test } from "bun:test";
import { encodeCommands } from "../../src/registry/codec.ts";
import type { Command, Outcome } from "../../src/registry/commands.ts";
import { Registry } from "../../src/registry/registry.ts";
import { AT_MS, addAgent, addFramework, launchRun } from "./fixtures.ts";

function apply(registry: Registry, command: Command): Outcome | undefined {
  return registry.applyEntry(encodeCommands([command])).outcomes[0];
}

function statesOf(registry: Registry): string[] {
  return [...registry.completedTasksOf("f1")].map(({ taskId, state }) => `${taskId} ${state}`);
}

test("tasks end as the removal of their framework ends them, and only once", () => {
  const registry = new Registry();
  apply(registry, addFramework("f1", true));
  apply(registry, addAgent("a1", 8));
  for (const id of ["t1", "t2", "t3"]) apply(registry, launchRun(`run-${id}`, "f1", "a1", id));
  const end = {
    kind: "end-tasks",
    frameworkId: "f1",
    taskIds: ["t2", "unknown", "t1"],
    atMs: AT_MS,
  } as const;
  expect(apply(registry, end)).toEqual({ accepted: true });
  expect(statesOf(registry)).toEqual(["t2 TASK_KILLED", "t1 TASK_KILLED"]);
  expect(registry.taskCountOf("f1")).toBe(1);
  const digest = registry.digest();
  expect(apply(registry, end)).toEqual({ accepted: true });
  expect(registry.digest()).toBe(digest);
  const { info } = registry.frameworks.get("f1") ?? { info: new Uint8Array() };
  expect(apply(registry, { kind: "update-framework", frameworkId: "f1", info, atMs: AT_MS })).toEqual({
    accepted: false,
    reason: "framework-completed",
  });
  apply(registry, { kind: "remove-framework", frameworkId: "f1", atMs: AT_MS });
  expect(statesOf(registry)).toEqual(["t2 TASK_KILLED", "t1 TASK_KILLED", "t3 TASK_KILLED"]);
  expect(registry.taskCountOf("f1")).toBe(0);
});

test("a framework that is no more has no tasks to end", () => {
  const registry = new Registry();
  const end = { kind: "end-tasks", frameworkId: "f1", taskIds: ["t1"], atMs: AT_MS } as const;
  expect(apply(registry, end)).toEqual({ accepted: false, reason: "framework-unknown" });
});
