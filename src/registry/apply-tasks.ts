import { sameBytes } from "../base/bytes.ts";
import { isTerminalState, sharedState } from "../model/task-state.ts";
import type { TaskState, TaskStatus, TaskStatusReason } from "../model/v1/tasks.ts";
import { encodeBlob } from "../wire/blob.ts";
import { hasResources } from "./agent-total.ts";
import { ACCEPTED, refused } from "./apply-outcome.ts";
import type { CompleteTask, LaunchGroup, LaunchTasks, Outcome, RefusedTask, UpdateTask } from "./commands.ts";
import type { TaskRecord } from "./records.ts";
import type { RegistryState } from "./state.ts";
import { appendStatus, forgetStatusData } from "./task-statuses.ts";

export function launchTasks(state: RegistryState, command: LaunchTasks): Outcome {
  return refusalOf(state, command) ?? putTasks(state, command);
}

/** All or none: one id in use refuses the whole group. */
export function launchGroup(state: RegistryState, command: LaunchGroup): Outcome {
  const refusal = refusalOf(state, command);
  if (refusal !== undefined) return refusal;
  const inUse = command.tasks.some(({ taskId }) => state.task(command.frameworkId, taskId) !== undefined);
  return inUse ? refused("task-exists") : putTasks(state, command);
}

function refusalOf(state: RegistryState, command: LaunchTasks | LaunchGroup): Outcome | undefined {
  const { frameworkId, agentId } = command;
  if (!state.frameworks.has(frameworkId)) {
    return refused(state.completedFrameworks.has(frameworkId) ? "framework-completed" : "framework-unknown");
  }
  const agent = state.agents.get(agentId);
  if (agent === undefined || agent.unreachableAtMs !== undefined) return refused("agent-unknown");
  if (agent.drain !== undefined) return refused("agent-draining");
  if (agent.deactivated) return refused("agent-inactive");
  return hasResources(agent, command.needs) ? undefined : refused("resources-missing");
}

function putTasks(state: RegistryState, command: LaunchTasks | LaunchGroup): Outcome {
  // Text that was read from an entry is new; a hundred thousand tasks share that of the records.
  const frameworkId = state.frameworks.get(command.frameworkId)?.id ?? command.frameworkId;
  const agentId = state.agents.get(command.agentId)?.id ?? command.agentId;
  const refusedTasks: RefusedTask[] = [];
  for (const { taskId, info, runId } of command.tasks) {
    if (state.task(frameworkId, taskId) !== undefined) {
      refusedTasks.push({ taskId, reason: "task-exists" });
      continue;
    }
    state.putTask({
      taskId,
      frameworkId,
      agentId,
      role: command.role,
      info,
      launchedAtMs: command.atMs,
      state: "TASK_STAGING",
      stateBeforeUnreachable: undefined,
      updateState: undefined,
      updateUuid: undefined,
      statuses: [],
      lastStatusState: undefined,
      runId,
    });
    state.touch({ kind: "task", frameworkId, taskId });
  }
  return refusedTasks.length === 0 ? ACCEPTED : { accepted: true, refusedTasks };
}

/**
 * A repeat of the last update (the agent retries until it is acknowledged)
 * changes nothing, unless the task ended meanwhile: its resources are free
 * before the framework hears of the end (TSK-7). A task that ended stays
 * ended, unless it only counted as lost with its agent.
 */
