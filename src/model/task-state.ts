/** What task states mean (Mesos common/protobuf_utils.cpp, `isTerminalState`). */
import type { OperationState } from "./v1/offers.ts";
import type { TaskState } from "./v1/tasks.ts";

/**
 * Every state, true when the task can never run again. TASK_UNREACHABLE and
 * TASK_UNKNOWN are not terminal: such a task may come back.
 */
const TERMINAL: Readonly<Record<TaskState, boolean>> = {
  TASK_STAGING: false,
  TASK_STARTING: false,
  TASK_RUNNING: false,
  TASK_KILLING: false,
  TASK_FINISHED: true,
  TASK_FAILED: true,
  TASK_KILLED: true,
  TASK_ERROR: true,
  TASK_LOST: true,
  TASK_DROPPED: true,
  TASK_UNREACHABLE: false,
  TASK_GONE: true,
  TASK_GONE_BY_OPERATOR: true,
  TASK_UNKNOWN: false,
};

/** Every state, in the order of the API's enum. */
export const TASK_STATES = Object.keys(TERMINAL) as readonly TaskState[];

export function isTerminalState(state: TaskState): boolean {
  return TERMINAL[state];
}

export function isTaskState(text: string): text is TaskState {
  return Object.hasOwn(TERMINAL, text);
}

const BY_TEXT = new Map<string, TaskState>(TASK_STATES.map((state) => [state, state]));

/** The same state, as one string for all tasks: text that was read is another one each time. */
export function sharedState(state: TaskState): TaskState {
  return BY_TEXT.get(state) ?? state;
}

/** States that only frameworks with PARTITION_AWARE know. */
const PARTITION_AWARE_STATES: ReadonlySet<TaskState> = new Set<TaskState>([
  "TASK_DROPPED",
  "TASK_UNREACHABLE",
  "TASK_GONE",
  "TASK_GONE_BY_OPERATOR",
  "TASK_UNKNOWN",
]);

/** The state as a framework is told it: TASK_LOST stands for what it does not know. */
export function stateForFramework(state: TaskState, partitionAware: boolean): TaskState {
  return !partitionAware && PARTITION_AWARE_STATES.has(state) ? "TASK_LOST" : state;
}

const TERMINAL_OPERATIONS: ReadonlySet<OperationState> = new Set<OperationState>([
  "OPERATION_FINISHED",
  "OPERATION_FAILED",
  "OPERATION_ERROR",
  "OPERATION_DROPPED",
  "OPERATION_GONE_BY_OPERATOR",
]);

export function isTerminalOperation(state: OperationState): boolean {
  return TERMINAL_OPERATIONS.has(state);
}
