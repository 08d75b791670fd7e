/** Checks of one Resource as clients send it (Mesos common/resources.cpp, `Resources::validate`). */
import { ANY_ROLE, checkRole, isStrictSubrole } from "./roles.ts";
import { milliOf } from "./scalar.ts";
import type { Resource, ResourceDiskInfo, ResourceReservationInfo } from "./v1/resources.ts";
import { checkRanges } from "./value-ranges.ts";

const CONTROL = /[\u0000-\u001f\u007f]/;

/** Why the resource cannot be used, or undefined. */
export function checkResource(resource: Resource): string | undefined {
  if (resource.name === "") return "Empty resource name";
  if (CONTROL.test(resource.name))
    return `Resource name ${JSON.stringify(resource.name)} has control characters`;
  return (
    checkValue(resource) ??
    checkReservations(resource) ??
    (resource.allocation_info?.role === undefined ? undefined : checkRole(resource.allocation_info.role)) ??
    (resource.disk ? checkDisk(resource, resource.disk) : undefined) ??
    checkSharing(resource)
  );
}

function checkValue({ name, type, scalar, ranges, set }: Resource): string | undefined {
  switch (type) {
    case "SCALAR":
      if (!scalar || ranges || set)
        return `Invalid scalar resource '${name}': needs 'scalar' and nothing else`;
      return checkScalar(name, scalar.value);
    case "RANGES": {
      if (!ranges || scalar || set)
        return `Invalid ranges resource '${name}': needs 'ranges' and nothing else`;
      const reason = checkRanges(ranges.range ?? []);
      return reason === undefined ? undefined : `Invalid ranges resource '${name}': ${reason}`;
    }
    case "SET": {
      if (!set || scalar || ranges) return `Invalid set resource '${name}': needs 'set' and nothing else`;
      const items = set.item ?? [];
      if (new Set(items).size === items.length) return undefined;
      return `Invalid set resource '${name}': duplicated elements`;
    }
    default:
      return `Unsupported resource type ${type} of '${name}'`;
  }
}

function checkScalar(name: string, value: number): string | undefined {
  if (value < 0) return `Invalid scalar resource '${name}': ${value} is below 0`;
  const milli = milliOf(value);
  if (!Number.isSafeInteger(milli)) return `Invalid scalar resource '${name}': ${value} is too large`;
  if (name === "gpus" && milli % 1000 !== 0)
    return `The 'gpus' resource must be a whole number, got ${value}`;
  return undefined;
}

function checkReservations(resource: Resource): string | undefined {
  const { name, role, reservation, reservations } = resource;
  if (!reservations) return checkOldReservation(resource);
  if (role !== undefined || reservation) {
    return `Resource '${name}' must not set 'role' or 'reservation' beside 'reservations'`;
  }
  let parent: string | undefined;
  for (const [index, layer] of reservations.entries()) {
    const reason = checkLayer(name, layer, index, parent);
    if (reason !== undefined) return reason;
    parent = layer.role;
  }
  return undefined;
}

function checkOldReservation({ name, role = ANY_ROLE, reservation }: Resource): string | undefined {
  const reason = checkRole(role);
  if (reason !== undefined) return reason;
  if (!reservation) return undefined;
  if (role === ANY_ROLE) return `Invalid reservation of '${name}': role '*' cannot be dynamically reserved`;
  if (reservation.type !== undefined || reservation.role !== undefined) {
    return `'reservation.type' and 'reservation.role' of '${name}' belong to the format with 'reservations'`;
  }
  return undefined;
}

function checkLayer(
  name: string,
  { type, role }: ResourceReservationInfo,
  index: number,
  parent: string | undefined,
): string | undefined {
  if (type === undefined || type === "UNKNOWN") return `Invalid reservation of '${name}': 'type' must be set`;
  if (role === undefined) return `Invalid reservation of '${name}': 'role' must be set`;
  const reason = checkRole(role);
  if (reason !== undefined) return `Invalid reservation of '${name}': ${reason}`;
  if (role === ANY_ROLE) return `Invalid reservation of '${name}': role '*' cannot be reserved`;
  if (index > 0 && type !== "DYNAMIC") {
    return `Invalid refined reservation of '${name}': it must be DYNAMIC, got ${type}`;
  }
  if (parent !== undefined && !isStrictSubrole(role, parent)) {
    return `Invalid refined reservation of '${name}': role '${role}' must lie below '${parent}'`;
  }
  return undefined;
}

function checkDisk(
  resource: Resource,
  { persistence, source, volume }: ResourceDiskInfo,
): string | undefined {
  if (resource.name !== "disk") return `DiskInfo should not be set for '${resource.name}' resource`;
  if (resource.type !== "SCALAR")
    return `A 'disk' resource with DiskInfo must be SCALAR, got ${resource.type}`;
  if (persistence) {
    if (resource.revocable) return "Persistent volumes cannot be created from revocable resources";
    if (!volume) return "Expecting 'volume' to be set for persistent volume";
  } else if (volume) {
    return "Expecting 'persistence' to be set beside 'volume'";
  }
  if (!source) return undefined;
  if (source.type === "UNKNOWN") return "Unsupported 'DiskInfo.Source.Type' UNKNOWN";
  if (source.type !== "PATH" && source.path) return `'path' must not be set for a ${source.type} disk`;
  if (source.type !== "MOUNT" && source.mount) return `'mount' must not be set for a ${source.type} disk`;
  return undefined;
}

function checkSharing({
  name,
  shared,
  disk,
  revocable,
  reservation,
  reservations,
}: Resource): string | undefined {
  if (shared && !disk?.persistence) return `Only persistent volumes can be shared, not '${name}'`;
  if (revocable && (reservation || reservations?.some((layer) => layer.type === "DYNAMIC"))) {
    return `Dynamically reserved resource '${name}' cannot be created from revocable resources`;
  }
  return undefined;
}
