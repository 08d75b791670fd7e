import { sameBytes } from "../base/bytes.ts";
import { AGENT_REQUESTS_MAX } from "../base/limits.ts";
import { volumeKey } from "../model/check-volumes.ts";
import { checkpointedPart } from "../model/checkpointed-resources.ts";
import { applyChange } from "../model/operations.ts";
import type { Resources } from "../model/resources.ts";
import { readResources, totalOf, writeCheckpointed } from "./agent-total.ts";
import { ACCEPTED, refused } from "./apply-outcome.ts";
import type { AcknowledgeOperation, ApplyOperations, Outcome } from "./commands.ts";
import type { OperationRecord } from "./records.ts";
import type { RegistryState } from "./state.ts";

/** The leader checked the operations; what may have gone since is the agent, the framework, or resources. */
export function applyOperations(state: RegistryState, command: ApplyOperations): Outcome {
  const { frameworkId, agentId, changeId } = command;
  if (frameworkId !== undefined && !state.frameworks.has(frameworkId)) {
    return refused(state.completedFrameworks.has(frameworkId) ? "framework-completed" : "framework-unknown");
  }
  const agent = state.agents.get(agentId);
  if (agent === undefined || agent.unreachableAtMs !== undefined) return refused("agent-unknown");
  const { requestId } = command;
  if (requestId !== undefined && agent.requests.includes(requestId)) return ACCEPTED;
  const total = totalOf(agent);
  const change = {
    consumed: readResources(command.consumed),
    converted: readResources(command.converted),
  };
  const after = total.ok ? applyChange(total.value, change) : total;
  if (!after.ok) return refused("resources-missing");
  const checkpointed = checkpointedPart(after.value);
  agent.checkpointed = writeCheckpointed(checkpointed);
  agent.volumes = volumesOf(checkpointed, agent.volumes, changeId);
  if (requestId !== undefined) agent.requests = [...agent.requests, requestId].slice(-AGENT_REQUESTS_MAX);
  state.touch({ kind: "agent", id: agentId });
  for (const { operationId, info, status, statusUuid } of command.operations) {
    if (frameworkId === undefined) break;
    state.operations.put({ frameworkId, operationId, agentId, info, status, statusUuid });
    state.touch({ kind: "operation", frameworkId, operationId });
  }
  return ACCEPTED;
}

/** A volume that is there already keeps its making, also when it grew or shrank. */
function volumesOf(
  checkpointed: Resources,
  before: ReadonlyMap<string, string>,
  changeId: string,
): Map<string, string> {
  const keys = checkpointed.entries
    .filter(({ identity }) => identity.isPersistentVolume)
    .map(({ identity }) => volumeKey(identity));
  return new Map(keys.sort().map((key) => [key, before.get(key) ?? changeId]));
}

export function acknowledgeOperation(state: RegistryState, command: AcknowledgeOperation): Outcome {
  const operation = state.operations.get(command.frameworkId, command.operationId);
  if (operation === undefined) return refused("operation-unknown");
  if (!sameBytes(operation.statusUuid, command.statusUuid)) return refused("uuid-mismatch");
  drop(state, operation);
  return ACCEPTED;
}

/** Those of a framework or an agent that is no more; sorted, so that every master does it alike. */
export function dropOperations(state: RegistryState, which: (operation: OperationRecord) => boolean): void {
  const dropped = [...state.operations.all()].filter(which);
  dropped.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  for (const operation of dropped) drop(state, operation);
}

function sortKey({ frameworkId, operationId }: OperationRecord): string {
  return `${frameworkId}/${operationId}`;
}

function drop(state: RegistryState, operation: OperationRecord): void {
  const { frameworkId, operationId } = operation;
  state.operations.delete(operation);
  state.touch({ kind: "operation", frameworkId, operationId });
}
