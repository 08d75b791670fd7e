/** A task and a framework as the agent's core holds them in memory. */
import { msFromNanos, SECOND_MS } from "../base/time.ts";
import type { RunTask, RunTaskGroup } from "../model/agent-protocol.ts";
import type { NetworkInfo } from "../model/v1/containers.ts";
import type { FrameworkInfo } from "../model/v1/frameworks.ts";
import type { TaskInfo, TaskState } from "../model/v1/tasks.ts";
import { decodeBlob, withoutBlobField } from "../wire/blob.ts";
import { type Amounts, amountsOf } from "./accounting.ts";
import type { Ending, PendingUpdate, StreamRecord, TaskRecord } from "./records.ts";
import { newChecks, type TaskChecks } from "./task-checks.ts";

/** Grace between SIGTERM and SIGKILL without a kill policy (Mesos docs/task-killing; constants.hpp: 3 s). */
export const DEFAULT_KILL_GRACE_MS = 3 * SECOND_MS;

/**
 *     checkpointing --durable--> launching --launched--> running --exited--> ended
 *           \--killed, refused------\--launch-failed-----------------------/
 *
 * The task of an executor is `checkpointing` until it is sent to it, and then `running`.
 */
export type TaskPhase = "checkpointing" | "launching" | "running" | "ended";

/** A task that runs, or whose terminal update is not acknowledged. */
export interface Task {
  /** `<FID>/<TID>`; ids hold no slash. */
  readonly key: string;
  /** Last part of the keys of its records. */
  readonly recordKey: string;
  /** Undefined for a task of an older version. */
  readonly runId: string | undefined;
  readonly frameworkId: string;
  readonly taskId: string;
  /** Its own, or its executor's. */
  readonly containerId: string;
  /** blob TaskInfo. */
  readonly info: Uint8Array;
  readonly amounts: Amounts;
  /** Of a task that names an executor; a command task is its own. */
  readonly executorId: string | undefined;
  /** The built-in executor runs it, in a container of its own inside that of its pod; see pod.ts. */
  readonly inPod: boolean;
  /** Equal for the tasks of one group. */
  readonly group: string | undefined;
  /** Of a pod's task: its limits are those of the pod, for all tasks together. */
  readonly sharesCgroup: boolean;
  readonly killGraceMs: number;
  readonly maxCompletionMs: number | undefined;
  phase: TaskPhase;
  ending: Ending | undefined;
  /** Of the kill that is under way, if that named one. */
  endingGraceMs: number | undefined;
  /** It is being ended because its health check failed. */
  endedAsUnhealthy: boolean;
  /** It was ended for the memory it used. */
  brokeMemoryLimit: boolean;
  /** Undefined when the task asks for none. */
  readonly checks: TaskChecks | undefined;
  /** Wall time; undefined before the start. */
  startedAtMs: number | undefined;
  pid: number | undefined;
  /** What its container joined; undefined on the host's network. */
  networks: readonly NetworkInfo[] | undefined;
  readonly stream: UpdateStream;
}

/** The updates of one task; see status-updates.ts. */
export interface UpdateStream {
  /** Latest state, acknowledged or not. */
  state: TaskState;
  readonly pending: PendingUpdate[];
  /** Blobs TaskStatus, newest last, bounded: for views only. */
  readonly statuses: Uint8Array[];
  /** Last of `pending`, if it only tells of a check and may give way to newer news. */
  news: PendingUpdate | undefined;
  /** Ids of the executor's newest updates, oldest first. */
  readonly received: Uint8Array[];
  /** Checkpoint token of the newest write; the head waits for it. */
  writtenToken: number;
  /** Whether the head was sent over the present link. */
  inFlight: boolean;
  /** Distance to the next repetition. */
  retryMs: number;
}

/** A run that waits for the end of an older one of the same task id; see task-runs.ts. */
export interface Successor {
  readonly message: RunTask;
  killed: boolean;
}

