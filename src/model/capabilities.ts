/** What a framework says it can do, and the roles it is in. */
import { ANY_ROLE } from "./roles.ts";
import type { FrameworkInfo, FrameworkInfoCapabilityType } from "./v1/frameworks.ts";

export type FrameworkCapabilities = ReadonlySet<FrameworkInfoCapabilityType>;

/** Capabilities unknown here never get this far: the codec drops their names. */
export function capabilitiesOf(info: FrameworkInfo): FrameworkCapabilities {
  const types = new Set<FrameworkInfoCapabilityType>();
  for (const { type } of info.capabilities ?? [])
    if (type !== undefined && type !== "UNKNOWN") types.add(type);
  return types;
}

export function hasCapability(info: FrameworkInfo, type: FrameworkInfoCapabilityType): boolean {
  return (info.capabilities ?? []).some((capability) => capability.type === type);
}

/** Roles subscribed to: `roles` with MULTI_ROLE, else the one `role`, by default `*`. */
export function rolesOf(info: FrameworkInfo): readonly string[] {
  if (hasCapability(info, "MULTI_ROLE")) return info.roles ?? [];
  return [info.role ?? ANY_ROLE];
}
