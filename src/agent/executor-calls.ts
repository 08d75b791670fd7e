/**
 * Calls of executors (mesos-wire 5.2; Mesos: Slave::subscribe,
 * Slave::statusUpdate). An update is acknowledged to the executor once it is on
 * disk, and from then on told to the framework until that acknowledges it.
 */
import { present } from "../base/assert.ts";
import { sameBytes } from "../base/bytes.ts";
import { EXECUTOR_UPDATE_IDS_MAX, EXECUTOR_UPDATES_MAX, EXECUTOR_UPDATES_MAX_BYTES } from "../base/limits.ts";
import { SECOND_MS } from "../base/time.ts";
import { isTerminalState } from "../model/task-state.ts";
import type { ExecutorCall, ExecutorEvent } from "../model/v1/executor.ts";
import type { TaskStatus } from "../model/v1/tasks.ts";
import { decodeBlob, encodeBlob } from "../wire/blob.ts";
import { networkInfos } from "./container-network.ts";
import { armHeartbeat } from "./end-executor.ts";
import { endContainer } from "./end-task.ts";
import { type Executor, executorKey } from "./executor.ts";
import { closeStream, sendEvent, writeExecutor } from "./executor-state.ts";
import type { PendingUpdate } from "./records.ts";
import { deliverTasks, sendKill } from "./run-executor-task.ts";
import type { AgentState } from "./state.ts";
import { addUpdate, appendUpdate } from "./status-updates.ts";
import { type Task, taskKey } from "./task.ts";
import { drainReason, isKill, killedState, lostState } from "./task-status.ts";
import type { AgentInput } from "./types.ts";

type Input<K extends AgentInput["kind"]> = Extract<AgentInput, { kind: K }>;

export function executorSubscribe(state: AgentState, { streamId, call }: Input<"executor-subscribe">): void {
  const executor = state.executors.get(keyOf(call));
  if (executor === undefined) {
    state.emit({ kind: "close-executor-stream", streamId, reason: "The executor has ended" });
    return;
  }
  closeStream(state, executor, "The executor subscribed again");
  executor.streamId = streamId;
  if (executor.terminating) {
    state.emit({ kind: "executor-event", streamId, event: { type: "SHUTDOWN" } });
    closeStream(state, executor, "The executor is to end");
    return;
  }
  const { frameworkId, executorId, containerId } = executor;
  state.log.info("An executor subscribed", { frameworkId, executorId, again: executor.subscribed });
  state.deadlines.clear(`executor-registration/${executor.key}`);
  executor.subscribed = true;
  // A new process that reads it must not take tasks for unsent.
  writeExecutor(state, executor);
  state.afterwards({ kind: "greet-executor", containerId, streamId });
  const { unacknowledged_tasks = [], unacknowledged_updates = [] } = call.subscribe ?? {};
  for (const { status } of unacknowledged_updates) takeUpdate(state, executor, status);
  dropUndelivered(state, executor, new Set(unacknowledged_tasks.map((task) => task.task_id.value)));
}

/** Sent over a stream that broke, or by an earlier process, and it never came. */
function dropUndelivered(state: AgentState, executor: Executor, arrived: ReadonlySet<string>): void {
  const framework = present(state.frameworks.get(executor.frameworkId), "An executor has a framework");
  for (const key of [...executor.tasks]) {
    const task = present(state.tasks.get(key), "An executor's tasks are here");
    if (task.phase !== "running" || task.stream.state !== "TASK_STAGING") continue;
    if (arrived.has(task.taskId)) continue;
    endContainer(state, task);
    addUpdate(state, task, {
      state: lostState(framework, "TASK_DROPPED"),
      source: "SOURCE_AGENT",
      reason: "REASON_AGENT_RESTARTED",
      message: "The task was lost on its way to its executor",
    });
  }
}

/** The subscription is on disk. */
export function greetExecutor(state: AgentState, executor: Executor, streamId: number): void {
  if (executor.streamId !== streamId || executor.terminating) return;
  const framework = present(state.frameworks.get(executor.frameworkId), "An executor has a framework");
  const { agentId } = state;
  executor.greeted = true;
  sendEvent(state, executor, {
    type: "SUBSCRIBED",
    subscribed: {
      executor_info: decodeBlob("ExecutorInfo", executor.info),
      framework_info: decodeBlob("FrameworkInfo", framework.info),
      agent_info: { ...state.config.info, ...(agentId === undefined ? {} : { id: { value: agentId } }) },
      container_id: { value: executor.containerId },
    },
  });
  armHeartbeat(state, executor);
  for (const key of executor.tasks) {
    const task = state.tasks.get(key);
    if (task?.phase === "running" && isKill(task.ending)) sendKill(state, executor, task, task.endingGraceMs);
  }
  deliverTasks(state, executor);
}

