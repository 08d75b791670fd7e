/** Resources that tasks hold, as the allocator is told of them. */

import type { UsedByFramework } from "../allocator/types.ts";
import { isTerminalState } from "../model/task-state.ts";
import { decodeBlob } from "../wire/blob.ts";
import type { Leader } from "./leader.ts";
import { type AgentMemory, type Holding, taskKey } from "./memory.ts";
import { taskResources } from "./task-resources.ts";

/** Gives a task's resources back to the pool. */
export function releaseHolding(leader: Leader, agent: AgentMemory, holding: Holding): void {
  if (!agent.holdings.delete(taskKey(holding.frameworkId, holding.taskId))) return;
  const { frameworkId, role, resources } = holding;
  leader.allocator.recover({ frameworkId, role, agentId: agent.id, resources }, leader.now);
  leader.allocationDue = true;
}

/** What the registry's unfinished tasks hold on an agent; launches under way stay. */
export function rebuildHoldings(leader: Leader, agent: AgentMemory): void {
  for (const task of leader.registry.tasksOnAgent(agent.id)) {
    leader.frameworks.get(task.frameworkId)?.agentIds.add(agent.id);
    if (isTerminalState(task.state) || task.stateBeforeUnreachable !== undefined) continue;
    const info = decodeBlob("TaskInfo", task.info);
    agent.holdings.set(taskKey(task.frameworkId, task.taskId), {
      frameworkId: task.frameworkId,
      taskId: task.taskId,
      role: task.role,
      resources: taskResources(info),
      runId: task.runId,
      pending: false,
    });
  }
}

export function usedOf(agent: AgentMemory): UsedByFramework[] {
  const used: UsedByFramework[] = [...agent.holdings.values()].map(({ frameworkId, role, resources }) => ({
    frameworkId,
    role,
    resources,
  }));
  for (const { heldBack } of agent.changes.values()) if (heldBack !== undefined) used.push(heldBack);
  return used;
}
