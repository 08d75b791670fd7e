/** Tasks as they come from disk read, change and are written as those that were launched. */
import { expect, test } from "bun:test";
import { STORED_TASKS_PIECE_BYTES } from "../../src/base/limits.ts";
import { Random } from "../../src/base/random.ts";
import type { TaskState } from "../../src/model/v1/tasks.ts";
import { readTask, type TaskRecord, writeTask } from "../../src/registry/records.ts";
import { derivedRunId } from "../../src/registry/run-ids.ts";
import { TaskLoader } from "../../src/registry/stored-task.ts";
import { encodeMsgpack } from "../../src/wire/msgpack.ts";

const STATES: readonly (TaskState | undefined)[] = [
  undefined,
  "TASK_STAGING",
  "TASK_RUNNING",
  "TASK_FINISHED",
];

function randomTask(random: Random): TaskRecord {
  const bytes = (max: number) => Uint8Array.from({ length: random.below(max) }, () => random.below(256));
  const frameworkId = `framework-${random.below(3)}`;
  const taskId = random.pick(["t", "tâche-☃", "x".repeat(200), `task.${random.below(1000)}`]);
  return {
    taskId,
    frameworkId,
    agentId: random.pick(["a-S1", "Ω-S1", "y".repeat(130)]),
    role: random.pick(["*", "web/front"]),
    info: bytes(random.pick([3, 300, 70_000])),
    launchedAtMs: random.pick([0, 200, 40_000, 1_793_000_000_123, 0.5, 2 ** 31]),
    state: random.pick(STATES) ?? "TASK_LOST",
    stateBeforeUnreachable: random.pick(STATES),
    updateState: random.pick(STATES),
    updateUuid: random.chance(0.5) ? bytes(17) : undefined,
    statuses: Array.from({ length: random.below(20) }, () => bytes(300)),
    lastStatusState: random.pick(STATES),
    runId: random.chance(0.5) ? derivedRunId(frameworkId, taskId) : `run-${random.below(1e6)}`,
  };
}

function plain(task: TaskRecord): TaskRecord {
  return readTask(writeTask(task));
}

test("a stored task reads as the one that was written, and writes the same bytes", () => {
  const random = new Random(7);
  const loader = new TaskLoader();
  for (let round = 0; round < 300; round++) {
    const task = randomTask(random);
    const bytes = encodeMsgpack(writeTask(task));
    const given = bytes.slice();
    const stored = loader.load(given);
    // What it was loaded from is not kept.
    given.fill(0);
    expect(plain(stored)).toEqual(task);
    expect(encodeMsgpack(writeTask(stored))).toEqual(bytes);
  }
});

test("a changed task keeps what was not changed", () => {
  const random = new Random(8);
  const loader = new TaskLoader();
  for (let round = 0; round < 200; round++) {
    const task = randomTask(random);
    const stored = loader.load(encodeMsgpack(writeTask(task)));
    const other = randomTask(random);
    const changes: ((target: TaskRecord) => void)[] = [
      (target) => {
        target.state = other.state;
      },
      (target) => {
        target.stateBeforeUnreachable = other.stateBeforeUnreachable;
      },
      (target) => {
        target.updateState = other.updateState;
      },
      (target) => {
        target.updateUuid = other.updateUuid;
      },
      (target) => {
        target.statuses = other.statuses;
      },
      (target) => {
        target.lastStatusState = other.lastStatusState;
      },
    ];
    for (const change of changes.filter(() => random.chance(0.4))) {
      change(task);
      change(stored);
      expect(plain(stored)).toEqual(task);
    }
  }
});

test("tasks of one piece of memory do not touch each other", () => {
  const random = new Random(9);
  const loader = new TaskLoader();
  const tasks = Array.from({ length: 400 }, () => randomTask(random));
  const bytes = tasks.map((task) => encodeMsgpack(writeTask(task)));
  expect(bytes.reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(3 * STORED_TASKS_PIECE_BYTES);
  const stored = bytes.map((each) => loader.load(each));
  stored.forEach((task, at) => {
    if (at % 2 === 0) task.statuses = [];
  });
  stored.forEach((task, at) => {
    const wanted = tasks[at] as TaskRecord;
    expect(plain(task)).toEqual(at % 2 === 0 ? { ...wanted, statuses: [] } : wanted);
  });
});

test("bytes that are no task are a broken invariant", () => {
  const loader = new TaskLoader();
  expect(() => loader.load(encodeMsgpack(["t", "f"]))).toThrow("A stored task has 2 fields");
  expect(() => loader.load(encodeMsgpack("t"))).toThrow("where an array must begin");
  const cut = encodeMsgpack(writeTask(randomTask(new Random(1)))).subarray(0, 3);
  expect(() => loader.load(cut)).toThrow();
});