export function updateTask(state: RegistryState, command: UpdateTask): Outcome {
  const task = state.task(command.frameworkId, command.taskId);
  if (task === undefined) return refused("task-unknown");
  if (task.agentId !== command.agentId) return refused("task-unknown");
  if (!isRun(task, command.runId)) return refused("run-mismatch");
  const latest = sharedState(command.latestState as TaskState);
  if (command.uuid !== undefined && sameBytes(task.updateUuid, command.uuid)) {
    const before = task.stateBeforeUnreachable ?? task.state;
    if (isTerminalState(latest) && !isTerminalState(before)) {
      noteLatest(task, latest);
      touch(state, task);
    }
    return ACCEPTED;
  }
  const update = sharedState(command.state as TaskState);
  if (task.updateState !== undefined && isTerminalState(task.updateState)) return refused("task-terminal");
  noteLatest(task, latest);
  task.updateState = update;
  task.updateUuid = command.uuid;
  appendStatus(task, update, command.status);
  touch(state, task);
  // Made by the master itself: without a uuid nobody acknowledges the end.
  if (command.uuid === undefined && isTerminalState(update)) completeTask(state, task);
  return ACCEPTED;
}

export function completeAcknowledged(state: RegistryState, command: CompleteTask): Outcome {
  const task = state.task(command.frameworkId, command.taskId);
  if (task === undefined) return refused("task-unknown");
  if (!isRun(task, command.runId)) return refused("run-mismatch");
  if (!sameBytes(task.updateUuid, command.uuid)) return refused("uuid-mismatch");
  if (task.updateState === undefined || !isTerminalState(task.updateState)) return refused("uuid-mismatch");
  completeTask(state, task);
  return ACCEPTED;
}

/** Moves a task to the completed ones of its framework and drops the oldest beyond the bound. */
export function completeTask(state: RegistryState, task: TaskRecord): void {
  const { frameworkId, taskId } = task;
  forgetStatusData(task);
  state.dropTask(task);
  state.touch({ kind: "task", frameworkId, taskId });
  const completed = state.completed(frameworkId);
  const number = completed.nextNumber++;
  completed.byNumber.set(number, task);
  state.touch({ kind: "completed-task", frameworkId, number });
  dropOldestTasks(state, frameworkId);
}

/** Completed tasks of the framework beyond the bound. */
export function dropOldestTasks(state: RegistryState, frameworkId: string): void {
  const { byNumber } = state.completed(frameworkId);
  for (const oldest of byNumber.keys()) {
    if (byNumber.size <= state.historyBounds.completedTasksPerFramework) return;
    byNumber.delete(oldest);
    state.touch({ kind: "completed-task", frameworkId, number: oldest });
  }
}

export function dropCompletedTasks(state: RegistryState, frameworkId: string): void {
  for (const number of state.completedTasks.get(frameworkId)?.byNumber.keys() ?? []) {
    state.touch({ kind: "completed-task", frameworkId, number });
  }
  state.completedTasks.delete(frameworkId);
}

export interface TaskEnd {
  readonly state: TaskState;
  readonly reason: TaskStatusReason;
  readonly message: string;
  readonly atMs: number;
  readonly unreachableAtMs?: number;
}

/** Gives a task a state that the master decided, with the status that says so. */
export function endTask(task: TaskRecord, end: TaskEnd): void {
  task.state = end.state;
  const status: TaskStatus = {
    task_id: { value: task.taskId },
    state: end.state,
    source: "SOURCE_MASTER",
    reason: end.reason,
    message: end.message,
    agent_id: { value: task.agentId },
    timestamp: end.atMs / 1000,
    ...(end.unreachableAtMs === undefined
      ? {}
      : { unreachable_time: { nanoseconds: end.unreachableAtMs * 1e6 } }),
  };
  appendStatus(task, end.state, encodeBlob("TaskStatus", status));
}

/** The latest state that the agent knows; an end is final. */
function noteLatest(task: TaskRecord, latest: TaskState): void {
  if (task.stateBeforeUnreachable !== undefined) task.stateBeforeUnreachable = latest;
  else if (!isTerminalState(task.state)) task.state = latest;
}

function touch(state: RegistryState, { frameworkId, taskId }: TaskRecord): void {
  state.touch({ kind: "task", frameworkId, taskId });
}

/** Entries older than run ids name none: any run is meant. */
function isRun(task: TaskRecord, runId: string | undefined): boolean {
  return runId === undefined || runId === task.runId;
}
