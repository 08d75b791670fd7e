import { nanosFromMs } from "../base/time.ts";
import type { SchedulerEvent } from "../model/v1/scheduler.ts";
import type { TaskState, TaskStatus, TaskStatusReason } from "../model/v1/tasks.ts";
import type { TaskRecord } from "../registry/records.ts";
import { decodeBlob } from "../wire/blob.ts";

export interface MasterStatus {
  readonly taskId: string;
  readonly agentId: string | undefined;
  readonly state: TaskState;
  readonly reason: TaskStatusReason;
  readonly message: string;
  readonly atMs: number;
  /** Of an unreachable agent: since when. */
  readonly unreachableAtMs?: number | undefined;
}

/** A status that the master itself makes: no uuid, so nobody acknowledges it (TSK-4). */
export function masterStatus(s: MasterStatus): TaskStatus {
  return {
    task_id: { value: s.taskId },
    state: s.state,
    message: s.message,
    source: "SOURCE_MASTER",
    reason: s.reason,
    ...(s.agentId === undefined ? {} : { agent_id: { value: s.agentId } }),
    timestamp: s.atMs / 1000,
    ...(s.unreachableAtMs === undefined
      ? {}
      : { unreachable_time: { nanoseconds: nanosFromMs(s.unreachableAtMs) } }),
  };
}

export function updateEvent(status: TaskStatus): SchedulerEvent {
  return { type: "UPDATE", update: { status } };
}

export function lastStatus(task: TaskRecord): TaskStatus | undefined {
  const bytes = task.statuses.at(-1);
  return bytes === undefined ? undefined : decodeBlob("TaskStatus", bytes);
}

/**
 * The task's latest state told by the master, with what its last update said
 * about health, checks, labels and container (Mesos: Master::reconcile,
 * protobuf::createStatusUpdate).
 */
export function latestStatus(
  task: TaskRecord,
  reason: TaskStatusReason,
  message: string,
  atMs: number,
): TaskStatus {
  const last = lastStatus(task);
  return {
    ...masterStatus({
      taskId: task.taskId,
      agentId: task.agentId,
      state: task.state,
      reason,
      message,
      atMs,
    }),
    ...(last?.executor_id === undefined ? {} : { executor_id: last.executor_id }),
    ...(last?.healthy === undefined ? {} : { healthy: last.healthy }),
    ...(last?.check_status === undefined ? {} : { check_status: last.check_status }),
    ...(last?.labels === undefined ? {} : { labels: last.labels }),
    ...(last?.container_status === undefined ? {} : { container_status: last.container_status }),
    ...(task.state !== "TASK_UNREACHABLE" || last?.unreachable_time === undefined
      ? {}
      : { unreachable_time: last.unreachable_time }),
  };
}

/** `aware` for a PARTITION_AWARE framework; for others TASK_LOST stands for it (mesos.proto, TaskState). */
export function lostState(partitionAware: boolean, aware: TaskState): TaskState {
  return partitionAware ? aware : "TASK_LOST";
}
