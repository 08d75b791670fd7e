/**
 * A program of a framework that runs its tasks (EXE-4), as the core holds it
 * in memory: one container for all of its tasks, and one event stream.
 *
 *     checkpointing --durable--> launching --launched--> running --exited--> forgotten
 *                                   \--launch-failed--------------------------/
 *
 * Beside that it subscribes, at any time after its launch began: then it is
 * sent the tasks that wait. It is ended by SHUTDOWN and, after its grace
 * period, SIGKILL.
 *
 * | file                 | job                                             |
 * |----------------------|-------------------------------------------------|
 * | executor-state.ts    | its place in the memory, its record, its stream |
 * | run-executor-task.ts | RunTask to LAUNCH                               |
 * | executor-launch.ts   | its container from the plan to the end          |
 * | executor-calls.ts    | SUBSCRIBE, UPDATE, MESSAGE                      |
 * | end-executor.ts      | SHUTDOWN, deadlines                             |
 */
import { msFromNanos, SECOND_MS } from "../base/time.ts";
import type { NetworkInfo } from "../model/v1/containers.ts";
import type { ExecutorInfo, TaskStatusReason } from "../model/v1/tasks.ts";
import { decodeBlob } from "../wire/blob.ts";
import { type Amounts, amountsOf } from "./accounting.ts";
import type { ExecutorRecord } from "./records.ts";
import type { ExecutorTimes } from "./types.ts";

/** Flags of Mesos, but for the return after an agent restart: Mesos waits 2 s, at most 15 s. */
export const DEFAULT_EXECUTOR_TIMES: ExecutorTimes = {
  registrationMs: 60 * SECOND_MS,
  reregistrationMs: 15 * SECOND_MS,
  shutdownGraceMs: 5 * SECOND_MS,
};

export interface Executor {
  /** `<FID>/<EID>`; ids hold no slash. */
  readonly key: string;
  readonly frameworkId: string;
  readonly executorId: string;
  readonly containerId: string;
  /** blob ExecutorInfo. */
  readonly info: Uint8Array;
  /** Of the executor alone, without its tasks. */
  readonly amounts: Amounts;
  readonly shutdownGraceMs: number;
  phase: "checkpointing" | "launching" | "running" | "ended";
  pid: number | undefined;
  /** What its container joined; undefined on the host's network. */
  networks: readonly NetworkInfo[] | undefined;
  /** It subscribed once, as recorded. */
  subscribed: boolean;
  /** Its open stream. */
  streamId: number | undefined;
  /** SUBSCRIBED went out over that stream, so that other events may. */
  greeted: boolean;
  /** A task was sent to it. */
  delivered: boolean;
  /** It is to end; no task comes to it any more. */
  terminating: boolean;
  /** Why the agent ends it; undefined when it ends by itself or a framework asked. */
  endReason: TaskStatusReason | undefined;
  /** Keys of tasks that have not ended, in the order they came. */
  readonly tasks: Set<string>;
}

export function executorKey(frameworkId: string, executorId: string): string {
  return `${frameworkId}/${executorId}`;
}

export function newExecutor(record: ExecutorRecord, times: ExecutorTimes): Executor {
  const info: ExecutorInfo = decodeBlob("ExecutorInfo", record.info);
  const grace = info.shutdown_grace_period;
  return {
    key: executorKey(record.frameworkId, record.executorId),
    frameworkId: record.frameworkId,
    executorId: record.executorId,
    containerId: record.containerId,
    info: record.info,
    amounts: amountsOf(info.resources ?? []),
    shutdownGraceMs: grace === undefined ? times.shutdownGraceMs : msFromNanos(grace.nanoseconds),
    phase: "checkpointing",
    pid: undefined,
    networks: undefined,
    subscribed: record.subscribed,
    streamId: undefined,
    greeted: false,
    delivered: record.subscribed,
    terminating: false,
    endReason: undefined,
    tasks: new Set(),
  };
}
