/**
 * Which run of a task id a message of the master means.
 *
 * A framework may use a task id again once it acknowledged the end of the old
 * task; the agent may not have heard of that acknowledgement. Of one task id
 * the agent holds one run, and at most one more waits here for its end:
 *
 *     no run here          -> taken on
 *     this run is here     -> ignored, a repetition
 *     another, ended       -> forgotten with its updates, the new one taken on
 *     another, still alive -> killed; the new one is taken on when it has ended
 *
 * What waits is not on disk: an agent that restarts reports the old run only,
 * and the master sends the new one again.
 */
import { present } from "../base/assert.ts";
import { type KillTask, type RunTask, sameRun } from "../model/agent-protocol.ts";
import { killTask } from "./kill-task.ts";
import { executorOf, hasExecutor, takeExecutorTasks } from "./run-executor-task.ts";
import { takePod } from "./run-pod.ts";
import { takeTask } from "./run-task.ts";
import { killWaitingGroup } from "./run-task-group.ts";
import type { AgentState } from "./state.ts";
import { forgetTask } from "./status-updates.ts";
import { type Successor, type Task, taskKey } from "./task.ts";

export function runTask(state: AgentState, message: RunTask): void {
  const { frameworkId, taskId, runId } = message;
  const key = taskKey(frameworkId, taskId);
  const known = state.tasks.get(key);
  const waiting = state.successors.get(key);
  if (known === undefined) {
    take(state, message);
  } else if (
    sameRun(known.runId, runId) ||
    (waiting !== undefined && sameRun(waiting.message.runId, runId))
  ) {
    const fields = { frameworkId, taskId, runId, state: known.stream.state };
    state.log.debug("Asked again to run a task that is here already, ignored", fields);
  } else if (known.phase === "ended") {
    replace(state, known, { message, killed: false });
  } else {
    const fields = { frameworkId, taskId, runId, oldRunId: known.runId, state: known.stream.state };
    state.log.warn(
      "The master runs a task id again whose old run is alive here: it was lost to the cluster; ending it first",
      fields,
    );
    state.successors.set(key, { message, killed: false });
    killTask(state, known, undefined);
  }
}

function take(state: AgentState, message: RunTask): Task {
  if (!hasExecutor(message)) return takeTask(state, message);
  const { frameworkId, framework, launchExecutor, taskId, task: info, runId } = message;
  const runs = {
    ...{ frameworkId, framework, group: undefined, tasks: [{ taskId, task: info, runId }] },
    ...(launchExecutor === undefined ? {} : { launchExecutor }),
  };
  const isPod = executorOf(runs)?.type === "DEFAULT";
  const [task] = isPod ? takePod(state, runs) : takeExecutorTasks(state, runs);
  return present(task, "One task was taken on");
}

/** KillTask names the run that is here, or the one that waits. */
export function killRun(state: AgentState, message: KillTask): void {
  const { frameworkId, taskId, runId } = message;
  const key = taskKey(frameworkId, taskId);
  const task = state.tasks.get(key);
  const waiting = state.successors.get(key);
  const isWaiting = waiting !== undefined && sameRun(waiting.message.runId, runId);
  if (isWaiting) waiting.killed = true;
  if (task !== undefined && sameRun(task.runId, runId)) killTask(state, task, message.gracePeriodMs);
  else if (!killWaitingGroup(state, message) && !isWaiting) {
    state.log.info("Asked to kill a task that is not here, ignored", { frameworkId, taskId, runId });
  }
}

/** At the end of each step: takes on what waited for a run that has ended. */
export function startSuccessors(state: AgentState): void {
  for (const [key, successor] of state.successors) {
    const old = state.tasks.get(key);
    if (old === undefined || old.phase === "ended") replace(state, old, successor);
  }
}

/** One batch on disk forgets the old run and holds the new one. */
function replace(state: AgentState, old: Task | undefined, { message, killed }: Successor): void {
  const { frameworkId, taskId, runId } = message;
  state.successors.delete(taskKey(frameworkId, taskId));
  if (old !== undefined) {
    // The master could launch the id again only after the old run was completed: nobody waits for these.
    const updates = old.stream.pending.length;
    const fields = { frameworkId, taskId, runId, oldRunId: old.runId, updates };
    state.log.info("A task id runs again; dropped the updates of its old run", fields);
    forgetTask(state, old);
  }
  const task = take(state, message);
  if (killed) killTask(state, task, undefined);
}
