/** A change of an agent's resources is applied, or it is certain that it never will be. */
import { ERRORS } from "../base/errors.ts";
import { readResources, totalOf } from "../registry/agent-total.ts";
import type { ApplyOperations } from "../registry/commands.ts";
import { hasVolume, refreshTotal, sendVolumes } from "./agent-resources.ts";
import type { Fate, Leader } from "./leader.ts";
import type { AgentMemory, PendingChange } from "./memory.ts";
import { rescindBeyondQuota } from "./offers.ts";
import { announceEnd, operationKey, sendOperationStatus } from "./operation-status.ts";

export function operationsApplied(leader: Leader, command: ApplyOperations, fate: Fate): void {
  const agent = leader.agents.get(command.agentId);
  if (agent !== undefined) settle(leader, agent, command, fate.accepted);
  const { frameworkId } = command;
  const framework = frameworkId === undefined ? undefined : leader.frameworks.get(frameworkId);
  for (const { operationId, status } of command.operations) {
    leader.operating.delete(operationKey(frameworkId ?? "", operationId));
    if (framework === undefined) continue;
    if (fate.accepted) {
      announceEnd(leader, framework, status);
      continue;
    }
    leader.counters.bump("operations/dropped");
    sendOperationStatus(leader, framework, {
      operation_id: { value: operationId },
      state: "OPERATION_DROPPED",
      message: refusal(fate.reason),
      agent_id: { value: command.agentId },
    });
  }
}

function refusal(reason: string): string {
  return reason === "overloaded"
    ? "The operation was not done: the log of the master is full; try again"
    : "The operation was not done: its agent or its resources are gone";
}

function settle(leader: Leader, agent: AgentMemory, command: ApplyOperations, accepted: boolean): void {
  const pending = agent.changes.get(command.changeId);
  agent.changes.delete(command.changeId);
  const record = leader.registry.agents.get(agent.id);
  const total = record === undefined ? undefined : totalOf(record);
  if (total?.ok) agent.total = total.value;
  refreshTotal(leader, agent);
  // Offers may rest on what a planned UNRESERVE would have freed.
  if (!accepted) rescindBeyondQuota(leader);
  const changed = [...command.consumed, ...command.converted];
  if (accepted && hasVolume(readResources(changed))) sendVolumes(leader, agent);
  if (pending !== undefined) close(leader, pending, accepted);
}

function close(leader: Leader, pending: PendingChange, accepted: boolean): void {
  const { heldBack, made, refuseMs, ref } = pending;
  if (heldBack !== undefined) {
    const left = heldBack.resources.subtract(made);
    leader.allocator.recover({ ...heldBack, resources: left, refuseMs }, leader.now);
    leader.allocator.recover({ ...heldBack, resources: heldBack.resources.subtract(left) }, leader.now);
    leader.allocationDue = true;
  }
  if (ref === undefined) return;
  if (accepted) leader.answer(ref, 202);
  else leader.answer(ref, 503, `The operation was not done: ${ERRORS.OVERLOADED.meaning}`);
}
