import type { OperationState } from "../model/v1/offers.ts";
import type { SchedulerCall } from "../model/v1/scheduler.ts";
import type { Leader } from "./leader.ts";
import type { FrameworkMemory } from "./memory.ts";

/**
 * RECONCILE_OPERATIONS: the registry holds no operations, so every named one
 * is unknown, unless its agent may still come back; an empty list has no
 * answer (Mesos: Master::reconcileOperations).
 */
export function reconcileOperations(leader: Leader, framework: FrameworkMemory, call: SchedulerCall): void {
  for (const { operation_id, agent_id, resource_provider_id } of call.reconcile_operations?.operations ??
    []) {
    const state = stateOn(leader, agent_id?.value);
    leader.send(framework, {
      type: "UPDATE_OPERATION_STATUS",
      update_operation_status: {
        status: {
          operation_id,
          state,
          ...(agent_id === undefined ? {} : { agent_id }),
          ...(resource_provider_id === undefined ? {} : { resource_provider_id }),
        },
      },
    });
  }
}

function stateOn(leader: Leader, agentId: string | undefined): OperationState {
  const agent = agentId === undefined ? undefined : leader.agents.get(agentId);
  if (agent?.unreachable) return "OPERATION_UNREACHABLE";
  return agent?.recovered ? "OPERATION_RECOVERING" : "OPERATION_UNKNOWN";
}
