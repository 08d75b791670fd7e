import { present } from "../base/assert.ts";
import { msFromNanos } from "../base/time.ts";
import { sameRun } from "../model/agent-protocol.ts";
import { isTerminalState } from "../model/task-state.ts";
import type { SchedulerCall } from "../model/v1/scheduler.ts";
import type { TaskRecord } from "../registry/records.ts";
import type { Leader } from "./leader.ts";
import { type AgentMemory, type FrameworkMemory, type KillWish, taskKey } from "./memory.ts";
import { reconcileTask } from "./reconcile.ts";
import type { OperatorKillInput } from "./types.ts";

/**
 * KILL: remembered until the task ended, so that an agent that was away hears
 * of it when it returns. The memory is this leader's: a KILL that was answered
 * 202 and had not reached the agent when the leader died is the framework's to
 * repeat, as in Mesos. Unknown tasks are answered as by RECONCILE (TSK-8).
 */
export function kill(leader: Leader, framework: FrameworkMemory, call: SchedulerCall): void {
  const body = present(call.kill, "KILL must have been validated");
  const taskId = body.task_id.value;
  const key = taskKey(framework.id, taskId);
  // Of an id that is launched again the registry still has the old run.
  const launching = leader.launching.get(key);
  const task = launching === undefined ? leader.registry.task(framework.id, taskId) : undefined;
  const agentId = task?.agentId ?? launching;
  if (agentId === undefined) {
    reconcileTask(leader, framework, taskId, body.agent_id?.value);
    return;
  }
  // Mesos ignores a kill that names another agent than the task's.
  if (body.agent_id !== undefined && body.agent_id.value !== agentId) return;
  // Mesos does not know such a task, either; the kill waits for the agent all the same.
  if (task?.stateBeforeUnreachable !== undefined) reconcileTask(leader, framework, taskId, agentId);
  const grace = body.kill_policy?.grace_period?.nanoseconds;
  wishKill(leader, agentId, task, {
    frameworkId: framework.id,
    taskId,
    gracePeriodMs: grace === undefined ? undefined : msFromNanos(grace),
    runId: task?.runId ?? leader.agents.get(agentId)?.holdings.get(key)?.runId,
  });
}

/** Kills a task whichever framework it belongs to; its framework learns of it by the task's end. */
export function operatorKill(leader: Leader, input: OperatorKillInput): void {
  const { ref, frameworkId, taskId } = input;
  const task = leader.registry.task(frameworkId, taskId);
  if (task === undefined || isTerminalState(task.state)) {
    leader.answer(ref, 404, `No task '${taskId}' of framework '${frameworkId}' runs`);
    return;
  }
  leader.answer(ref, 202);
  wishKill(leader, task.agentId, task, { frameworkId, taskId, gracePeriodMs: undefined, runId: task.runId });
}

/** `task`: undefined while its launch is not applied. */
function wishKill(leader: Leader, agentId: string, task: TaskRecord | undefined, wish: KillWish): void {
  const agent = leader.agents.get(agentId);
  if (agent === undefined || (task !== undefined && hasEnded(task))) return;
  agent.kills.set(taskKey(wish.frameworkId, wish.taskId), wish);
  // An agent that is out of reach holds nothing: without this the framework's removal would miss the wish.
  leader.frameworks.get(wish.frameworkId)?.agentIds.add(agentId);
  // Before the launch is applied the agent cannot know the task: the kill follows its start.
  if (task !== undefined) sendKill(leader, agent, wish);
}

/** Ended for certain, not only out of reach: no later end would take a wish off the books. */
function hasEnded(task: TaskRecord): boolean {
  return isTerminalState(task.state) && task.stateBeforeUnreachable === undefined;
}

/** This run has ended; a wish may be one for the next. */
export function dropKill(agent: AgentMemory | undefined, key: string, runId: string | undefined): void {
  if (agent !== undefined && sameRun(agent.kills.get(key)?.runId, runId)) agent.kills.delete(key);
}

export function sendKill(leader: Leader, agent: AgentMemory, wish: KillWish): void {
  leader.sendAgent(agent, { kind: "kill-task", term: leader.term, ...wish });
}
