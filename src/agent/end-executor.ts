/** The end of an executor on request, or because it does not come. */
import { assert, present } from "../base/assert.ts";
import { EXECUTOR_HEARTBEAT_MS } from "../base/limits.ts";
import type { Exit } from "../isolation/container.ts";
import { EXECUTOR_PREFIX } from "./checkpoint.ts";
import { condemn, endContainer } from "./end-task.ts";
import type { Executor } from "./executor.ts";
import { closeStream, sendEvent } from "./executor-state.ts";
import { dropNested } from "./nested-end.ts";
import type { AgentState } from "./state.ts";
import { addUpdate, forgetIdleFramework } from "./status-updates.ts";
import type { Framework, Task } from "./task.ts";
import {
  drainReason,
  isKill,
  killedState,
  limitedStatus,
  lostState,
  type StatusFields,
} from "./task-status.ts";

/** Deadlines of executors, as `<kind>/<executor key>`. */
export const EXECUTOR_DEADLINES = ["executor-registration", "executor-kill", "executor-heartbeat"] as const;
export type ExecutorDeadline = (typeof EXECUTOR_DEADLINES)[number];

export function isExecutorDeadline(kind: string): kind is ExecutorDeadline {
  return (EXECUTOR_DEADLINES as readonly string[]).includes(kind);
}

/** Asks it to end; SIGKILL follows after its grace period (EXE-12). */
export function shutdownExecutor(state: AgentState, executor: Executor): void {
  if (executor.terminating) return;
  executor.terminating = true;
  state.deadlines.clear(`executor-registration/${executor.key}`);
  if (executor.phase === "checkpointing") {
    executorGone(state, executor, { kind: "unknown", reason: "it was ended before its launch" });
    return;
  }
  const told = sendEvent(state, executor, { type: "SHUTDOWN" });
  // One that never came would not hear of it, one that lost its stream may come back.
  const graceMs = told || executor.subscribed ? executor.shutdownGraceMs : 0;
  if (graceMs > 0) state.deadlines.set(`executor-kill/${executor.key}`, state.now.monotonicMs + graceMs);
  else state.emit({ kind: "kill", containerId: executor.containerId });
}

/** Nobody is owed a word of it any more: its records go now, its container soon. Its tasks went before. */
export function abandonExecutor(state: AgentState, executor: Executor): void {
  const { phase, containerId } = executor;
  const told = sendEvent(state, executor, { type: "SHUTDOWN" });
  forgetExecutor(state, executor);
  if (phase === "checkpointing") return;
  if (phase === "launching" || !told) {
    condemn(state, containerId, phase === "launching" ? 0 : executor.shutdownGraceMs);
    return;
  }
  // It was told by the event: no signal.
  state.condemned.add(containerId);
  state.deadlines.set(`condemned/${containerId}`, state.now.monotonicMs + executor.shutdownGraceMs);
}

/** Those of one framework, or all. */
export function abandonExecutors(state: AgentState, framework?: Framework): void {
  for (const executor of [...state.executors.values()]) {
    if (framework === undefined || executor.frameworkId === framework.id) abandonExecutor(state, executor);
  }
}

export function executorDue(state: AgentState, kind: ExecutorDeadline, key: string): void {
  const executor = state.executors.get(key);
  if (executor === undefined) return;
  if (kind === "executor-heartbeat") {
    if (sendEvent(state, executor, { type: "HEARTBEAT" })) armHeartbeat(state, executor);
    return;
  }
  if (kind === "executor-registration") {
    const { frameworkId, executorId, subscribed } = executor;
    const what = subscribed ? "did not come back after the agent's restart" : "did not subscribe";
    state.log.warn(`An executor ${what} in time; ending it`, { frameworkId, executorId });
    executor.terminating = true;
    executor.endReason = subscribed
      ? "REASON_EXECUTOR_REREGISTRATION_TIMEOUT"
      : "REASON_EXECUTOR_REGISTRATION_TIMEOUT";
  }
  state.emit({ kind: "kill", containerId: executor.containerId });
}

