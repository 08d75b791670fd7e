/** Tasks that ended with their agent, as frameworks and operators hear of them. */
import type { TaskStatusReason } from "../model/v1/tasks.ts";
import type { EndedTask } from "../registry/commands.ts";
import type { Leader } from "./leader.ts";
import { type AgentMemory, taskKey } from "./memory.ts";
import { taskUpdatedEvent } from "./operator-events.ts";
import { masterStatus, updateEvent } from "./task-status.ts";

export interface Loss {
  readonly reason: TaskStatusReason;
  readonly message: string;
  readonly atMs: number;
  /** The agent is out of reach, and may come back with the task. */
  readonly unreachable?: boolean;
}

export function tellLosses(leader: Leader, tasks: Iterable<EndedTask>, loss: Loss): void {
  const { reason, message, atMs } = loss;
  for (const { frameworkId, taskId, agentId, state, wasKnown } of tasks) {
    const unreachableAtMs = loss.unreachable === true ? atMs : undefined;
    const status = masterStatus({ taskId, agentId, state, reason, message, atMs, unreachableAtMs });
    if (state !== "TASK_UNREACHABLE" && wasKnown !== true) {
      leader.counters.bump(`tasks_${state.slice("TASK_".length).toLowerCase()}`);
    }
    const framework = leader.frameworks.get(frameworkId);
    if (framework !== undefined) leader.send(framework, updateEvent(status));
    leader.sendOperators(() => taskUpdatedEvent(frameworkId, status, state));
  }
}

/** The allocator forgot what they held with the agent; launches under way are refused later. */
export function dropHoldings(agent: AgentMemory): void {
  for (const { frameworkId, taskId, pending } of [...agent.holdings.values()]) {
    if (pending) continue;
    const key = taskKey(frameworkId, taskId);
    agent.holdings.delete(key);
    agent.executors.release(key);
  }
  for (const { frameworkId, executorId } of agent.executors.idle()) {
    agent.executors.remove(frameworkId, executorId);
  }
}
