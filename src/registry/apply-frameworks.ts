import { isTerminalState } from "../model/task-state.ts";
import type { FrameworkInfo } from "../model/v1/frameworks.ts";
import { decodeBlob } from "../wire/blob.ts";
import { dropOperations } from "./apply-operations.ts";
import { ACCEPTED, refused } from "./apply-outcome.ts";
import { completeTask, dropCompletedTasks, endTask } from "./apply-tasks.ts";
import type {
  AddFramework,
  DisconnectFramework,
  EndTasks,
  Outcome,
  RemoveFramework,
  UpdateFramework,
} from "./commands.ts";
import type { FrameworkRecord, TaskRecord } from "./records.ts";
import type { RegistryState } from "./state.ts";

function isPartitionAware(info: Uint8Array): boolean {
  const framework: FrameworkInfo = decodeBlob("FrameworkInfo", info);
  return framework.capabilities?.some((capability) => capability.type === "PARTITION_AWARE") ?? false;
}

export function addFramework(state: RegistryState, command: AddFramework): Outcome {
  const { frameworkId: id, info, atMs } = command;
  if (state.completedFrameworks.has(id)) return refused("framework-completed");
  if (state.frameworks.has(id)) return refused("framework-exists");
  state.frameworks.set(id, {
    id,
    info,
    partitionAware: isPartitionAware(info),
    registeredAtMs: atMs,
    reregisteredAtMs: undefined,
    disconnectedAtMs: undefined,
    removedAtMs: undefined,
    leavingAtMs: undefined,
  });
  state.touch({ kind: "framework", id });
  return ACCEPTED;
}

export function updateFramework(state: RegistryState, command: UpdateFramework): Outcome {
  const framework = state.frameworks.get(command.frameworkId);
  if (framework === undefined) {
    return refused(
      state.completedFrameworks.has(command.frameworkId) ? "framework-completed" : "framework-unknown",
    );
  }
  if (framework.leavingAtMs !== undefined) return refused("framework-completed");
  framework.info = command.info;
  framework.partitionAware = isPartitionAware(command.info);
  framework.reregisteredAtMs = command.atMs;
  framework.disconnectedAtMs = undefined;
  state.touch({ kind: "framework", id: framework.id });
  return ACCEPTED;
}

export function disconnectFramework(state: RegistryState, command: DisconnectFramework): Outcome {
  const framework = state.frameworks.get(command.frameworkId);
  if (framework === undefined) return refused("framework-unknown");
  framework.disconnectedAtMs = command.atMs;
  state.touch({ kind: "framework", id: framework.id });
  return ACCEPTED;
}

/** Mesos' Master::removeFramework: tasks that had not ended become TASK_KILLED, REASON_FRAMEWORK_REMOVED. */
export function removeFramework(state: RegistryState, command: RemoveFramework): Outcome {
  const framework = state.frameworks.get(command.frameworkId);
  if (framework === undefined) return refused("framework-unknown");
  for (const task of state.sortedTasks(state.tasks.get(framework.id)?.values())) {
    endWithFramework(state, task, command.atMs);
  }
  dropOperations(state, (operation) => operation.frameworkId === framework.id);
  state.frameworks.delete(framework.id);
  state.touch({ kind: "framework", id: framework.id });
  framework.removedAtMs = command.atMs;
  state.completedFrameworks.set(framework.id, framework);
  state.touch({ kind: "completed-framework", id: framework.id });
  dropOldestCompleted(state);
  return ACCEPTED;
}

/**
 * A removal is applied without a break; of a framework with many tasks most end before it. From the first of
 * them on it is leaving: the next leader goes on where this one stops.
 */
export function endTasks(state: RegistryState, { frameworkId, taskIds, atMs }: EndTasks): Outcome {
  const framework = state.frameworks.get(frameworkId);
  if (framework === undefined) return refused("framework-unknown");
  if (framework.leavingAtMs === undefined) {
    framework.leavingAtMs = atMs;
    state.touch({ kind: "framework", id: frameworkId });
  }
  for (const taskId of taskIds) {
    const task = state.task(frameworkId, taskId);
    if (task !== undefined) endWithFramework(state, task, atMs);
  }
  return ACCEPTED;
}

function endWithFramework(state: RegistryState, task: TaskRecord, atMs: number): void {
  if (!isTerminalState(task.state)) {
    endTask(task, {
      state: "TASK_KILLED",
      reason: "REASON_FRAMEWORK_REMOVED",
      message: "Framework was removed",
      atMs,
    });
  }
  completeTask(state, task);
}

/** Those beyond the bound, with their tasks. */
export function dropOldestCompleted(state: RegistryState): void {
  const { completedFrameworks, historyBounds } = state;
  while (completedFrameworks.size > historyBounds.completedFrameworks) {
    const oldest = [...completedFrameworks.values()].reduce((a, b) => (removedBefore(a, b) ? a : b));
    completedFrameworks.delete(oldest.id);
    state.touch({ kind: "completed-framework", id: oldest.id });
    dropCompletedTasks(state, oldest.id);
  }
}

/** By time, then by id: never by map order, which differs after a restart. */
function removedBefore(a: FrameworkRecord, b: FrameworkRecord): boolean {
  const atA = a.removedAtMs ?? 0;
  const atB = b.removedAtMs ?? 0;
  return atA !== atB ? atA < atB : a.id < b.id;
}
