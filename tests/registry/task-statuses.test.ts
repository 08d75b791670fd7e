/** What an executor says may not make a task's record grow. */
import { expect, test } from "bun:test";
import { TASK_STATUS_WHOLE_MAX_BYTES, TASK_STATUSES_MAX } from "../../src/base/limits.ts";
import type { TaskState, TaskStatus } from "../../src/model/v1/tasks.ts";
import { encodeCommands } from "../../src/registry/codec.ts";
import type { Command } from "../../src/registry/commands.ts";
import { Registry } from "../../src/registry/registry.ts";
import { derivedRunId } from "../../src/registry/run-ids.ts";
import { decodeBlob, encodeBlob } from "../../src/wire/blob.ts";
import { addAgent, addFramework, launchRun, update, uuidOf } from "./fixtures.ts";

const LARGE = 100_000;

function registryWith(runId: string): Registry {
  const registry = new Registry();
  apply(registry, addFramework("f1"), addAgent("a1"), launchRun(runId, "f1", "a1", "t"));
  return registry;
}

function apply(registry: Registry, ...commands: Command[]): void {
  for (const outcome of registry.applyEntry(encodeCommands(commands)).outcomes) {
    expect(outcome.accepted).toBe(true);
  }
}

function told(state: TaskState, n: number, dataBytes: number): Command {
  const command = update("f1", "t", "a1", state, n);
  const status = { ...decodeBlob("TaskStatus", command.status), data: new Uint8Array(dataBytes) };
  return { ...command, status: encodeBlob("TaskStatus", status) };
}

function statusesOf(registry: Registry): TaskStatus[] {
  const task = registry.task("f1", "t") ?? [...registry.completedTasksOf("f1")].at(-1);
  return (task?.statuses ?? []).map((bytes) => decodeBlob("TaskStatus", bytes));
}

const dataSizes = (registry: Registry): (number | undefined)[] =>
  statusesOf(registry).map(({ data }) => data?.length);

test("the newest status keeps its data until the next, and until its end is acknowledged", () => {
  const registry = registryWith("run-1");
  apply(registry, told("TASK_STARTING", 1, LARGE), told("TASK_RUNNING", 2, LARGE));
  expect(dataSizes(registry)).toEqual([undefined, LARGE]);
  apply(registry, told("TASK_RUNNING", 3, LARGE), told("TASK_FINISHED", 4, LARGE));
  expect(dataSizes(registry)).toEqual([undefined, undefined, LARGE]);
  apply(registry, {
    kind: "complete-task",
    frameworkId: "f1",
    taskId: "t",
    uuid: uuidOf(4),
    runId: undefined,
  });
  expect(dataSizes(registry)).toEqual([undefined, undefined, undefined]);
  expect(statusesOf(registry).map(({ state, uuid }) => [state, uuid])).toEqual([
    ["TASK_STARTING", uuidOf(1)],
    ["TASK_RUNNING", uuidOf(3)],
    ["TASK_FINISHED", uuidOf(4)],
  ]);
});

test("a little data stays", () => {
  const registry = registryWith("run-1");
  apply(registry, told("TASK_STARTING", 1, TASK_STATUS_WHOLE_MAX_BYTES / 2), told("TASK_RUNNING", 2, 0));
  expect(dataSizes(registry)).toEqual([TASK_STATUS_WHOLE_MAX_BYTES / 2, 0]);
});

test("an executor that goes to and fro for ever leaves the first status and the newest", () => {
  const registry = registryWith("run-1");
  for (let n = 1; n <= 10 * TASK_STATUSES_MAX; n++) {
    apply(registry, told(n % 2 === 0 ? "TASK_STARTING" : "TASK_RUNNING", n, 0));
  }
  const uuids = statusesOf(registry).map(({ uuid }) => uuid);
  expect(uuids).toHaveLength(TASK_STATUSES_MAX);
  expect([uuids[0], uuids.at(-2), uuids.at(-1)]).toEqual([
    uuidOf(1),
    uuidOf(10 * TASK_STATUSES_MAX - 1),
    uuidOf(10 * TASK_STATUSES_MAX),
  ]);
});

test("a task from before there were run ids keeps all, as masters of that version do", () => {
  const registry = registryWith(derivedRunId("f1", "t"));
  for (let n = 1; n <= 2 * TASK_STATUSES_MAX; n++) {
    apply(registry, told(n % 2 === 0 ? "TASK_STARTING" : "TASK_RUNNING", n, LARGE));
  }
  expect(dataSizes(registry)).toEqual(new Array(2 * TASK_STATUSES_MAX).fill(LARGE));
});
