/** Agents leave the registry: for good, or because nobody asked for them for long. */
import { REMOVED_AGENTS_MAX } from "../base/limits.ts";
import { isTerminalState } from "../model/task-state.ts";
import type { TaskState, TaskStatusReason } from "../model/v1/tasks.ts";
import type { ForgetAgents, MarkAgentGone } from "./agent-commands.ts";
import { lostState } from "./apply-agents.ts";
import { dropOperations } from "./apply-operations.ts";
import { ACCEPTED, refused } from "./apply-outcome.ts";
import { completeTask, endTask } from "./apply-tasks.ts";
import type { EndedTask, Outcome, RemoveAgent } from "./commands.ts";
import type { AgentRecord, TaskRecord } from "./records.ts";
import type { RegistryState } from "./state.ts";

export function removeAgent(state: RegistryState, command: RemoveAgent): Outcome {
  const agent = state.agents.get(command.agentId);
  if (agent === undefined) return refused("agent-unknown");
  const endedTasks = endTasks(state, agent, {
    aware: "TASK_GONE",
    reason: "REASON_AGENT_REMOVED",
    message: "Agent was removed",
    atMs: command.atMs,
  });
  dropAgent(state, agent);
  if (command.remember) rememberRemoval(state, agent.id, command.atMs, false);
  return { accepted: true, endedTasks };
}

/** One that had left already only gets the mark. */
export function markAgentGone(state: RegistryState, command: MarkAgentGone): Outcome {
  const { agentId, atMs } = command;
  const removed = state.removedAgents.get(agentId);
  if (removed !== undefined) {
    if (removed.gone) return ACCEPTED;
    state.removedAgents.set(agentId, { ...removed, gone: true });
    state.touch({ kind: "removed-agent", id: agentId });
    return ACCEPTED;
  }
  const agent = state.agents.get(agentId);
  if (agent === undefined) return refused("agent-unknown");
  const endedTasks = endTasks(state, agent, {
    aware: "TASK_GONE_BY_OPERATOR",
    reason: "REASON_AGENT_REMOVED_BY_OPERATOR",
    message: "Agent was marked gone by an operator",
    atMs,
  });
  dropAgent(state, agent);
  rememberRemoval(state, agentId, atMs, true);
  return { accepted: true, endedTasks };
}

/**
 * The tasks of an unreachable agent were told as such, and nobody knows more: they are only history
 * from now on. Answers those that had ended before, whose end did not come to be told. Removed agents
 * may come back then (Mesos: --registry_max_agent_age).
 */
export function forgetAgents(state: RegistryState, { agentIds }: ForgetAgents): Outcome {
  const endedTasks: EndedTask[] = [];
  for (const id of agentIds) {
    const agent = state.agents.get(id);
    if (agent?.unreachableAtMs !== undefined) {
      for (const task of state.sortedTasks(state.tasksOfAgent.get(id))) {
        if (task.stateBeforeUnreachable === undefined && isEndUntold(task)) endedTasks.push(knownEnd(task));
        task.stateBeforeUnreachable = undefined;
        completeTask(state, task);
      }
      dropAgent(state, agent);
    }
    if (state.removedAgents.delete(id)) state.touch({ kind: "removed-agent", id });
  }
  // As a master finds it that loads the list from disk.
  state.lastRemovalNumber = [...state.removedAgents.values()].at(-1)?.number ?? 0;
  return endedTasks.length === 0 ? ACCEPTED : { accepted: true, endedTasks };
}

export interface AgentLoss {
  /** State for PARTITION_AWARE frameworks; for others TASK_LOST stands for it. */
  readonly aware: TaskState;
  readonly reason: TaskStatusReason;
  readonly message: string;
  readonly atMs: number;
}

/** Completes all tasks of the agent; answers those whose frameworks were told of no end before. */
export function endTasks(state: RegistryState, agent: AgentRecord, loss: AgentLoss): EndedTask[] {
  const ended: EndedTask[] = [];
  const { reason, message, atMs } = loss;
  for (const task of state.sortedTasks(state.tasksOfAgent.get(agent.id))) {
    const { frameworkId, taskId } = task;
    const told = isTerminalState(task.state);
    if (!told || task.stateBeforeUnreachable !== undefined) {
      const lost = lostState(state, task, loss.aware);
      task.stateBeforeUnreachable = undefined;
      endTask(task, { state: lost, reason, message, atMs });
      if (!told) ended.push({ frameworkId, taskId, agentId: agent.id, state: lost });
    } else if (isEndUntold(task)) ended.push(knownEnd(task));
    completeTask(state, task);
  }
  return ended;
}

/** Of a task that ended: known from what came with an earlier update, the word itself went with the agent. */
function isEndUntold({ updateState }: TaskRecord): boolean {
  return updateState === undefined || !isTerminalState(updateState);
}

function knownEnd({ frameworkId, taskId, agentId, state }: TaskRecord): EndedTask {
  return { frameworkId, taskId, agentId, state, wasKnown: true };
}

function dropAgent(state: RegistryState, { id }: AgentRecord): void {
  dropOperations(state, (operation) => operation.agentId === id);
  state.agents.delete(id);
  state.touch({ kind: "agent", id });
}

/** Oldest removals go first, by number: clocks of leaders may differ. */
function rememberRemoval(state: RegistryState, id: string, atMs: number, gone: boolean): void {
  const number = state.removedAgents.size === 0 ? 0 : state.lastRemovalNumber + 1;
  state.lastRemovalNumber = number;
  state.removedAgents.set(id, { id, atMs, number, gone });
  state.touch({ kind: "removed-agent", id });
  for (const oldest of state.removedAgents.keys()) {
    if (state.removedAgents.size <= REMOVED_AGENTS_MAX) return;
    state.removedAgents.delete(oldest);
    state.touch({ kind: "removed-agent", id: oldest });
  }
}
