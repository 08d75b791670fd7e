/**
 * Offer operations that turn resources into others: RESERVE, UNRESERVE,
 * CREATE, DESTROY, GROW_VOLUME and SHRINK_VOLUME. Pure: what an operation
 * takes and what it gives, and why one is refused whatever the cluster's state
 * (Mesos master/validation.cpp, `operation::validate`; common/resources_utils.cpp,
 * `getResourceConversions`). Whether the resources are there is for the caller
 * to see: {@link applyChange}.
 */
import { fail, ok, type Result } from "../base/result.ts";
import { checkVolumes, type VolumeRules } from "./check-volumes.ts";
import { asRegistered, isDynamicallyReserved, withoutVolume } from "./checkpointed-resources.ts";
import { overlapOf } from "./overlap.ts";
import { toResources } from "./resource-format.ts";
import type { ResourceIdentity } from "./resource-identity.ts";
import { Resources } from "./resources.ts";
import { milliOf, scalarOf } from "./scalar.ts";
import type { OfferOperation, OfferOperationType } from "./v1/offers.ts";
import type { Resource } from "./v1/resources.ts";

/** What an operation takes and what it makes of it; without allocation_info. */
export interface ResourceChange {
  readonly consumed: Resources;
  readonly converted: Resources;
}

/** Who asks, and for which agent; `principal` stands for reservations too. */
export interface OperationRules extends VolumeRules {
  /** Role of the offer; undefined for an operator, who may reserve for any role. */
  readonly role: string | undefined;
}

type Convert = (operation: OfferOperation, rules: OperationRules) => Result<ResourceChange>;

const CONVERT: { readonly [K in OfferOperationType]?: Convert } = {
  RESERVE: reserve,
  UNRESERVE: unreserve,
  CREATE: create,
  DESTROY: destroy,
  GROW_VOLUME: growVolume,
  SHRINK_VOLUME: shrinkVolume,
};

/** Whether the operation changes resources in the way of this file. */
export function isConversion(type: OfferOperationType): boolean {
  return CONVERT[type] !== undefined;
}

/** What the operation does, or why it may not be done. */
export function changeOf(operation: OfferOperation, rules: OperationRules): Result<ResourceChange> {
  const type = operation.type ?? "UNKNOWN";
  return CONVERT[type]?.(operation, rules) ?? fail(`Operation ${type} converts no resources`);
}

/** The resources after the change, or what is missing for it. */
export function applyChange(resources: Resources, change: ResourceChange): Result<Resources> {
  const rest = resources.trySubtract(change.consumed);
  return rest.ok ? ok(rest.value.add(change.converted)) : rest;
}

/** Both in one step; what the first gives and the second takes is in neither part. */
export function difference(before: Resources, after: Resources): ResourceChange {
  return { consumed: before.subtract(after), converted: after.subtract(before) };
}

/** The named resources without allocation; each may be named once. */
function parse(list: readonly Resource[] | undefined, rules: OperationRules): Result<Resources> {
  if (list === undefined || list.length === 0) return fail("No resources are named");
  const parsed = Resources.from(list);
  if (!parsed.ok) return fail(`Invalid resources: ${parsed.error}`);
  for (const role of parsed.value.allocations().keys()) {
    if (role === rules.role) continue;
    const expected = rules.role === undefined ? "operators name none" : `the offer's is '${rules.role}'`;
    return fail(`A resource names the allocation role '${role}'; ${expected}`);
  }
  const resources = parsed.value.unallocated();
  const twice = resources.entries.find((entry) => entry.count > 1);
  if (twice !== undefined) return fail(`'${twice.identity.name}' is named twice in ${resources}`);
  // As the agent registered them: two reservations may not name the same port.
  const overlap = overlapOf(resources.apart().map(asRegistered));
  if (overlap !== undefined) return fail(`'${overlap}' is named twice in ${resources}`);
  return resources.isEmpty() ? fail("No resources are named") : ok(resources);
}

function reserve({ reserve: body }: OfferOperation, rules: OperationRules): Result<ResourceChange> {
  const converted = parse(body?.resources, rules);
  if (!converted.ok) return converted;
  const reason = firstReason(converted.value, (identity) => checkReservation(identity, rules));
  if (reason !== undefined) return fail(reason);
  if ((body?.source?.length ?? 0) === 0) {
    return ok({ consumed: converted.value.popReservation(), converted: converted.value });
  }
  if (rules.role !== undefined) return fail("Frameworks cannot change reservations; leave out 'source'");
  const consumed = parse(body?.source, rules);
  if (!consumed.ok) return consumed;
  const source = firstReason(consumed.value, checkReserved);
  if (source !== undefined) return fail(source);
  if (!asRegistered(consumed.value).equals(asRegistered(converted.value))) {
    return fail(`'source' ${consumed.value} and 'resources' ${converted.value} name other amounts`);
  }
  return ok({ consumed: consumed.value, converted: converted.value });
}

