import type { OperationStatus } from "../model/v1/offers.ts";
import type { SchedulerCall } from "../model/v1/scheduler.ts";
import { decodeBlob } from "../wire/blob.ts";
import type { Leader } from "./leader.ts";
import type { FrameworkMemory } from "./memory.ts";
import { operationKey, sendOperationStatus } from "./operation-status.ts";

/**
 * RECONCILE_OPERATIONS: the last status of each operation named, or of all
 * that are not acknowledged when none is; of others what its agent is (Mesos:
 * Master::reconcileOperations). Nothing of it is to be acknowledged: no uuid.
 */
export function reconcileOperations(leader: Leader, framework: FrameworkMemory, call: SchedulerCall): void {
  const named = call.reconcile_operations?.operations ?? [];
  if (named.length === 0) {
    for (const { status } of leader.registry.operations(framework.id)) {
      sendOperationStatus(leader, framework, withoutUuid(status));
    }
    return;
  }
  for (const { operation_id, agent_id, resource_provider_id } of named) {
    const known = leader.registry.operation(framework.id, operation_id.value);
    const status: OperationStatus = known
      ? withoutUuid(known.status)
      : {
          operation_id,
          state: unknownState(leader, framework, operation_id.value, agent_id?.value),
          ...(agent_id === undefined ? {} : { agent_id }),
          ...(resource_provider_id === undefined ? {} : { resource_provider_id }),
        };
    sendOperationStatus(leader, framework, status);
  }
}

function withoutUuid(blob: Uint8Array): OperationStatus {
  const { uuid: _, ...status } = decodeBlob("OperationStatus", blob);
  return status;
}

function unknownState(
  leader: Leader,
  framework: FrameworkMemory,
  operationId: string,
  agentId: string | undefined,
): OperationStatus["state"] {
  if (leader.operating.has(operationKey(framework.id, operationId))) return "OPERATION_PENDING";
  const agent = agentId === undefined ? undefined : leader.agents.get(agentId);
  if (leader.registry.removedAgents.get(agentId ?? "")?.gone) return "OPERATION_GONE_BY_OPERATOR";
  if (agent?.unreachable) return "OPERATION_UNREACHABLE";
  return agent?.recovered ? "OPERATION_RECOVERING" : "OPERATION_UNKNOWN";
}
