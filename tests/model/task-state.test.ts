import { expect, test } from "bun:test";
import {
  isTaskState,
  isTerminalOperation,
  isTerminalState,
  stateForFramework,
  TASK_STATES,
} from "../../src/model/task-state.ts";
import { enumSchema } from "../../src/wire/schema.ts";

test("every state of the API is known", () => {
  expect<readonly string[]>(TASK_STATES).toEqual([...enumSchema("TaskState").values.keys()]);
});

test("terminal states", () => {
  expect(TASK_STATES.filter((state) => !isTerminalState(state))).toEqual([
    "TASK_STAGING",
    "TASK_STARTING",
    "TASK_RUNNING",
    "TASK_KILLING",
    "TASK_UNREACHABLE",
    "TASK_UNKNOWN",
  ]);
  expect(isTerminalOperation("OPERATION_FAILED")).toBe(true);
  expect(isTerminalOperation("OPERATION_PENDING")).toBe(false);
});

test("a framework without PARTITION_AWARE is told TASK_LOST", () => {
  expect(stateForFramework("TASK_UNREACHABLE", false)).toBe("TASK_LOST");
  expect(stateForFramework("TASK_UNREACHABLE", true)).toBe("TASK_UNREACHABLE");
  expect(stateForFramework("TASK_RUNNING", false)).toBe("TASK_RUNNING");
});

test("isTaskState", () => {
  expect(isTaskState("TASK_LOST")).toBe(true);
  expect(isTaskState("toString")).toBe(false);
});