export function executorStreamClosed(state: AgentState, { streamId }: Input<"executor-stream-closed">): void {
  for (const executor of state.executors.values()) {
    if (executor.streamId !== streamId) continue;
    executor.streamId = undefined;
    executor.greeted = false;
    state.deadlines.clear(`executor-heartbeat/${executor.key}`);
  }
}

export function executorCall(state: AgentState, { ref, call }: Input<"executor-call">): void {
  const [status, body] = takeCall(state, call);
  state.emit({ kind: "executor-answer", ref, status, body });
}

function takeCall(state: AgentState, call: ExecutorCall): readonly [status: number, body: string] {
  const executor = state.executors.get(keyOf(call));
  if (executor === undefined) return [400, "Executor cannot be found"];
  if (!executor.subscribed) return [403, "Executor is not subscribed"];
  if (call.type === "UPDATE") {
    const { status } = present(call.update, "UPDATE must have been validated");
    const refusal = takeUpdate(state, executor, status);
    return refusal === undefined ? [202, ""] : [503, refusal];
  }
  const { connection } = state;
  if (call.type === "MESSAGE" && connection.kind === "registered") {
    const { frameworkId, executorId } = executor;
    const { data } = present(call.message, "MESSAGE must have been validated");
    const message = { kind: "executor-message", frameworkId, executorId, data } as const;
    state.emit({ kind: "send", linkId: connection.linkId, message });
  }
  return [202, ""];
}

/** Why the executor must keep it; undefined when it was taken, or is nobody's. */
function takeUpdate(state: AgentState, executor: Executor, status: TaskStatus): string | undefined {
  const { frameworkId, executorId, containerId } = executor;
  const taskId = status.task_id.value;
  const uuid = present(status.uuid, "UPDATE must have been validated");
  const event: ExecutorEvent = { type: "ACKNOWLEDGED", acknowledged: { task_id: status.task_id, uuid } };
  const acknowledged = { kind: "tell-executor", containerId, event } as const;
  const task = state.tasks.get(taskKey(frameworkId, taskId));
  const isOwn = task?.executorId === executorId && task.phase !== "ended";
  if (task === undefined || !isOwn || hasReceived(task, uuid)) {
    if (!isOwn) {
      const fields = { frameworkId, executorId, taskId, state: status.state };
      state.log.debug("Dropped an executor's update of a task that is not alive here", fields);
    }
    if (!state.afterWrites(acknowledged)) sendEvent(state, executor, event);
    return undefined;
  }
  const { stream } = task;
  const ended = isTerminalState(status.state);
  if (!ended && isFull(stream.pending)) {
    return `The framework has ${stream.pending.length} updates of task '${taskId}' to acknowledge; send this one again later`;
  }
  stream.received.push(uuid);
  if (stream.received.length > EXECUTOR_UPDATE_IDS_MAX) stream.received.shift();
  if (task.startedAtMs === undefined && status.state === "TASK_RUNNING") task.startedAtMs = state.now.wallMs;
  if (ended) endContainer(state, task);
  const told = completeStatus(state, executor, task, status);
  appendUpdate(state, task, { uuid, state: told.state, status: encodeBlob("TaskStatus", told) });
  state.afterwards(acknowledged);
  return undefined;
}

function isFull(pending: readonly PendingUpdate[]): boolean {
  if (pending.length >= EXECUTOR_UPDATES_MAX) return true;
  return pending.reduce((bytes, { status }) => bytes + status.length, 0) >= EXECUTOR_UPDATES_MAX_BYTES;
}

function hasReceived({ stream }: Task, uuid: Uint8Array): boolean {
  return stream.received.some((one) => sameBytes(one, uuid));
}

/** With what the agent knows better (Mesos: Slave::statusUpdate). */
function completeStatus(state: AgentState, executor: Executor, task: Task, status: TaskStatus): TaskStatus {
  const { agentId, config } = state;
  const killed = status.state === "TASK_KILLED" || status.state === "TASK_KILLING";
  const framework = state.frameworks.get(task.frameworkId);
  const given = status.container_status;
  return {
    ...status,
    ...(status.state === "TASK_KILLED" && isKill(task.ending)
      ? { state: killedState(task.ending, framework) }
      : {}),
    ...(killed && task.ending !== undefined ? drainReason(task.ending) : {}),
    ...(agentId === undefined ? {} : { agent_id: { value: agentId } }),
    executor_id: { value: executor.executorId },
    timestamp: status.timestamp ?? state.now.wallMs / SECOND_MS,
    container_status: {
      network_infos: [...networkInfos(config, executor.networks)],
      ...(executor.pid === undefined ? {} : { executor_pid: executor.pid }),
      ...given,
      container_id: given?.container_id ?? { value: executor.containerId },
    },
  };
}

function keyOf(call: ExecutorCall): string {
  return executorKey(call.framework_id.value, call.executor_id.value);
}
