/** What a persistent volume must be when it is made (Mesos master/validation.cpp, `operation::validate`). */
import type { ResourceIdentity } from "./resource-identity.ts";
import type { Resources } from "./resources.ts";
import { checkId } from "./validate-ids.ts";

/** Who makes volumes, and for which agent. */
export interface VolumeRules {
  /** That the volumes must name, if there is one. */
  readonly principal: string | undefined;
  /** May make shared volumes: the framework's SHARED_RESOURCES, or an operator. */
  readonly sharedVolumes: boolean;
  /** All the agent has, for what must be unique on it. */
  readonly total: Resources;
}

/** Why the volumes cannot be made, or undefined. */
export function checkVolumes(volumes: Resources, rules: VolumeRules): string | undefined {
  const known = new Set<string>();
  for (const { identity } of rules.total.entries)
    if (identity.isPersistentVolume) known.add(volumeKey(identity));
  for (const { identity } of volumes.entries) {
    const reason = checkVolume(identity, rules);
    if (reason !== undefined) return reason;
    const key = volumeKey(identity);
    if (known.has(key))
      return `Persistence ID '${volumeId(identity)}' already exists in its role on this agent`;
    known.add(key);
  }
  return undefined;
}

function volumeId(identity: ResourceIdentity): string {
  return identity.traits.disk?.persistence?.id ?? "";
}

/** Tells volumes of one agent apart: ids are unique within a role. Both hold no newline. */
export function volumeKey(identity: ResourceIdentity): string {
  return `${identity.reservationRole}\n${volumeId(identity)}`;
}

function checkVolume(identity: ResourceIdentity, rules: VolumeRules): string | undefined {
  const { disk } = identity.traits;
  if (disk?.persistence === undefined) return `Resource '${identity.name}' is no persistent volume`;
  const { id, principal } = disk.persistence;
  const invalid = checkId(id);
  if (invalid !== undefined) return `Invalid persistence ID: ${invalid}`;
  if (!identity.isReserved) {
    return `Persistent volume '${id}' cannot be created from unreserved resources; reserve the disk first`;
  }
  if (rules.principal !== undefined && principal !== rules.principal) {
    return `A create operation was attempted by principal '${rules.principal}', but volume '${id}' names ${
      principal === undefined ? "no principal" : `principal '${principal}'`
    } in its persistence`;
  }
  if (identity.isShared && !rules.sharedVolumes) {
    return `Shared volume '${id}' cannot be created: the framework lacks the capability SHARED_RESOURCES`;
  }
  return checkPlace(id, disk);
}

function checkPlace(
  id: string,
  { volume, source }: NonNullable<ResourceIdentity["traits"]["disk"]>,
): string | undefined {
  if (volume?.host_path !== undefined)
    return `Expecting 'host_path' to be unset for persistent volume '${id}'`;
  if (volume?.source !== undefined) return `Expecting 'source' to be unset for persistent volume '${id}'`;
  if (volume?.mode === "RO") return `Read-only persistent volume '${id}' is not supported`;
  if (source !== undefined && source.type !== "PATH" && source.type !== "MOUNT") {
    return `Persistent volume '${id}' cannot be created on a ${source.type} disk; use the root disk, a PATH disk or a MOUNT disk`;
  }
  return undefined;
}
