/** From RunTask of a task with an executor to its LAUNCH event, and from RunTaskGroup to LAUNCH_GROUP. */
import { present } from "../base/assert.ts";
import { nanosFromMs } from "../base/time.ts";
import { randomUuid, uuidText } from "../base/uuid.ts";
import type { RunTask } from "../model/agent-protocol.ts";
import type { ExecutorInfo, TaskStatusReason } from "../model/v1/tasks.ts";
import { decodeBlob, encodeBlob, findBlobField } from "../wire/blob.ts";
import { sumOfAmounts } from "./accounting.ts";
import { TASK_PREFIX } from "./checkpoint.ts";
import { shutdownExecutor } from "./end-executor.ts";
import { endContainer } from "./end-task.ts";
import { type Executor, executorKey, newExecutor } from "./executor.ts";
import { addExecutor, executorTimes, resizeExecutor, sendEvent, writeExecutor } from "./executor-state.ts";
import { type Ending, encodeTaskRecord, type TaskRecord } from "./records.ts";
import { addTask, excessOf, killedBeforeStart, noteFramework, refuse, reportTooLarge } from "./run-task.ts";
import type { AgentState } from "./state.ts";
import { writeStream } from "./status-updates.ts";
import { type Framework, newTask, type Task } from "./task.ts";

export function hasExecutor({ task }: RunTask): boolean {
  return findBlobField("TaskInfo", "executor", task, 0) !== undefined;
}

/** Runs that are taken on together or not at all. */
export interface RunsTogether {
  readonly frameworkId: string;
  /** blob FrameworkInfo. */
  readonly framework: Uint8Array;
  readonly launchExecutor?: boolean;
  readonly tasks: readonly Pick<RunTask, "taskId" | "task" | "runId">[];
  /** Name of their group; undefined for a task by itself. */
  readonly group: string | undefined;
}

/** Takes on runs of task ids that are not here, and their executor if that is not here either. */
export function takeExecutorTasks(state: AgentState, runs: RunsTogether): readonly Task[] {
  const { frameworkId } = runs;
  const given = present(executorOf(runs), "The tasks have an executor");
  const executorId = given.executor_id.value;
  const known = state.executors.get(executorKey(frameworkId, executorId));
  const containerId = known?.containerId ?? uuidText(randomUuid(state.random));
  const framework = noteFramework(state, frameworkId, runs.framework);
  const tasks = runs.tasks.map(({ taskId, task: info, runId }) => {
    const record: TaskRecord = { frameworkId, taskId, containerId, info, runId, group: runs.group };
    const task = newTask(record);
    addTask(state, framework, task);
    state.write({ key: TASK_PREFIX + task.recordKey, value: encodeTaskRecord(record) });
    return task;
  });
  const info = encodeBlob("ExecutorInfo", { ...given, framework_id: { value: frameworkId } });
  const record = { frameworkId, executorId, containerId, info, subscribed: false };
  const executor = known ?? newExecutor(record, executorTimes(state));
  if (refuses(state, framework, tasks, executor, runs.launchExecutor)) return tasks;
  if (known === undefined) startExecutor(state, framework, executor);
  for (const task of tasks) {
    executor.tasks.add(task.key);
    state.usage.add(task.amounts);
    writeStream(state, task);
  }
  resizeExecutor(state, executor);
  state.afterwards({ kind: "deliver-tasks", containerId });
  return tasks;
}

/** The executor that a framework gave with the tasks. */
export function executorOf({ tasks }: Pick<RunsTogether, "tasks">): ExecutorInfo | undefined {
  const [first] = tasks;
  return first === undefined ? undefined : decodeBlob("TaskInfo", first.task).executor;
}

/** Mesos: Slave::__run, "executor is terminating", and `launch_executor`. */
function refuses(
  state: AgentState,
  framework: Framework,
  tasks: readonly Task[],
  executor: Executor,
  launchExecutor: boolean | undefined,
): boolean {
  const isNew = !state.executors.has(executor.key);
  const refuseAll = (reason: TaskStatusReason, message: string): true => {
    for (const task of tasks) refuse(state, framework, task, reason, message);
    return true;
  };
  if ((isNew && launchExecutor === false) || executor.terminating) {
    const message = isNew ? "The executor has ended" : "The executor is terminating";
    return refuseAll("REASON_EXECUTOR_TERMINATED", message);
  }
  const needed = sumOfAmounts([...tasks, ...(isNew ? [executor] : [])]);
  const excess = excessOf(state, needed) ?? reportTooLarge(state, isNew ? executor.info.length : 0);
  return excess === undefined ? false : refuseAll("REASON_RESOURCES_UNKNOWN", excess);
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
    const together = groupUnder(state, executor, task);
    for (const one of together) one.phase = "running";
    executor.delivered = true;
    const tasks = together.map(({ info }) => decodeBlob("TaskInfo", info));
    const [alone] = tasks;
    if (task.group !== undefined) {
      sendEvent(state, executor, { type: "LAUNCH_GROUP", launch_group: { task_group: { tasks } } });
    } else if (alone !== undefined) sendEvent(state, executor, { type: "LAUNCH", launch: { task: alone } });
  }
}

/** The task, and those of its group that were not delivered either: written in one batch, they go as one. */
function groupUnder(state: AgentState, executor: Executor, task: Task): Task[] {
  if (task.group === undefined) return [task];
  const all = [...executor.tasks].map((key) => present(state.tasks.get(key), "An executor's tasks are here"));
  return all.filter((one) => one.group === task.group && one.phase === "checkpointing");
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
    // Together or not at all (Mesos: Slave::kill).
    for (const one of executor === undefined ? [task] : groupUnder(state, executor, task)) {
      one.ending ??= ending;
      endContainer(state, one);
      killedBeforeStart(state, one);
    }
    // All that it was started for was killed (Mesos: Slave::subscribe).
    if (executor !== undefined && executor.tasks.size === 0 && !executor.delivered) {
      shutdownExecutor(state, executor);
    }
    return;
  }
  const isShorter = graceMs !== undefined && graceMs < (task.endingGraceMs ?? task.killGraceMs);
  if (!asked || isShorter) {
    task.endingGraceMs = graceMs;
    writeStream(state, task);
  }
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