/** A group that waits for the end of older runs of its task ids; see run-task-group.ts. */
export interface WaitingGroup {
  readonly message: RunTaskGroup;
  /** A task of it was killed: so is the whole. */
  killed: boolean;
}

export interface Framework {
  readonly id: string;
  /** blob FrameworkInfo. */
  info: Uint8Array;
  user: string;
  partitionAware: boolean;
  /** Whether it wants to see TASK_KILLING. */
  killingState: boolean;
  /** Keys of its tasks, in the order they came. */
  readonly tasks: Set<string>;
  /** Keys of its executors whose containers may live. */
  readonly executors: Set<string>;
}

export function taskKey(frameworkId: string, taskId: string): string {
  return `${frameworkId}/${taskId}`;
}

/** With the run id, so that no late write of one run touches another's; without one in an older version. */
export function recordKey({ frameworkId, taskId, runId }: TaskRecord): string {
  const key = taskKey(frameworkId, taskId);
  return runId === undefined ? key : `${key}/${runId}`;
}

export const INITIAL_RETRY_MS = 10 * SECOND_MS;

/** A task as its record describes it; without a stream it is new. */
export function newTask(record: TaskRecord, stream?: StreamRecord): Task {
  const info: TaskInfo = decodeBlob("TaskInfo", record.info);
  const grace = info.kill_policy?.grace_period;
  const limit = info.max_completion_time;
  return {
    key: taskKey(record.frameworkId, record.taskId),
    recordKey: recordKey(record),
    runId: record.runId,
    frameworkId: record.frameworkId,
    taskId: record.taskId,
    containerId: record.containerId,
    info: record.info,
    amounts: amountsOf(info.resources ?? []),
    executorId: info.executor?.executor_id.value,
    inPod: info.executor?.type === "DEFAULT",
    group: record.group,
    sharesCgroup: info.container?.linux_info?.share_cgroups ?? true,
    killGraceMs: grace === undefined ? DEFAULT_KILL_GRACE_MS : msFromNanos(grace.nanoseconds),
    maxCompletionMs: limit === undefined ? undefined : msFromNanos(limit.nanoseconds),
    phase: "checkpointing",
    ending: stream?.ending,
    endingGraceMs: stream?.endingGraceMs,
    endedAsUnhealthy: stream?.endedAsUnhealthy ?? false,
    brokeMemoryLimit: false,
    checks: newChecks(info, stream?.checks),
    startedAtMs: stream?.startedAtMs,
    pid: undefined,
    networks: undefined,
    stream: {
      state: stream?.state ?? "TASK_STAGING",
      pending: [...(stream?.pending ?? [])],
      statuses: (stream?.pending ?? []).map(shownStatus),
      news: undefined,
      received: [...(stream?.received ?? [])],
      writtenToken: 0,
      inFlight: false,
      retryMs: INITIAL_RETRY_MS,
    },
  };
}

/** What views show of an update: its data may be large, and would stay long after the task. */
export function shownStatus({ status }: PendingUpdate): Uint8Array {
  return withoutBlobField("TaskStatus", "data", status);
}

/** Whether its container is there for it alone: not that of a framework's executor. */
export function ownsContainer({ executorId, inPod }: Pick<Task, "executorId" | "inPod">): boolean {
  return executorId === undefined || inPod;
}

export function newFramework(id: string, info: Uint8Array): Framework {
  const framework: Framework = {
    id,
    info,
    user: "",
    partitionAware: false,
    killingState: false,
    tasks: new Set(),
    executors: new Set(),
  };
  setFrameworkInfo(framework, info);
  return framework;
}

/** Takes over a newer FrameworkInfo. */
export function setFrameworkInfo(framework: Framework, info: Uint8Array): void {
  const decoded: FrameworkInfo = decodeBlob("FrameworkInfo", info);
  const has = (type: string): boolean => decoded.capabilities?.some((one) => one.type === type) ?? false;
  framework.info = info;
  framework.user = decoded.user;
  framework.partitionAware = has("PARTITION_AWARE");
  framework.killingState = has("TASK_KILLING_STATE");
}
