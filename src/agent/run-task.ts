/** From RunTask to a running container. */
import { assert } from "../base/assert.ts";
import { sameBytes } from "../base/bytes.ts";
import { AGENT_REPORT_MAX_BYTES, AGENT_TASK_REPORT_MAX_BYTES, AGENT_TASKS_MAX } from "../base/limits.ts";
import { randomUuid, uuidText } from "../base/uuid.ts";
import type { LaunchError, Launched } from "../isolation/runtime.ts";
import type { RunTask } from "../model/agent-protocol.ts";
import type { TaskState, TaskStatusReason } from "../model/v1/tasks.ts";
import type { Amounts } from "./accounting.ts";
import { uncheckable } from "./check-probe.ts";
import { startChecks } from "./check-schedule.ts";
import { FRAMEWORK_PREFIX, TASK_PREFIX } from "./checkpoint.ts";
import { watchCompletionTime } from "./completion-time.ts";
import { condemn, endContainer, settleCondemned } from "./end-task.ts";
import { planTask } from "./plan-task.ts";
import { announceGroup } from "./pod-announce.ts";
import { resizePod } from "./pod-plan.ts";
import { groupIn, podOf } from "./pod-state.ts";
import { encodeFrameworkRecord, encodeTaskRecord, type TaskRecord } from "./records.ts";
import type { AgentState } from "./state.ts";
import { addNewest, addUpdate, writeStream } from "./status-updates.ts";
import { type Framework, newFramework, newTask, ownsContainer, setFrameworkInfo, type Task } from "./task.ts";
import { drainReason, isKill, killedState, lostState } from "./task-status.ts";

/** Ids of an executor in a registration, beside its info. */
const EXECUTOR_REPORT_BYTES = AGENT_TASK_REPORT_MAX_BYTES;

/** Takes on a run of a command task that is not here: it is written down before anything of it starts. */
export function takeTask(state: AgentState, message: RunTask): Task {
  const { frameworkId, taskId, runId } = message;
  // Run ids are unique, so that each run has a container and a sandbox of its own.
  const containerId = runId ?? uuidText(randomUuid(state.random));
  const record: TaskRecord = { frameworkId, taskId, containerId, info: message.task, runId };
  const framework = noteFramework(state, frameworkId, message.framework);
  const task = newTask(record);
  addTask(state, framework, task);
  state.write({ key: TASK_PREFIX + task.recordKey, value: encodeTaskRecord(record) });
  const refusal = excessOf(state, task.amounts) ?? reportTooLarge(state);
  if (refusal !== undefined) {
    refuse(state, framework, task, "REASON_RESOURCES_UNKNOWN", refusal);
    return task;
  }
  state.usage.add(task.amounts);
  writeStream(state, task);
  state.afterwards({ kind: "launch", containerId });
  return task;
}

/** Why the agent has no room for what asks for so much; undefined when it has. */
export function excessOf(state: AgentState, amounts: Amounts): string | undefined {
  const excess = state.usage.excess(amounts);
  return excess === undefined ? undefined : `The agent cannot run the task: ${excess}`;
}

/** What an agent holds must fit its registration; the task in question is counted already. */
export function reportTooLarge(state: AgentState, executorBytes = 0): string | undefined {
  const { tasks, executors } = state;
  if (tasks.size > AGENT_TASKS_MAX) {
    return `The agent holds ${AGENT_TASKS_MAX} tasks, the most it can; let some end first`;
  }
  if (executors.size === 0 && executorBytes === 0) return undefined;
  let bytes = tasks.size * AGENT_TASK_REPORT_MAX_BYTES + executorBytes;
  for (const { info } of executors.values()) bytes += EXECUTOR_REPORT_BYTES + info.length;
  if (bytes <= AGENT_REPORT_MAX_BYTES) return undefined;
  return "The agent holds as many tasks and executors as its registration can carry; let some end first";
}

/** Enters a task into the maps, newly asked for or read from the checkpoint. */
export function addTask(state: AgentState, framework: Framework, task: Task): void {
  assert(!state.tasks.has(task.key), "Of one task id an agent holds one run");
  state.tasks.set(task.key, task);
  if (ownsContainer(task)) state.containers.set(task.containerId, task);
  framework.tasks.add(task.key);
}

