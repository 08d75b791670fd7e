/** An operator's RESERVE_RESOURCES, CREATE_VOLUMES and so on (mesos-wire.md 6.1; Mesos: Http::_operation). */
import { changeOf, type ResourceChange } from "../model/operations.ts";
import { Resources } from "../model/resources.ts";
import { writeResources } from "../registry/agent-total.ts";
import { REQUEST_IDS_LEVEL } from "../registry/command-level.ts";
import { claimedTotal, outgrows, plannedTotal, refreshTotal } from "./agent-resources.ts";
import type { Leader } from "./leader.ts";
import type { AgentMemory } from "./memory.ts";
import { rescindOffer } from "./offers.ts";
import { sharedVolumeInUse } from "./shared-volumes.ts";
import type { OperateInput } from "./types.ts";

const NOT_ALL_KNOW_IDS =
  "A master of an older version does not know operation ids yet: upgrade it, or ask without the header Mesh-Operation-Id";

/** `operation.id`, if there is one, names the change: what was done under it is not done again. */
export function operate(leader: Leader, { ref, agentId, operation }: OperateInput): void {
  const requestId = operation.id?.value;
  if (requestId !== undefined && leader.registry.agents.get(agentId)?.requests.includes(requestId)) {
    leader.answer(ref, 202);
    return;
  }
  if (requestId !== undefined && !leader.canWrite(REQUEST_IDS_LEVEL)) {
    leader.answer(ref, 503, NOT_ALL_KNOW_IDS);
    return;
  }
  const agent = leader.agents.get(agentId);
  if (agent === undefined || agent.recovered || agent.unreachable) {
    leader.answer(ref, 400, "No agent found with specified ID");
    return;
  }
  if (requestId !== undefined && isUnderWay(agent, requestId)) {
    leader.answer(
      ref,
      503,
      `Operation ${requestId} is under way on agent ${agentId}; ask again whether it was done`,
    );
    return;
  }
  const total = claimedTotal(agent);
  const type = operation.type ?? "UNKNOWN";
  const change = changeOf(operation, { role: undefined, principal: undefined, sharedVolumes: true, total });
  if (!change.ok) {
    leader.answer(ref, 400, `Invalid ${type} operation on agent ${agentId}: ${change.error}`);
    return;
  }
  const outgrown = outgrows(total, change.value);
  if (outgrown !== undefined) {
    leader.answer(ref, 409, `Cannot do ${type} on agent ${agentId}: ${outgrown}`);
    return;
  }
  const { consumed } = change.value;
  const missing = sharedVolumeInUse(agent, consumed) ?? makeFree(leader, agent, consumed);
  if (missing !== undefined) {
    leader.answer(ref, 409, `Cannot do ${type} on agent ${agentId}: ${missing}`);
    return;
  }
  propose(leader, agent, change.value, { ref, requestId });
}

function isUnderWay({ changes }: AgentMemory, requestId: string): boolean {
  for (const change of changes.values()) if (change.requestId === requestId) return true;
  return false;
}

/** Withdraws the offers that hold some of it; says what is in use all the same (OFF-8). */
function makeFree(leader: Leader, agent: AgentMemory, wanted: Resources): string | undefined {
  if (!plannedTotal(agent).contains(wanted)) return `the agent has no ${wanted}`;
  for (const id of [...agent.offerIds]) {
    const missing = wanted.subtract(leader.allocator.free(agent.id));
    const offer = leader.offers.get(id);
    if (offer === undefined || missing.subtract(offer.resources).equals(missing)) continue;
    rescindOffer(leader, offer);
  }
  const taken = leader.allocator.free(agent.id).trySubtract(wanted);
  return taken.ok ? undefined : `some of it is in use: ${taken.error}`;
}

function propose(
  leader: Leader,
  agent: AgentMemory,
  change: ResourceChange,
  { ref, requestId }: { readonly ref: number; readonly requestId: string | undefined },
): void {
  const { consumed, converted } = change;
  const changeId = leader.newChangeId();
  const [planned, made] = [Resources.EMPTY, Resources.EMPTY];
  agent.changes.set(changeId, {
    consumed,
    planned,
    claimed: converted,
    heldBack: undefined,
    made,
    refuseMs: undefined,
    ref,
    requestId,
  });
  refreshTotal(leader, agent);
  leader.propose({
    kind: "apply-operations",
    changeId,
    frameworkId: undefined,
    agentId: agent.id,
    consumed: writeResources(consumed),
    converted: writeResources(converted),
    operations: [],
    requestId,
  });
}
