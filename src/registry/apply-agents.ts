import { isTerminalState } from "../model/task-state.ts";
import type { TaskState } from "../model/v1/tasks.ts";
import { decodeBlob } from "../wire/blob.ts";
import { totalOf } from "./agent-total.ts";
import { ACCEPTED, refused } from "./apply-outcome.ts";
import { endTask } from "./apply-tasks.ts";
import type { AddAgent, MarkAgentUnreachable, Outcome, ReregisterAgent } from "./commands.ts";
import type { TaskRecord } from "./records.ts";
import type { RegistryState } from "./state.ts";

export function addAgent(state: RegistryState, command: AddAgent): Outcome {
  const { agentId: id, info, ip, version, capabilities, atMs } = command;
  if (state.removedAgents.has(id)) return refused("agent-removed");
  if (state.agents.has(id)) return refused("agent-exists");
  if (isOnDownMachine(state, command)) return refused("machine-down");
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
    deactivated: false,
    drain: undefined,
    requests: [],
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
  if (isOnDownMachine(state, command)) return refused("machine-down");
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

/** Looks into the info only while a machine is down. */
function isOnDownMachine({ maintenance }: RegistryState, { info, ip }: AddAgent | ReregisterAgent): boolean {
  if (maintenance.isEmpty) return false;
  return maintenance.isDown(decodeBlob("AgentInfo", info).hostname, ip);
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

export function lostState(state: RegistryState, task: TaskRecord, aware: TaskState): TaskState {
  return state.frameworks.get(task.frameworkId)?.partitionAware === true ? aware : "TASK_LOST";
}

export function touchTask(state: RegistryState, task: TaskRecord): void {
  state.touch({ kind: "task", frameworkId: task.frameworkId, taskId: task.taskId });
}
