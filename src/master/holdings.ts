/** Resources that tasks hold, as the allocator is told of them. */

import type { UsedByFramework } from "../allocator/types.ts";
import type { Resources } from "../model/resources.ts";
import { isTerminalState } from "../model/task-state.ts";
import type { TaskRecord } from "../registry/records.ts";
import type { Holding } from "./holding.ts";
import type { Leader } from "./leader.ts";
import { type AgentMemory, taskKey } from "./memory.ts";

/** Gives a task's resources back to the pool. */
export function releaseHolding(leader: Leader, agent: AgentMemory, holding: Holding): void {
  if (!agent.holdings.delete(taskKey(holding.frameworkId, holding.taskId))) return;
  const { frameworkId, role, resources } = holding;
  leader.allocator.recover({ frameworkId, role, agentId: agent.id, resources }, leader.now);
  leader.allocationDue = true;
}

/** What the registry's unfinished tasks hold on an agent; launches under way stay. */
export function rebuildHoldings(leader: Leader, agent: AgentMemory): void {
  const tasks: TaskRecord[] = [];
  const resources: Resources[] = [];
  for (const task of leader.registry.tasksOnAgent(agent.id)) {
    leader.frameworks.get(task.frameworkId)?.agentIds.add(agent.id);
    if (isTerminalState(task.state) || task.stateBeforeUnreachable !== undefined) continue;
    tasks.push(task);
    resources.push(leader.storedResources.of(task));
  }
  agent.holdings.adopt(tasks, resources);
}

export function usedOf(agent: AgentMemory): UsedByFramework[] {
  const used = agent.holdings.used();
  for (const { heldBack } of agent.changes.values()) if (heldBack !== undefined) used.push(heldBack);
  return used;
}
