/**
 * Status-update streams: one per task (Mesos
 * src/slave/task_status_update_manager.cpp).
 *
 *     made -> written -> [head] sent -> acknowledged -> written -> next head
 *                          ^   |
 *                          +---+ again after 10 s, doubling to 10 min,
 *                                and at once on a new registration of the
 *                                agent or subscription of the framework
 *
 * Nothing is sent before it is on disk, and the next head is not sent before
 * the acknowledgement of the one before is: an agent that dies in between
 * never shows a framework an older state after a newer one.
 */
import { AGENT_STATUSES_PER_TASK_MAX } from "../base/limits.ts";
import { MINUTE_MS } from "../base/time.ts";
import { randomUuid, uuidText } from "../base/uuid.ts";
import { type AcknowledgeUpdate, type ResendUpdates, sameRun } from "../model/agent-protocol.ts";
import { isTerminalState } from "../model/task-state.ts";
import type { TaskStatusReason } from "../model/v1/tasks.ts";
import { encodeBlob } from "../wire/blob.ts";
import { CHECK_KINDS } from "./check-rules.ts";
import { FRAMEWORK_PREFIX, STREAM_PREFIX, TASK_PREFIX } from "./checkpoint.ts";
import { encodeStreamRecord, type PendingUpdate } from "./records.ts";
import type { AgentState } from "./state.ts";
import { type Framework, INITIAL_RETRY_MS, ownsContainer, shownStatus, type Task, taskKey } from "./task.ts";
import { toldStatus } from "./task-checks.ts";
import { type StatusFields, taskStatus } from "./task-status.ts";

const MAX_RETRY_MS = 10 * MINUTE_MS;

/** Adds an update to the task's stream; it is sent once it is on disk and its turn comes. */
export function addUpdate(state: AgentState, task: Task, fields: StatusFields): void {
  const uuid = randomUuid(state.random);
  const status = encodeBlob("TaskStatus", taskStatus(state, task, uuid, fields));
  appendUpdate(state, task, { uuid, state: fields.state, status });
}

/** Adds an update that is complete. */
export function appendUpdate(state: AgentState, task: Task, update: PendingUpdate): void {
  const { stream } = task;
  stream.state = update.state;
  stream.pending.push(update);
  stream.statuses.push(shownStatus(update));
  if (stream.statuses.length > AGENT_STATUSES_PER_TASK_MAX) stream.statuses.shift();
  if (isTerminalState(update.state)) {
    state.counters.ended.set(update.state, (state.counters.ended.get(update.state) ?? 0) + 1);
    if (task.inPod) state.endedMembers.push(task);
  }
  writeStream(state, task);
  state.afterwards({ kind: "send-updates", key: task.key, recordKey: task.recordKey });
}

/** Tells of the task's checks. */
export function addNews(
  state: AgentState,
  task: Task,
  reason: TaskStatusReason,
  message: string | undefined,
): void {
  const { stream, checks } = task;
  const healthy = checks?.health.healthy;
  addNewest(state, task, {
    state: stream.state,
    source: "SOURCE_EXECUTOR",
    reason,
    ...(healthy === undefined ? {} : { healthy }),
    checkStatus: toldStatus(checks),
    ...(message === undefined ? {} : { message }),
  });
}

/**
 * An update that makes earlier ones of its kind pointless. Of those that wait behind another update
 * only the newest is kept: a framework that acknowledges nothing must not fill the disk.
 */
export function addNewest(state: AgentState, task: Task, fields: StatusFields): void {
  const { stream } = task;
  // The head may be on its way.
  if (stream.news !== undefined && stream.pending.length > 1 && stream.pending.at(-1) === stream.news) {
    stream.pending.pop();
    stream.statuses.pop();
  }
  addUpdate(state, task, fields);
  stream.news = stream.pending.at(-1);
}

/** Writes the stream's record with the changes of this step. */
export function writeStream(state: AgentState, task: Task): void {
  const { stream, checks, ending, endingGraceMs, startedAtMs, endedAsUnhealthy } = task;
  const { state: latest, pending, received } = stream;
  const told = checks && { ...checks.health, status: checks.status };
  const value = encodeStreamRecord({
    ...{ state: latest, ending, startedAtMs, pending, endedAsUnhealthy },
    ...(told === undefined ? {} : { checks: told }),
    ...(received.length === 0 ? {} : { received }),
    ...(endingGraceMs === undefined ? {} : { endingGraceMs }),
  });
  stream.writtenToken = state.write({ key: STREAM_PREFIX + task.recordKey, value });
}