export function armHeartbeat(state: AgentState, executor: Executor): void {
  const atMs = state.now.monotonicMs + EXECUTOR_HEARTBEAT_MS;
  state.deadlines.set(`executor-heartbeat/${executor.key}`, atMs);
}

/** Its container is no more: so are its tasks, and the cluster hears of it (FRW-20). */
export function executorGone(
  state: AgentState,
  executor: Executor,
  exit: Exit,
  fields: (task: Task, framework: Framework) => StatusFields = (task, framework) =>
    executorEndedStatus(executor, exit, task, framework),
): void {
  const framework = present(state.frameworks.get(executor.frameworkId), "An executor has a framework");
  executor.phase = "ended";
  for (const key of [...executor.tasks]) {
    const task = present(state.tasks.get(key), "An executor's tasks are here");
    endContainer(state, task);
    addUpdate(state, task, fields(task, framework));
  }
  assert(executor.tasks.size === 0, "All tasks ended with their executor");
  forgetExecutor(state, executor);
  tellExited(state, executor, exit);
}

/** Without a link nobody need hear it: it is not in the next report. */
export function tellExited(
  state: AgentState,
  { frameworkId, executorId }: Pick<Executor, "frameworkId" | "executorId">,
  exit: Exit = { kind: "unknown", reason: "it was given up" },
): void {
  const { connection } = state;
  const message = { kind: "executor-exited", frameworkId, executorId, status: waitStatus(exit) } as const;
  if (connection.kind === "registered") state.emit({ kind: "send", linkId: connection.linkId, message });
  else if (connection.kind === "registering") connection.exits.push(message);
}

function forgetExecutor(state: AgentState, executor: Executor): void {
  closeStream(state, executor, "The executor has ended");
  for (const kind of EXECUTOR_DEADLINES) state.deadlines.clear(`${kind}/${executor.key}`);
  state.executors.delete(executor.key);
  state.executorContainers.delete(executor.containerId);
  state.usage.remove(executor.amounts);
  dropNested(state, executor.containerId);
  state.write({ key: EXECUTOR_PREFIX + executor.key, value: undefined });
  const { frameworkId, executorId, containerId, info } = executor;
  const framework = state.frameworks.get(frameworkId);
  if (framework === undefined) return;
  state.history.addExecutor({ frameworkId, executorId, containerId, info, framework: framework.info });
  framework.executors.delete(executor.key);
  forgetIdleFramework(state, framework);
}

/** What its tasks become (Mesos: Slave::sendExecutorTerminatedStatusUpdate). */
function executorEndedStatus(executor: Executor, exit: Exit, task: Task, framework: Framework): StatusFields {
  const { endReason } = executor;
  const source = "SOURCE_AGENT";
  if (isKill(task.ending)) {
    const message = `${endMessage(exit)} after the task was to be killed`;
    return { state: killedState(task.ending, framework), source, message, ...drainReason(task.ending) };
  }
  if (endReason === "REASON_EXECUTOR_REREGISTRATION_TIMEOUT") {
    const message = "Executor did not subscribe again after the restart of the agent";
    return { state: lostState(framework, "TASK_GONE"), source, reason: endReason, message };
  }
  if (endReason === "REASON_EXECUTOR_REGISTRATION_TIMEOUT") {
    return { state: "TASK_FAILED", source, reason: endReason, message: "Executor did not subscribe in time" };
  }
  if (exit.limitation !== undefined) return limitedStatus(exit.limitation, framework);
  return { state: "TASK_FAILED", source, reason: "REASON_EXECUTOR_TERMINATED", message: endMessage(exit) };
}

function endMessage(exit: Exit): string {
  switch (exit.kind) {
    case "exited":
      return `Executor exited with status ${exit.code}`;
    case "signaled":
      return `Executor terminated with signal ${exit.signal}`;
    case "unknown":
      return `Executor ended and left no exit status: ${exit.reason}`;
  }
}

/** As wait(2) packs it; -1 when nothing is known, as in Mesos. */
function waitStatus(exit: Exit): number {
  if (exit.kind === "exited") return exit.code * 256;
  return exit.kind === "signaled" ? exit.signal : -1;
}
