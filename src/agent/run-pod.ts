/** From RunTaskGroup under a DEFAULT executor to tasks that run in a pod. */
import { present } from "../base/assert.ts";
import { randomUuid, uuidText } from "../base/uuid.ts";
import { childContainer, parentContainer } from "../model/container-id.ts";
import type { TaskStatusReason } from "../model/v1/tasks.ts";
import { decodeBlob, encodeBlob } from "../wire/blob.ts";
import { sumOfAmounts } from "./accounting.ts";
import { TASK_PREFIX } from "./checkpoint.ts";
import { newPod, type Pod } from "./pod.ts";
import { findPod } from "./pod-state.ts";
import { encodeTaskRecord, type TaskRecord } from "./records.ts";
import { executorOf, type RunsTogether } from "./run-executor-task.ts";
import { addTask, excessOf, noteFramework, refuse, reportTooLarge } from "./run-task.ts";
import type { AgentState } from "./state.ts";
import { writeStream } from "./status-updates.ts";
import { newTask, type Task } from "./task.ts";

/** Takes on runs of task ids that are not here, and their pod if that is not here either. */
export function takePod(state: AgentState, runs: RunsTogether): readonly Task[] {
  const { frameworkId, group } = runs;
  const given = present(executorOf(runs), "The tasks have an executor");
  const executorId = given.executor_id.value;
  const known = findPod(state, frameworkId, executorId);
  const podId = known?.containerId ?? uuidText(randomUuid(state.random));
  const framework = noteFramework(state, frameworkId, runs.framework);
  const tasks = runs.tasks.map(({ taskId, task: info, runId }) => {
    const containerId = childContainer(podId, runId ?? uuidText(randomUuid(state.random)));
    const record: TaskRecord = { frameworkId, taskId, containerId, info, runId, group };
    const task = newTask(record);
    addTask(state, framework, task);
    state.write({ key: TASK_PREFIX + task.recordKey, value: encodeTaskRecord(record) });
    return task;
  });
  const info = encodeBlob("ExecutorInfo", { ...given, framework_id: { value: frameworkId } });
  const pod = known ?? newPod({ frameworkId, executorId, containerId: podId }, given, info);
  const refusal = refusalOf(state, pod, tasks, known === undefined);
  if (refusal !== undefined) {
    for (const task of tasks) refuse(state, framework, task, refusal.reason, refusal.message);
    return tasks;
  }
  if (known === undefined) addPod(state, pod);
  for (const task of tasks) {
    pod.tasks.set(task.key, task);
    state.usage.add(task.amounts);
    writeStream(state, task);
    state.afterwards({ kind: "launch", containerId: task.containerId });
  }
  return tasks;
}

function refusalOf(
  state: AgentState,
  pod: Pod,
  tasks: readonly Task[],
  isNew: boolean,
): { readonly reason: TaskStatusReason; readonly message: string } | undefined {
  if (pod.terminating)
    return { reason: "REASON_EXECUTOR_TERMINATED", message: "The executor is terminating" };
  const needed = sumOfAmounts(isNew ? [pod, ...tasks] : tasks);
  const message = excessOf(state, needed) ?? reportTooLarge(state);
  return message === undefined ? undefined : { reason: "REASON_RESOURCES_UNKNOWN", message };
}

function addPod(state: AgentState, pod: Pod): void {
  state.pods.set(pod.containerId, pod);
  state.usage.add(pod.amounts);
}

/** A task that the checkpoint remembers, whatever became of its container. */
export function restoreMember(state: AgentState, task: Task): void {
  const containerId = present(parentContainer(task.containerId), "A pod's task is in its container");
  const { executor } = decodeBlob("TaskInfo", task.info);
  const given = present(executor, "A pod's task has an executor");
  let pod = state.pods.get(containerId);
  if (pod === undefined) {
    const { frameworkId } = task;
    const info = encodeBlob("ExecutorInfo", { ...given, framework_id: { value: frameworkId } });
    pod = newPod({ frameworkId, executorId: given.executor_id.value, containerId }, given, info);
    addPod(state, pod);
  }
  pod.tasks.set(task.key, task);
}
