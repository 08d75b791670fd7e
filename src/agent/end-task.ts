/**
 * The end of a container: when it ended by itself, and when nobody wants it
 * any more. Killing on request is in kill-task.ts.
 */
import { SECOND_MS } from "../base/time.ts";
import type { Exit } from "../isolation/container.ts";
import { stopChecks } from "./check-schedule.ts";
import { executorKey } from "./executor.ts";
import { resizeExecutor } from "./executor-state.ts";
import { dropNested } from "./nested-end.ts";
import { announceRunning } from "./pod-announce.ts";
import { settlePodOf } from "./pod-state.ts";
import type { AgentState } from "./state.ts";
import { addUpdate, forgetTask } from "./status-updates.ts";
import { type Framework, ownsContainer, type Task } from "./task.ts";
import { endedStatus } from "./task-status.ts";

/** Distance of repeated tries when a container cannot be killed. */
const KILL_RETRY_MS = 5 * SECOND_MS;

export function exited(state: AgentState, containerId: string, exit: Exit): void {
  const task = state.containers.get(containerId);
  if (task === undefined) {
    const cleanup = { kind: "cleanup", containerId } as const;
    // A process that still finds the task on disk must find how it ended: else it would start it again.
    if (!state.afterWrites(cleanup)) state.emit(cleanup);
    settleCondemned(state, containerId);
    return;
  }
  if (task.phase === "ended") return;
  if (task.inPod) announceRunning(state, task, "ended");
  task.brokeMemoryLimit = exit.limitation?.resource === "memory";
  endContainer(state, task);
  addUpdate(state, task, endedStatus(exit, task, state.frameworks.get(task.frameworkId)));
  // The exit record must outlive the agent until the update is on disk.
  state.afterwards({ kind: "cleanup", containerId });
}

/** The task's container is no more: its resources are free, and nothing is timed. */
export function endContainer(state: AgentState, task: Task): void {
  if (task.phase === "ended") return;
  task.phase = "ended";
  state.usage.remove(task.amounts);
  state.deadlines.clear(`kill/${task.key}`);
  state.deadlines.clear(`max/${task.key}`);
  stopChecks(state, task);
  if (ownsContainer(task)) dropNested(state, task.containerId);
  if (task.executorId === undefined || ownsContainer(task)) return;
  const executor = state.executors.get(executorKey(task.frameworkId, task.executorId));
  if (executor?.tasks.delete(task.key) === true) resizeExecutor(state, executor);
}

/** Forgets a framework's tasks and ends their containers; no updates are owed (ShutdownFramework). */
export function removeFramework(state: AgentState, framework: Framework): void {
  const kept = state.waitingGroups.filter(({ message }) => message.frameworkId !== framework.id);
  state.waitingGroups.splice(0, state.waitingGroups.length, ...kept);
  for (const key of [...framework.tasks]) {
    const task = state.tasks.get(key);
    if (task !== undefined) abandon(state, task, task.killGraceMs);
  }
}

/** Forgets a task and ends its container, if that is its own. */
export function abandon(state: AgentState, task: Task, graceMs: number): void {
  const { phase, containerId } = task;
  endContainer(state, task);
  if (phase !== "ended") {
    task.stream.state = "TASK_KILLED";
    if (task.inPod) state.endedMembers.push(task);
  }
  forgetTask(state, task);
  state.successors.delete(task.key);
  if (!ownsContainer(task)) return;
  if (phase === "running") condemn(state, containerId, graceMs);
  // A launch under way is cancelled; if it wins, `launched` ends it.
  if (phase === "launching") condemn(state, containerId, 0);
}

/** Ends a container that belongs to no task; SIGKILL at once without grace. */
export function condemn(state: AgentState, containerId: string, graceMs: number): void {
  state.condemned.add(containerId);
  if (graceMs <= 0) {
    state.emit({ kind: "kill", containerId });
    return;
  }
  state.emit({ kind: "signal", containerId, signal: "SIGTERM" });
  state.deadlines.set(`condemned/${containerId}`, state.now.monotonicMs + graceMs);
}

/** A container that belonged to no task is gone. */
export function settleCondemned(state: AgentState, containerId: string): void {
  state.deadlines.clear(`condemned/${containerId}`);
  if (state.condemned.delete(containerId)) settlePodOf(state, containerId);
}

/** A container would not die: say so and try again. */
export function killFailed(state: AgentState, containerId: string, message: string): void {
  const task = state.containers.get(containerId);
  const retryAtMs = state.now.monotonicMs + KILL_RETRY_MS;
  state.log.error("Cannot kill a container; trying again", { containerId, reason: message });
  const executor = state.executorContainers.get(containerId);
  if (executor !== undefined) state.deadlines.set(`executor-kill/${executor.key}`, retryAtMs);
  else if (task !== undefined && task.phase !== "ended") state.deadlines.set(`kill/${task.key}`, retryAtMs);
  else if (state.condemned.has(containerId)) state.deadlines.set(`condemned/${containerId}`, retryAtMs);
  else if (state.nested.has(containerId)) state.deadlines.set(`nested-kill/${containerId}`, retryAtMs);
}

/** What belongs to nobody would not die. */
export function orphanLeft(state: AgentState, containerId: string, message: string): void {
  state.log.error("Cannot end an orphaned container; trying again", { containerId, reason: message });
  state.deadlines.set(`orphan/${containerId}`, state.now.monotonicMs + KILL_RETRY_MS);
}