function checkReservation(identity: ResourceIdentity, rules: OperationRules): string | undefined {
  const { name, reservationRole: role } = identity;
  const missing = checkReserved(identity);
  if (missing !== undefined) return missing;
  if (identity.isRevocable) return `Revocable resource '${name}' cannot be reserved`;
  if (rules.role !== undefined && role !== rules.role) {
    return `A reserve operation was attempted for '${name}' allocated to role '${rules.role}' but reserved for role '${role}'`;
  }
  const { principal } = identity.traits.reservations.at(-1) ?? {};
  if (rules.principal === undefined || principal === rules.principal) return undefined;
  return `A reserve operation was attempted by principal '${rules.principal}', but '${name}' names ${
    principal === undefined ? "no principal" : `principal '${principal}'`
  } in its reservation`;
}

function checkReserved(identity: ResourceIdentity): string | undefined {
  if (identity.isPersistentVolume) {
    const id = identity.traits.disk?.persistence?.id;
    return `The persistent volume '${id}' cannot be reserved or unreserved; destroy it first`;
  }
  return isDynamicallyReserved(identity)
    ? undefined
    : `Resource '${identity.name}' is not dynamically reserved`;
}

function unreserve({ unreserve: body }: OfferOperation, rules: OperationRules): Result<ResourceChange> {
  const consumed = parse(body?.resources, rules);
  if (!consumed.ok) return consumed;
  const reason = firstReason(consumed.value, checkReserved);
  return reason === undefined
    ? ok({ consumed: consumed.value, converted: consumed.value.popReservation() })
    : fail(reason);
}

function create({ create: body }: OfferOperation, rules: OperationRules): Result<ResourceChange> {
  const volumes = parse(body?.volumes, rules);
  if (!volumes.ok) return volumes;
  const reason = checkVolumes(volumes.value, rules);
  if (reason !== undefined) return fail(reason);
  return ok({ consumed: volumes.value.mapIdentities(withoutVolume), converted: volumes.value });
}

function destroy({ destroy: body }: OfferOperation, rules: OperationRules): Result<ResourceChange> {
  const volumes = parse(body?.volumes, rules);
  if (!volumes.ok) return volumes;
  const reason = firstReason(volumes.value, checkIsVolume);
  if (reason !== undefined) return fail(reason);
  return ok({ consumed: volumes.value, converted: volumes.value.mapIdentities(withoutVolume) });
}

function checkIsVolume(identity: ResourceIdentity): string | undefined {
  return identity.isPersistentVolume ? undefined : `Resource '${identity.name}' is no persistent volume`;
}

function growVolume({ grow_volume: body }: OfferOperation, rules: OperationRules): Result<ResourceChange> {
  const volume = parse(body && [body.volume], rules);
  if (!volume.ok) return volume;
  const reason = firstReason(volume.value, checkResizable);
  if (reason !== undefined) return fail(reason);
  const addition = parse(body && [body.addition], rules);
  if (!addition.ok) return fail("The 'addition' field must be larger than zero");
  const before = volume.value.mapIdentities(withoutVolume);
  if (before.entries[0]?.identity.key !== addition.value.entries[0]?.identity.key) {
    return fail("Incompatible resources in the 'volume' and 'addition' fields");
  }
  const grown = resized(volume.value, addition.value.milli("disk"));
  return ok({ consumed: volume.value.add(addition.value), converted: grown });
}

function shrinkVolume(
  { shrink_volume: body }: OfferOperation,
  rules: OperationRules,
): Result<ResourceChange> {
  const volume = parse(body && [body.volume], rules);
  if (!volume.ok) return volume;
  const reason = firstReason(volume.value, checkResizable);
  if (reason !== undefined) return fail(reason);
  const milli = milliOf(body?.subtract.value ?? 0);
  if (!(milli > 0)) return fail("The 'subtract' field must be larger than zero");
  if (milli >= volume.value.milli("disk")) {
    return fail(`The 'subtract' field must be smaller than the volume ${volume.value}`);
  }
  const small = resized(volume.value, -milli);
  const freed = volume.value.mapIdentities(withoutVolume).subtract(small.mapIdentities(withoutVolume));
  return ok({ consumed: volume.value, converted: small.add(freed) });
}

function checkResizable(identity: ResourceIdentity): string | undefined {
  const none = checkIsVolume(identity);
  if (none !== undefined) return none;
  if (identity.isShared) return "A shared persistent volume cannot be resized";
  const source = identity.traits.disk?.source?.type;
  return source === undefined || source === "PATH"
    ? undefined
    : `A persistent volume on a ${source} disk cannot be resized`;
}

function resized(volume: Resources, byMilli: number): Resources {
  const value = scalarOf(volume.milli("disk") + byMilli);
  const parsed = Resources.from(toResources(volume).map((resource) => ({ ...resource, scalar: { value } })));
  return parsed.ok ? parsed.value : Resources.EMPTY;
}

function firstReason(
  resources: Resources,
  check: (identity: ResourceIdentity) => string | undefined,
): string | undefined {
  for (const { identity } of resources.entries) {
    const reason = check(identity);
    if (reason !== undefined) return reason;
  }
  return undefined;
}
