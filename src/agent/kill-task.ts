/**
 * Ending a task on request or because its time is over: SIGTERM, the grace
 * period, SIGKILL (TSK-9, TSK-12).
 */
import { stopChecks } from "./check-schedule.ts";
import { endContainer } from "./end-task.ts";
import { executorKey } from "./executor.ts";
import type { Ending } from "./records.ts";
import { killExecutorTask } from "./run-executor-task.ts";
import { killedBeforeStart } from "./run-task.ts";
import type { AgentState } from "./state.ts";
import { addUpdate, writeStream } from "./status-updates.ts";
import type { Task } from "./task.ts";
import { drainReason } from "./task-status.ts";

/** @param gracePeriodMs overrides the task's own */
export function killTask(
  state: AgentState,
  task: Task,
  gracePeriodMs: number | undefined,
  ending: Exclude<Ending, "max-completion-time"> = "kill",
): void {
  if (task.executorId !== undefined && !task.inPod && task.phase !== "ended") {
    const executor = state.executors.get(executorKey(task.frameworkId, task.executorId));
    killExecutorTask(state, task, executor, gracePeriodMs, ending);
    return;
  }
  switch (task.phase) {
    case "ended":
      return;
    case "checkpointing":
      task.ending = ending;
      endContainer(state, task);
      killedBeforeStart(state, task);
      return;
    case "launching":
      if (task.ending === undefined) {
        task.ending = ending;
        writeStream(state, task);
      }
      state.emit({ kind: "kill", containerId: task.containerId });
      return;
    case "running":
      endRunning(state, task, ending, gracePeriodMs);
  }
}

/** The task ran as long as it may. */
export function completionTimeReached(state: AgentState, task: Task): void {
  if (task.phase !== "running" || task.ending !== undefined) return;
  const { frameworkId, taskId, maxCompletionMs } = task;
  state.log.info("A task reached its maximum completion time", { frameworkId, taskId, maxCompletionMs });
  endRunning(state, task, "max-completion-time", undefined);
}

function endRunning(state: AgentState, task: Task, ending: Ending, givenMs: number | undefined): void {
  const graceMs = givenMs ?? task.killGraceMs;
  if (task.ending !== undefined) {
    shortenGrace(state, task, graceMs);
    return;
  }
  task.ending = ending;
  task.endingGraceMs = givenMs;
  state.deadlines.clear(`max/${task.key}`);
  stopChecks(state, task);
  if (state.frameworks.get(task.frameworkId)?.killingState) {
    addUpdate(state, task, { state: "TASK_KILLING", source: "SOURCE_EXECUTOR", ...drainReason(ending) });
  } else {
    writeStream(state, task);
  }
  // Written first: a task that a new agent process finds dead was then killed, not failed.
  state.afterwards({ kind: "terminate", containerId: task.containerId, graceMs });
}

/** A later kill may bring the SIGKILL nearer, never put it off. */
function shortenGrace(state: AgentState, task: Task, graceMs: number): void {
  const atMs = state.now.monotonicMs + graceMs;
  const presentMs = state.deadlines.get(`kill/${task.key}`);
  if (presentMs !== undefined && atMs >= presentMs) return;
  state.deadlines.set(`kill/${task.key}`, atMs);
  if (graceMs >= (task.endingGraceMs ?? task.killGraceMs)) return;
  task.endingGraceMs = graceMs;
  writeStream(state, task);
}

/** The kill is on disk: SIGTERM now, SIGKILL when the grace period is over. */
export function terminate(state: AgentState, task: Task, graceMs: number): void {
  if (task.phase !== "running") return;
  const atMs = state.now.monotonicMs + Math.max(0, graceMs);
  const presentMs = state.deadlines.get(`kill/${task.key}`);
  state.emit({ kind: "signal", containerId: task.containerId, signal: "SIGTERM" });
  state.deadlines.set(`kill/${task.key}`, Math.min(atMs, presentMs ?? atMs));
}
