/** Resources that tasks hold, as the allocator is told of them. */

import type { UsedByFramework } from "../allocator/types.ts";
import type { Resources } from "../model/resources.ts";
import { isTerminalState } from "../model/task-state.ts";
import type { TaskRecord } from "../registry/records.ts";
import { infoPlaceOf } from "../registry/stored-task.ts";
import { decodeBlob, encodeBlob, findBlobField } from "../wire/blob.ts";
import { type ExecutorHolding, isCustom } from "./executor-holdings.ts";
import type { Holding } from "./holding.ts";
import type { Leader } from "./leader.ts";
import { type AgentMemory, taskKey } from "./memory.ts";
import { namedExecutor } from "./task-executor.ts";
import { parsedResources } from "./task-resources.ts";

/** Gives a task's resources back to the pool. */
export function releaseHolding(leader: Leader, agent: AgentMemory, holding: Holding): void {
  const key = taskKey(holding.frameworkId, holding.taskId);
  if (!agent.holdings.delete(key)) return;
  const executor = agent.executors.release(key);
  for (const held of executor === undefined ? [holding] : [holding, executor]) {
    const { frameworkId, role, resources } = held;
    leader.allocator.recover({ frameworkId, role, agentId: agent.id, resources }, leader.now);
  }
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
    const executor = storedExecutor(task);
    if (executor !== undefined) agent.executors.hold(executor, taskKey(task.frameworkId, task.taskId));
  }
  agent.holdings.adopt(tasks, resources);
}

/** The executor that a framework gave with the task, from its TaskInfo. */
export function storedExecutor(task: TaskRecord): ExecutorHolding | undefined {
  const { bytes, at } = infoPlaceOf(task);
  if (findBlobField("TaskInfo", "executor", bytes, at) === undefined) return undefined;
  const { executor } = decodeBlob("TaskInfo", task.info);
  if (executor === undefined) return undefined;
  return {
    frameworkId: task.frameworkId,
    executorId: executor.executor_id.value,
    role: task.role,
    resources: parsedResources(executor.resources ?? [], task.taskId),
    info: encodeBlob("ExecutorInfo", namedExecutor(executor, task.frameworkId)),
    custom: isCustom(executor),
  };
}

export function usedOf(agent: AgentMemory): UsedByFramework[] {
  const used = agent.holdings.used();
  for (const { frameworkId, role, resources } of agent.executors.values()) {
    used.push({ frameworkId, role, resources });
  }
  for (const { heldBack } of agent.changes.values()) if (heldBack !== undefined) used.push(heldBack);
  return used;
}
