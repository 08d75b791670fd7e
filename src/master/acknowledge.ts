import { present } from "../base/assert.ts";
import { sameBytes } from "../base/bytes.ts";
import { isTerminalState } from "../model/task-state.ts";
import type { SchedulerCall } from "../model/v1/scheduler.ts";
import { RUN_IDS_LEVEL } from "../registry/command-level.ts";
import type { CompleteTask } from "../registry/commands.ts";
import { dropKill } from "./kill.ts";
import type { Leader } from "./leader.ts";
import { type AgentMemory, type FrameworkMemory, taskKey } from "./memory.ts";

type Acknowledged = Pick<CompleteTask, "frameworkId" | "taskId" | "uuid" | "runId">;

/**
 * ACKNOWLEDGE: the agent may send the task's next update. That of the end is
 * committed first, so that no later leader still waits for it.
 */
export function acknowledge(leader: Leader, framework: FrameworkMemory, call: SchedulerCall): void {
  const body = present(call.acknowledge, "ACKNOWLEDGE must have been validated");
  const [agentId, taskId] = [body.agent_id.value, body.task_id.value];
  const agent = leader.agents.get(agentId);
  const task = leader.registry.task(framework.id, taskId);
  if (task !== undefined && task.agentId === agentId && sameBytes(task.updateUuid, body.uuid)) {
    leader.counters.bump("valid_status_update_acknowledgements");
    if (task.updateState !== undefined && isTerminalState(task.updateState)) {
      leader.completions.set(taskKey(framework.id, taskId), agentId);
      const { runId } = task;
      leader.propose({ kind: "complete-task", frameworkId: framework.id, taskId, uuid: body.uuid, runId });
      return;
    }
    forward(leader, agentId, { frameworkId: framework.id, taskId, uuid: body.uuid, runId: task.runId });
    return;
  }
  if (agent?.link === undefined) {
    leader.counters.bump("invalid_status_update_acknowledgements");
  }
  // An update older than the registry's last, of this run or another, is the agent's to judge.
  forward(leader, agentId, { frameworkId: framework.id, taskId, uuid: body.uuid, runId: undefined });
}

/**
 * The framework acknowledged the task's end, and only the commit of that is outstanding: to the framework the
 * id is free, as in Mesos (Master::acknowledge), and what it launches now is behind that in the log. Run ids
 * tell the two apart.
 */
export function isCompleting(leader: Leader, key: string): boolean {
  return leader.completions.has(key) && leader.canWrite(RUN_IDS_LEVEL);
}

/** Refused or not, the agent hears: a refusal means that an earlier leader completed the task. */
export function taskCompleted(leader: Leader, command: CompleteTask): void {
  const key = taskKey(command.frameworkId, command.taskId);
  const agentId = leader.completions.get(key);
  if (agentId === undefined) return;
  leader.completions.delete(key);
  // A wish that came while the agent was out of reach saw no end that took it off.
  dropKill(leader.agents.get(agentId), key, command.runId);
  forward(leader, agentId, command);
}

function forward(leader: Leader, agentId: string, update: Acknowledged): void {
  const agent = leader.agents.get(agentId);
  if (agent !== undefined) acknowledgeUpdate(leader, agent, update);
}

/** The agent may forget the update, and send the next one. */
export function acknowledgeUpdate(leader: Leader, agent: AgentMemory, update: Acknowledged): void {
  const { frameworkId, taskId, uuid, runId } = update;
  const { term } = leader;
  leader.sendAgent(agent, { kind: "acknowledge-update", term, frameworkId, taskId, uuid, runId });
}
