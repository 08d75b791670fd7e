/**
 * What of an agent's resources is not on its command line: dynamic
 * reservations and persistent volumes. The registry keeps that part and lays
 * it over the resources that the agent registers with (Mesos
 * common/resources_utils.cpp, `needCheckpointing` and
 * `applyCheckpointedResources`).
 */
import { fail, ok, type Result } from "../base/result.ts";
import type { ResourceIdentity } from "./resource-identity.ts";
import type { Resources } from "./resources.ts";

export function isDynamicallyReserved(identity: ResourceIdentity): boolean {
  return identity.traits.reservations.at(-1)?.type === "DYNAMIC";
}

function isCheckpointed(identity: ResourceIdentity): boolean {
  return (
    identity.isPersistentVolume || identity.traits.reservations.some((layer) => layer.type === "DYNAMIC")
  );
}

/** The part made by operations. */
export function checkpointedPart(resources: Resources): Resources {
  return resources.filter(isCheckpointed);
}

/** The same disk without the volume on it. */
export function withoutVolume(identity: ResourceIdentity): ResourceIdentity {
  const { disk } = identity.traits;
  if (disk?.persistence === undefined) return identity;
  return identity.with({ disk: disk.source && { source: disk.source }, shared: undefined });
}

/** The same with static reservations only, as a command line can say it. */
export function withoutDynamicReservations(identity: ResourceIdentity): ResourceIdentity {
  const { reservations } = identity.traits;
  if (!reservations.some((layer) => layer.type === "DYNAMIC")) return identity;
  return identity.with({ reservations: reservations.filter((layer) => layer.type !== "DYNAMIC") });
}

/** Everything as it was before any operation. */
export function asRegistered(resources: Resources): Resources {
  return resources.mapIdentities((identity) => withoutDynamicReservations(withoutVolume(identity)));
}

/** The agent's total: its own resources with the checkpointed part in place of what that is made of. */
export function withCheckpointed(registered: Resources, checkpointed: Resources): Result<Resources> {
  if (checkpointed.isEmpty()) return ok(registered);
  const rest = registered.trySubtract(asRegistered(checkpointed));
  if (rest.ok) return ok(rest.value.add(checkpointed));
  return fail(
    `Resources ${registered} of the agent do not hold its reservations and volumes ${checkpointed}: ${rest.error}`,
  );
}
