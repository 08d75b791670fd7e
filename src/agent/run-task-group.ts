/**
 * From RunTaskGroup to tasks that are taken on together or not at all (TSK-17):
 * by the framework's executor, or as a pod (pod.ts).
 *
 * A group of which a task id is alive here in an older run waits for the end of
 * that one, as a whole; see task-runs.ts. What waits is not on disk.
 */
import { type KillTask, type RunTaskGroup, sameRun } from "../model/agent-protocol.ts";
import { killTask } from "./kill-task.ts";
import { executorOf, takeExecutorTasks } from "./run-executor-task.ts";
import { takePod } from "./run-pod.ts";
import type { AgentState } from "./state.ts";
import { forgetTask } from "./status-updates.ts";
import { type Task, taskKey, type WaitingGroup } from "./task.ts";

type Member = RunTaskGroup["tasks"][number];

/** Repeated ones are ignored task by task. */
export function runTaskGroup(state: AgentState, message: RunTaskGroup): void {
  const { frameworkId } = message;
  const tasks = message.tasks.filter((member) => !isHere(state, frameworkId, member));
  if (tasks.length === 0) {
    state.log.debug("Asked again to run a task group that is here already, ignored", { frameworkId });
    return;
  }
  state.waitingGroups.push({ message: { ...message, tasks }, killed: false });
  for (const member of tasks) {
    const old = aliveOlderRun(state, frameworkId, member);
    if (old === undefined) continue;
    const { taskId, runId: oldRunId } = old;
    state.log.warn("A task id of a group is alive here in an older run; ending that first", {
      ...{ frameworkId, taskId, oldRunId, runId: member.runId },
    });
    killTask(state, old, undefined);
  }
  startWaitingGroups(state);
}

/** Takes on those that wait for no older run any more. */
export function startWaitingGroups(state: AgentState): void {
  for (const waiting of [...state.waitingGroups]) {
    const { message, killed } = waiting;
    const { frameworkId, tasks } = message;
    if (tasks.some((member) => aliveOlderRun(state, frameworkId, member) !== undefined)) continue;
    state.waitingGroups.splice(state.waitingGroups.indexOf(waiting), 1);
    for (const { taskId } of tasks) {
      const old = state.tasks.get(taskKey(frameworkId, taskId));
      if (old !== undefined) forgetTask(state, old);
    }
    const [first] = take(state, message);
    if (killed && first !== undefined) killTask(state, first, undefined);
  }
}

function take(state: AgentState, message: RunTaskGroup): readonly Task[] {
  const group = message.tasks[0]?.runId ?? message.tasks[0]?.taskId;
  const runs = { ...message, group };
  return executorOf(runs)?.type === "DEFAULT" ? takePod(state, runs) : takeExecutorTasks(state, runs);
}

/** True when a group that waits here has this run: it will not start. */
export function killWaitingGroup(state: AgentState, message: KillTask): boolean {
  const found = state.waitingGroups.find(
    (waiting) => waiting.message.frameworkId === message.frameworkId && hasRun(waiting, message),
  );
  if (found !== undefined) found.killed = true;
  return found !== undefined;
}

function hasRun(waiting: WaitingGroup, { taskId, runId }: Pick<Member, "taskId" | "runId">): boolean {
  return waiting.message.tasks.some((one) => one.taskId === taskId && sameRun(one.runId, runId));
}

function isHere(state: AgentState, frameworkId: string, member: Member): boolean {
  const known = state.tasks.get(taskKey(frameworkId, member.taskId));
  if (known !== undefined && sameRun(known.runId, member.runId)) return true;
  return state.waitingGroups.some(
    (waiting) => waiting.message.frameworkId === frameworkId && hasRun(waiting, member),
  );
}

function aliveOlderRun(state: AgentState, frameworkId: string, { taskId }: Member): Task | undefined {
  const known = state.tasks.get(taskKey(frameworkId, taskId));
  return known === undefined || known.phase === "ended" ? undefined : known;
}
