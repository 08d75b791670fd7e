import { present } from "../base/assert.ts";
import { msFromNanos } from "../base/time.ts";
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
  const task = leader.registry.task(framework.id, taskId);
  const agentId = task?.agentId ?? leader.launching.get(key);
  if (agentId === undefined) {
    reconcileTask(leader, framework, taskId, body.agent_id?.value);
    return;
  }
  // Mesos ignores a kill that names another agent than the task's.
  if (body.agent_id !== undefined && body.agent_id.value !== agentId) return;
  const grace = body.kill_policy?.grace_period?.nanoseconds;
  wishKill(leader, agentId, {
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
  wishKill(leader, task.agentId, { frameworkId, taskId, gracePeriodMs: undefined, runId: task.runId });
}

function wishKill(leader: Leader, agentId: string, wish: KillWish): void {
  const agent = leader.agents.get(agentId);
  const task = leader.registry.task(wish.frameworkId, wish.taskId);
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

export function sendKill(leader: Leader, agent: AgentMemory, wish: KillWish): void {
  leader.sendAgent(agent, { kind: "kill-task", term: leader.term, ...wish });
}