export function noteFramework(state: AgentState, id: string, info: Uint8Array): Framework {
  const known = state.frameworks.get(id);
  const framework = known ?? newFramework(id, info);
  if (known !== undefined) {
    if (sameBytes(known.info, info)) return known;
    setFrameworkInfo(known, info);
  }
  state.frameworks.set(id, framework);
  state.write({ key: FRAMEWORK_PREFIX + id, value: encodeFrameworkRecord(info) });
  return framework;
}

export function refuse(
  state: AgentState,
  framework: Framework,
  task: Task,
  reason: TaskStatusReason,
  message: string,
): void {
  endUnstarted(state, task, { state: lostState(framework, "TASK_DROPPED"), reason, message });
}

interface Refusal {
  readonly state: TaskState;
  readonly reason: TaskStatusReason;
  readonly message: string;
}

/** It holds nothing, and never will. */
export function endUnstarted(state: AgentState, task: Task, refusal: Refusal): void {
  const { frameworkId, taskId } = task;
  state.log.warn("Refused a task", { frameworkId, taskId, reason: refusal.message });
  task.phase = "ended";
  addUpdate(state, task, { ...refusal, source: "SOURCE_AGENT" });
}

/** The task is on disk: start its container, unless it was killed meanwhile. */
export function launchTask(state: AgentState, task: Task): void {
  if (task.phase !== "checkpointing") return;
  const plan = planTask(state, task);
  task.phase = "launching";
  const problem = plan.ok ? uncheckable(state.config, plan.value) : plan.error;
  if (!plan.ok || problem !== undefined) {
    launchFailed(state, task.containerId, { step: "validate", message: problem ?? "" });
    return;
  }
  state.emit({ kind: "launch", spec: plan.value.spec, latestLink: plan.value.latestLink });
}

/** The program is about to run. A container that nobody wants any more is ended. */
export function launched(state: AgentState, containerId: string, how: Launched): void {
  const task = state.containers.get(containerId);
  if (task === undefined) {
    if (state.condemned.has(containerId)) condemn(state, containerId, 0);
    return;
  }
  if (task.phase !== "launching") return;
  task.phase = "running";
  task.pid = how.pid;
  task.networks = how.networks;
  task.startedAtMs = state.now.wallMs;
  addUpdate(state, task, { state: "TASK_STARTING", source: "SOURCE_EXECUTOR" });
  if (task.inPod) {
    announceGroup(state, task, "launched");
    // Another group may have come after its launch was planned.
    const pod = podOf(state, task);
    if (pod !== undefined && groupIn(pod, task.group).length < pod.tasks.size) resizePod(state, pod);
  } else {
    addUpdate(state, task, { state: "TASK_RUNNING", source: "SOURCE_EXECUTOR" });
    watchCompletionTime(state, task);
    startChecks(state, task, "launched");
  }
  // A kill overtook the launch.
  if (task.ending !== undefined) state.emit({ kind: "kill", containerId });
}

/** Something of the launch takes long: the framework hears what. Executors have the agent's log alone. */
export function launchProgress(state: AgentState, containerId: string, line: string): void {
  const task = state.containers.get(containerId);
  if (task?.phase !== "launching" || task.ending !== undefined) return;
  addNewest(state, task, { state: "TASK_STAGING", source: "SOURCE_AGENT", message: line });
}

/** Nothing of the container runs; the message names the step and its value. */
export function launchFailed(state: AgentState, containerId: string, error: LaunchError): void {
  const task = state.containers.get(containerId);
  if (task === undefined) {
    settleCondemned(state, containerId);
    return;
  }
  if (task.phase !== "launching") return;
  endContainer(state, task);
  if (isKill(task.ending)) {
    killedBeforeStart(state, task);
    return;
  }
  const { frameworkId, taskId } = task;
  state.counters.launchErrors++;
  state.log.warn("Cannot launch a task", { frameworkId, taskId, step: error.step, reason: error.message });
  addUpdate(state, task, {
    state: "TASK_FAILED",
    source: "SOURCE_AGENT",
    reason: "REASON_CONTAINER_LAUNCH_FAILED",
    message: `Failed to launch container: ${error.message}`,
  });
}

export function killedBeforeStart(state: AgentState, task: Task): void {
  const ending = task.ending ?? "kill";
  addUpdate(state, task, {
    state: killedState(ending, state.frameworks.get(task.frameworkId)),
    source: "SOURCE_AGENT",
    reason: "REASON_TASK_KILLED_DURING_LAUNCH",
    ...drainReason(ending),
    message: "The task was killed before it was started",
  });
}
