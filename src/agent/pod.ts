/**
 * The built-in executor (EXE-2) as the core holds it in memory: what the tasks
 * of one DEFAULT executor share. It is no process. Each task has a container of
 * its own, inside that of the pod:
 *
 *     sandbox   .../runs/<pod>/containers/<child>, linked from .../runs/<pod>/tasks/<task id>
 *     cgroup    <pod>/<child>; the limits are on <pod>, or on both (TSK-19)
 *     id        <pod>.<child>
 *
 * It comes with its first group of tasks and ends with its last task, so that
 * nothing of it has to be on disk: the records of its tasks tell of it.
 *
 * Of a group, as with Mesos' default executor (src/launcher/default_executor.cpp):
 * TASK_STARTING comes from each task, TASK_RUNNING when all are started; a task
 * that ends other than well, killed ones too, ends the others.
 *
 * | file        | job                                         |
 * |-------------|---------------------------------------------|
 * | pod-state.ts | its place in the memory                    |
 * | run-pod.ts  | from RunTaskGroup to tasks that run         |
 * | pod-plan.ts | the container of a task in its pod          |
 * | end-pod.ts  | one end leads to another, and to the pod's  |
 */

import type { ExecutorInfo } from "../model/v1/tasks.ts";
import { type Amounts, amountsOf } from "./accounting.ts";
import type { Task } from "./task.ts";

export interface Pod {
  readonly frameworkId: string;
  readonly executorId: string;
  readonly containerId: string;
  /** blob ExecutorInfo. */
  readonly info: Uint8Array;
  /** Of the executor alone, without its tasks. */
  readonly amounts: Amounts;
  /** It was shut down; no task comes to it any more. */
  terminating: boolean;
  /** Those that have not ended, by key, in the order they came. */
  readonly tasks: Map<string, Task>;
}

export function newPod(
  ids: Pick<Pod, "frameworkId" | "executorId" | "containerId">,
  executor: ExecutorInfo,
  info: Uint8Array,
): Pod {
  const amounts = amountsOf(executor.resources ?? []);
  return { ...ids, info, amounts, terminating: false, tasks: new Map() };
}
