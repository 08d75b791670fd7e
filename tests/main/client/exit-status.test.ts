import { expect, test } from "bun:test";
import { exitStatusOf } from "../../../src/main/client/exit-status.ts";
import type { TaskState } from "../../../src/model/v1/tasks.ts";

const CASES: [TaskState, string | undefined, number][] = [
  ["TASK_FINISHED", "Command exited with status 0", 0],
  ["TASK_FAILED", "Command exited with status 3", 3],
  ["TASK_FAILED", "Command terminated with signal Killed", 137],
  ["TASK_KILLED", "Command terminated with signal Terminated", 143],
  ["TASK_FAILED", "Command terminated with signal Segmentation fault (core dumped)", 139],
  ["TASK_FAILED", "Failed to launch container: no such file", 1],
  ["TASK_LOST", undefined, 1],
];

for (const [state, message, status] of CASES) {
  test(`${state} "${message ?? ""}" is ${status}`, () => {
    const told = { task_id: { value: "t" }, state, ...(message === undefined ? {} : { message }) };
    expect(exitStatusOf(told)).toBe(status);
  });
}

test("a task of which nothing was told is 1", () => {
  expect(exitStatusOf(undefined)).toBe(1);
});
