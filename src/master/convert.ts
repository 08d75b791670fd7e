/**
 * RESERVE, UNRESERVE, CREATE, DESTROY, GROW_VOLUME and SHRINK_VOLUME of an
 * ACCEPT (RES-31). Each applies at once to what is left of the offers, so that
 * a later one, or a launch, can use what an earlier one made. All of a call
 * are committed together, ahead of its launches; until then what is left is
 * held back, since nobody may be offered what a failover could take away.
 */
import { BLOB_MAX_BYTES, OPERATIONS_PER_FRAMEWORK_MAX } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { volumeKey } from "../model/check-volumes.ts";
import { applyChange, changeOf, difference, type ResourceChange } from "../model/operations.ts";
import type { Resources } from "../model/resources.ts";
import type { OfferOperation, OperationStatus } from "../model/v1/offers.ts";
import { checkId } from "../model/validate-ids.ts";
import { writeResources } from "../registry/agent-total.ts";
import type { TrackedOperation } from "../registry/commands.ts";
import { encodeBlob } from "../wire/blob.ts";
import { claimedTotal, outgrows, refreshTotal } from "./agent-resources.ts";
import type { LaunchContext } from "./launch.ts";
import type { Leader } from "./leader.ts";
import type { AgentMemory, OfferMemory } from "./memory.ts";
import { operationKey } from "./operation-status.ts";
import { refuseOperation } from "./refuse-operation.ts";
import { sharedVolumeInUse, withdrawShared } from "./shared-volumes.ts";
import { offeredResources } from "./task-resources.ts";

/** An ACCEPT under way, with its conversions. */
export interface AcceptContext extends LaunchContext {
  /** The offers as they came, and after the conversions so far, tasks' part included. */
  readonly offered: Resources;
  held: Resources;
  /** All that the agent will have. */
  total: Resources;
  readonly operations: TrackedOperation[];
  /** Of all conversions, at most. */
  bytes: number;
  /** Volumes destroyed in this call, by `volumeKey`. */
  readonly destroyed: Set<string>;
}

export function newConversions(
  agent: AgentMemory,
  offered: Resources,
): Omit<AcceptContext, keyof LaunchContext> {
  return {
    offered,
    held: offered,
    total: claimedTotal(agent),
    operations: [],
    bytes: 0,
    destroyed: new Set(),
  };
}

/** What an operation takes and gives is in three blobs at most: as sent, consumed and converted. */
const COPIES = 3;

export function convert(leader: Leader, context: AcceptContext, operation: OfferOperation): void {
  const checked = checkConversion(leader, context, operation);
  if (!checked.ok) {
    refuseOperation(leader, context.framework, operation, checked.error);
    return;
  }
  const { change, remaining, bytes } = checked.value;
  context.remaining = remaining;
  context.held = context.held.subtract(change.consumed).add(change.converted);
  context.total = context.total.subtract(change.consumed).add(change.converted);
  context.bytes += bytes;
  for (const { identity } of change.consumed.subtract(change.converted).entries) {
    if (operation.type === "DESTROY") context.destroyed.add(volumeKey(identity));
  }
  track(leader, context, operation, change);
}

interface Conversion {
  readonly change: ResourceChange;
  readonly remaining: Resources;
  readonly bytes: number;
}

function checkConversion(
  leader: Leader,
  context: AcceptContext,
  operation: OfferOperation,
): Result<Conversion> {
  const { framework, role, total } = context;
  const badId =
    operation.id === undefined ? undefined : checkOperationId(leader, context, operation.id.value);
  if (badId !== undefined) return fail(badId);
  const sharedVolumes = framework.capabilities.has("SHARED_RESOURCES");
  const change = changeOf(operation, { role, principal: framework.info.principal, sharedVolumes, total });
  if (!change.ok) return change;
  const remaining = applyChange(context.remaining, change.value);
  if (!remaining.ok) return fail(`The offers do not hold what the operation needs: ${remaining.error}`);
  const conflict = volumeConflict(leader, context, change.value);
  if (conflict !== undefined) return fail(conflict);
  const bytes = COPIES * encodeBlob("OfferOperation", operation).length;
  if (context.bytes + bytes > BLOB_MAX_BYTES) {
    return fail(
      `The operations of the call take more than ${BLOB_MAX_BYTES} bytes; send them in several calls`,
    );
  }
  const outgrown = outgrows(total, change.value);
  if (outgrown !== undefined) return fail(`The operation is too large: ${outgrown}`);
  return ok({ change: change.value, remaining: remaining.value, bytes });
}

