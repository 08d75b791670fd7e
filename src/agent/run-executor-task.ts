/** From RunTask of a task with an executor to its LAUNCH event. */
import { present } from "../base/assert.ts";
import { nanosFromMs } from "../base/time.ts";
import { randomUuid, uuidText } from "../base/uuid.ts";
import type { RunTask } from "../model/agent-protocol.ts";
import { decodeBlob, encodeBlob, findBlobField } from "../wire/blob.ts";
import { TASK_PREFIX } from "./checkpoint.ts";
import { shutdownExecutor } from "./end-executor.ts";
import { endContainer } from "./end-task.ts";
import { type Executor, executorKey, newExecutor } from "./executor.ts";
import { addExecutor, executorTimes, resizeExecutor, sendEvent, writeExecutor } from "./executor-state.ts";
import { type Ending, encodeTaskRecord, type TaskRecord } from "./records.ts";
import {
  addTask,
  endUnstarted,
  excessOf,
  killedBeforeStart,
  noteFramework,
  refuse,
  reportTooLarge,
} from "./run-task.ts";
import type { AgentState } from "./state.ts";
import { writeStream } from "./status-updates.ts";
import { type Framework, newTask, type Task } from "./task.ts";

export function hasExecutor({ task }: RunTask): boolean {
  return findBlobField("TaskInfo", "executor", task, 0) !== undefined;
}

/** Takes on a run of a task id that is not here, and its executor if that is not here either. */
export function takeExecutorTask(state: AgentState, message: RunTask): Task {
  const { frameworkId, taskId, runId } = message;
  const given = present(decodeBlob("TaskInfo", message.task).executor, "The task has an executor");
  const known = state.executors.get(executorKey(frameworkId, given.executor_id.value));
  const containerId = known?.containerId ?? uuidText(randomUuid(state.random));
  const record: TaskRecord = { frameworkId, taskId, containerId, info: message.task, runId };
  const framework = noteFramework(state, frameworkId, message.framework);
  const task = newTask(record);
  addTask(state, framework, task);
  state.write({ key: TASK_PREFIX + task.recordKey, value: encodeTaskRecord(record) });
  if (given.type === "DEFAULT") {
    endUnstarted(state, task, {
      state: "TASK_FAILED",
      reason: "REASON_CONTAINER_LAUNCH_FAILED",
      message: "Failed to launch container: this agent runs no task groups yet; launch the tasks one by one",
    });
    return task;
  }
  const info = encodeBlob("ExecutorInfo", { ...given, framework_id: { value: frameworkId } });
  const executorRecord = {
    frameworkId,
    executorId: given.executor_id.value,
    containerId,
    info,
    subscribed: false,
  };
  const executor = known ?? newExecutor(executorRecord, executorTimes(state));
  if (refuses(state, framework, task, executor, message.launchExecutor)) return task;
  if (known === undefined) startExecutor(state, framework, executor);
  executor.tasks.add(task.key);
  state.usage.add(task.amounts);
  writeStream(state, task);
  resizeExecutor(state, executor);
  state.afterwards({ kind: "deliver-tasks", containerId });
  return task;
}

/** Mesos: Slave::__run, "executor is terminating", and `launch_executor`. */
function refuses(
  state: AgentState,
  framework: Framework,
  task: Task,
  executor: Executor,
  launchExecutor: boolean | undefined,
): boolean {
  const isNew = !state.executors.has(executor.key);
  if ((isNew && launchExecutor === false) || executor.terminating) {
    const message = isNew ? "The executor has ended" : "The executor is terminating";
    refuse(state, framework, task, "REASON_EXECUTOR_TERMINATED", message);
    return true;
  }
  const needed = new Map(task.amounts);
  if (isNew) for (const [name, milli] of executor.amounts) needed.set(name, (needed.get(name) ?? 0) + milli);
  const excess = excessOf(state, needed) ?? reportTooLarge(state, isNew ? executor.info.length : 0);
  if (excess === undefined) return false;
  refuse(state, framework, task, "REASON_RESOURCES_UNKNOWN", excess);
  return true;
}

function startExecutor(state: AgentState, framework: Framework, executor: Executor): void {
  addExecutor(state, framework, executor);
  writeExecutor(state, executor);
  state.afterwards({ kind: "launch-executor", containerId: executor.containerId });
}

/** Sends what is on disk and waits, once the executor listens. */
export function deliverTasks(state: AgentState, executor: Executor): void {
  if (!executor.greeted || executor.terminating) return;
  for (const key of executor.tasks) {
    const task = present(state.tasks.get(key), "An executor's tasks are here");
    if (task.phase !== "checkpointing" || task.stream.writtenToken > state.durableToken) continue;
    task.phase = "running";
    executor.delivered = true;
    sendEvent(state, executor, { type: "LAUNCH", launch: { task: decodeBlob("TaskInfo", task.info) } });
  }
}

/** The executor ends its task; one that it was not sent ends here. */
export function killExecutorTask(
  state: AgentState,
  task: Task,
  executor: Executor | undefined,
  graceMs: number | undefined,
  ending: Ending,
): void {
  const asked = task.ending !== undefined;
  task.ending ??= ending;
  if (task.phase === "checkpointing") {
    endContainer(state, task);
    killedBeforeStart(state, task);
    // All that it was started for was killed (Mesos: Slave::subscribe).
    if (executor !== undefined && executor.tasks.size === 0 && !executor.delivered) {
      shutdownExecutor(state, executor);
    }
    return;
  }
  if (!asked) writeStream(state, task);
  if (executor !== undefined) sendKill(state, executor, task, graceMs);
}

/** A kill may be repeated: the executor of an agent that was away may not have heard it. */
export function sendKill(state: AgentState, executor: Executor, task: Task, graceMs?: number): void {
  const policy = { grace_period: { nanoseconds: nanosFromMs(graceMs ?? 0) } };
  sendEvent(state, executor, {
    type: "KILL",
    kill: { task_id: { value: task.taskId }, ...(graceMs === undefined ? {} : { kill_policy: policy }) },
  });
}
