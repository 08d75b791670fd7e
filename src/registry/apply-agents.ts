import { REMOVED_AGENTS_MAX } from "../base/limits.ts";
import { isTerminalState } from "../model/task-state.ts";
import type { TaskState } from "../model/v1/tasks.ts";
import { totalOf } from "./agent-total.ts";
import { dropOperations } from "./apply-operations.ts";
import { ACCEPTED, refused } from "./apply-outcome.ts";
import { completeTask, endTask } from "./apply-tasks.ts";
import type { AddAgent, MarkAgentUnreachable, Outcome, RemoveAgent, ReregisterAgent } from "./commands.ts";
import type { TaskRecord } from "./records.ts";
import type { RegistryState } from "./state.ts";

export function addAgent(state: RegistryState, command: AddAgent): Outcome {
  const { agentId: id, info, ip, version, capabilities, atMs } = command;
  if (state.removedAgents.has(id)) return refused("agent-removed");
  if (state.agents.has(id)) return refused("agent-exists");
  state.agents.set(id, {
    id,
    info,
    ip,
    version,
    capabilities,
    registeredAtMs: atMs,
    reregisteredAtMs: undefined,
    unreachableAtMs: undefined,
    checkpointed: [],
    volumes: new Map(),
  });
  state.touch({ kind: "agent", id });
  return ACCEPTED;
}

/**
 * Tasks that were only out of reach get the state back that they had before (mesos-wire.md 8.1,
 * REASON_AGENT_REREGISTERED).
 */
export function reregisterAgent(state: RegistryState, command: ReregisterAgent): Outcome {
  const agent = state.agents.get(command.agentId);
  if (agent === undefined) {
    return refused(state.removedAgents.has(command.agentId) ? "agent-removed" : "agent-unknown");
  }
  if (agent.checkpointed.length > 0 && !totalOf({ info: command.info, checkpointed: agent.checkpointed }).ok)
    return refused("agent-too-small");
  agent.info = command.info;
  agent.ip = command.ip;
  agent.version = command.version;
  agent.capabilities = command.capabilities;
  agent.reregisteredAtMs = command.atMs;
  if (agent.unreachableAtMs !== undefined) {
    agent.unreachableAtMs = undefined;
    for (const task of state.sortedTasks(state.tasksOfAgent.get(agent.id))) {
      if (task.stateBeforeUnreachable === undefined) continue;
      task.state = task.stateBeforeUnreachable;
      task.stateBeforeUnreachable = undefined;
      touchTask(state, task);
    }
  }
  state.touch({ kind: "agent", id: agent.id });
  return ACCEPTED;
}

/**
 * TASK_UNREACHABLE for PARTITION_AWARE frameworks, TASK_LOST for others; either may come back with the agent.
 */
export function markAgentUnreachable(state: RegistryState, command: MarkAgentUnreachable): Outcome {
  const agent = state.agents.get(command.agentId);
  if (agent === undefined) return refused("agent-unknown");
  if (agent.unreachableAtMs !== undefined) return ACCEPTED;
  agent.unreachableAtMs = command.atMs;
  for (const task of state.sortedTasks(state.tasksOfAgent.get(agent.id))) {
    if (isTerminalState(task.state)) continue;
    task.stateBeforeUnreachable = task.state;
    endTask(task, {
      state: lostState(state, task, "TASK_UNREACHABLE"),
      reason: "REASON_AGENT_REMOVED",
      message: "Agent did not answer pings and counts as unreachable",
      atMs: command.atMs,
      unreachableAtMs: command.atMs,
    });
    touchTask(state, task);
  }
  state.touch({ kind: "agent", id: agent.id });
  return ACCEPTED;
}

export function removeAgent(state: RegistryState, command: RemoveAgent): Outcome {
  const agent = state.agents.get(command.agentId);
  if (agent === undefined) return refused("agent-unknown");
  for (const task of state.sortedTasks(state.tasksOfAgent.get(agent.id))) {
    if (!isTerminalState(task.state) || task.stateBeforeUnreachable !== undefined) {
      task.stateBeforeUnreachable = undefined;
      endTask(task, {
        state: lostState(state, task, "TASK_GONE"),
        reason: "REASON_AGENT_REMOVED",
        message: "Agent was removed",
        atMs: command.atMs,
      });
    }
    completeTask(state, task);
  }
  dropOperations(state, (operation) => operation.agentId === agent.id);
  state.agents.delete(agent.id);
  state.touch({ kind: "agent", id: agent.id });
  if (command.remember) rememberRemoval(state, agent.id, command.atMs);
  return ACCEPTED;
}

/** Oldest removals go first, by number: clocks of leaders may differ. */
function rememberRemoval(state: RegistryState, id: string, atMs: number): void {
  const number = state.removedAgents.size === 0 ? 0 : state.lastRemovalNumber + 1;
  state.lastRemovalNumber = number;
  state.removedAgents.set(id, { id, atMs, number });
  state.touch({ kind: "removed-agent", id });
  for (const oldest of state.removedAgents.keys()) {
    if (state.removedAgents.size <= REMOVED_AGENTS_MAX) return;
    state.removedAgents.delete(oldest);
    state.touch({ kind: "removed-agent", id: oldest });
  }
}

function lostState(state: RegistryState, task: TaskRecord, aware: TaskState): TaskState {
  return state.frameworks.get(task.frameworkId)?.partitionAware === true ? aware : "TASK_LOST";
}

function touchTask(state: RegistryState, task: TaskRecord): void {
  state.touch({ kind: "task", frameworkId: task.frameworkId, taskId: task.taskId });
}