function checkOperationId(leader: Leader, { framework }: AcceptContext, id: string): string | undefined {
  const invalid = checkId(id);
  if (invalid !== undefined) return `Invalid operation ID: ${invalid}`;
  const key = operationKey(framework.id, id);
  if (leader.operating.has(key) || leader.registry.operation(framework.id, id) !== undefined) {
    return `Operation has duplicate ID: ${id}`;
  }
  let unacknowledged = 0;
  for (const other of leader.operating.keys()) if (other.startsWith(`${framework.id}/`)) unacknowledged++;
  for (const _ of leader.registry.operations(framework.id)) unacknowledged++;
  if (unacknowledged < OPERATIONS_PER_FRAMEWORK_MAX) return undefined;
  return `${OPERATIONS_PER_FRAMEWORK_MAX} operations are not acknowledged; acknowledge some first`;
}

function volumeConflict(leader: Leader, context: AcceptContext, change: ResourceChange): string | undefined {
  const inUse = sharedVolumeInUse(leader.agent(context.agentId), change.consumed);
  if (inUse !== undefined) return inUse;
  for (const { identity } of change.converted.entries) {
    if (!identity.isPersistentVolume || !context.destroyed.has(volumeKey(identity))) continue;
    return `Volume '${identity.traits.disk?.persistence?.id}' was destroyed in this call; create it in another`;
  }
  return undefined;
}

function track(
  leader: Leader,
  context: AcceptContext,
  operation: OfferOperation,
  change: ResourceChange,
): void {
  if (operation.id === undefined) return;
  const { framework, agentId, role } = context;
  const statusUuid = leader.newUuid();
  const status: OperationStatus = {
    operation_id: operation.id,
    state: "OPERATION_FINISHED",
    converted_resources: offeredResources(change.converted, role, framework),
    uuid: { value: statusUuid },
    agent_id: { value: agentId },
  };
  const operationId = operation.id.value;
  leader.operating.set(operationKey(framework.id, operationId), agentId);
  context.operations.push({
    operationId,
    info: encodeBlob("OfferOperation", operation),
    status: encodeBlob("OperationStatus", status),
    statusUuid,
  });
}

/** Proposes what the call converted; false when that is nothing. */
export function proposeConversions(
  leader: Leader,
  context: AcceptContext,
  rest: OfferMemory & { readonly refuseMs: number },
): boolean {
  const { agentId, role, operations } = context;
  const { consumed, converted } = difference(context.offered, context.held);
  if (consumed.isEmpty() && converted.isEmpty() && operations.length === 0) return false;
  const frameworkId = context.framework.id;
  const agent = leader.agent(agentId);
  withdrawShared(leader, agent, consumed);
  const changeId = leader.newChangeId();
  agent.changes.set(changeId, {
    consumed,
    planned: converted,
    heldBack: { frameworkId, role, agentId, resources: context.remaining },
    made: context.remaining.subtract(context.offered),
    refuseMs: rest.refuseMs,
    ref: undefined,
  });
  refreshTotal(leader, agent);
  leader.allocator.charge({ frameworkId, role, agentId, resources: converted });
  leader.allocator.recover({ frameworkId, role, agentId, resources: consumed }, leader.now);
  leader.propose({
    kind: "apply-operations",
    changeId,
    frameworkId,
    agentId,
    consumed: writeResources(consumed),
    converted: writeResources(converted),
    operations,
  });
  return true;
}