/** Sends the head if it is on disk, not already under way, and a master listens. */
export function sendHead(state: AgentState, task: Task): void {
  const { stream } = task;
  const { connection } = state;
  const head = stream.pending[0];
  if (head === undefined || stream.inFlight || connection.kind !== "registered") return;
  if (stream.writtenToken > state.durableToken) return;
  stream.inFlight = true;
  state.deadlines.set(`retry/${task.key}`, state.now.monotonicMs + stream.retryMs);
  state.counters.updatesSent++;
  state.emit({
    kind: "send",
    linkId: connection.linkId,
    message: {
      kind: "status-update",
      frameworkId: task.frameworkId,
      taskId: task.taskId,
      uuid: head.uuid,
      state: head.state,
      latestState: stream.state,
      status: head.status,
      runId: task.runId,
    },
  });
}

/** No acknowledgement came in time: the head goes out again, later each time. */
export function retryHead(state: AgentState, task: Task): void {
  const { stream } = task;
  stream.inFlight = false;
  stream.retryMs = Math.min(2 * stream.retryMs, MAX_RETRY_MS);
  sendHead(state, task);
}

/** A new registration: what was under way over the old link counts for nothing. */
export function resendHeads(state: AgentState): void {
  for (const task of state.tasks.values()) resendHead(state, task);
}

/** A new subscription: what went to the framework's old stream counts for nothing. */
export function resendUpdates(state: AgentState, { frameworkId }: ResendUpdates): void {
  for (const key of state.frameworks.get(frameworkId)?.tasks ?? []) {
    const task = state.tasks.get(key);
    if (task !== undefined) resendHead(state, task);
  }
}

function resendHead(state: AgentState, task: Task): void {
  task.stream.inFlight = false;
  task.stream.retryMs = INITIAL_RETRY_MS;
  sendHead(state, task);
}

/** Only the head can be acknowledged; anything else is a repetition or a mistake, and ignored. */
export function acknowledge(state: AgentState, message: AcknowledgeUpdate): void {
  const task = state.tasks.get(taskKey(message.frameworkId, message.taskId));
  const head = task?.stream.pending[0];
  const uuid = uuidText(message.uuid);
  const isHead = head !== undefined && uuidText(head.uuid) === uuid;
  if (task === undefined || !isHead || !sameRun(task.runId, message.runId)) {
    const { frameworkId, taskId } = message;
    state.log.debug("Acknowledgement of an update that is not under way, ignored", {
      frameworkId,
      taskId,
      uuid,
    });
    return;
  }
  const { stream } = task;
  stream.pending.shift();
  stream.inFlight = false;
  stream.retryMs = INITIAL_RETRY_MS;
  state.deadlines.clear(`retry/${task.key}`);
  if (stream.pending.length === 0 && isTerminalState(stream.state)) {
    forgetTask(state, task);
    return;
  }
  writeStream(state, task);
  if (stream.pending.length > 0)
    state.afterwards({ kind: "send-updates", key: task.key, recordKey: task.recordKey });
}

/** Moves a task into the history and deletes its records, and its framework's with the last task. */
export function forgetTask(state: AgentState, task: Task): void {
  for (const kind of ["retry", "kill", "max", ...CHECK_KINDS]) state.deadlines.clear(`${kind}/${task.key}`);
  state.tasks.delete(task.key);
  if (ownsContainer(task)) state.containers.delete(task.containerId);
  state.write(
    { key: TASK_PREFIX + task.recordKey, value: undefined },
    { key: STREAM_PREFIX + task.recordKey, value: undefined },
  );
  const framework = state.frameworks.get(task.frameworkId);
  if (framework === undefined) return;
  state.history.add({
    frameworkId: task.frameworkId,
    taskId: task.taskId,
    executorId: task.executorId,
    containerId: task.containerId,
    framework: framework.info,
    info: task.info,
    state: task.stream.state,
    statuses: task.stream.statuses,
  });
  framework.tasks.delete(task.key);
  forgetIdleFramework(state, framework);
}

/** Deletes the record of a framework with its last task and executor. */
export function forgetIdleFramework(state: AgentState, framework: Framework): void {
  if (framework.tasks.size > 0 || framework.executors.size > 0) return;
  state.frameworks.delete(framework.id);
  state.write({ key: FRAMEWORK_PREFIX + framework.id, value: undefined });
}
