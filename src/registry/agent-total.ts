/**
 * What an agent has: the resources that it registered with, and over them the
 * reservations and volumes that operations made.
 */
import { assert } from "../base/assert.ts";
import type { Result } from "../base/result.ts";
import { withCheckpointed } from "../model/checkpointed-resources.ts";
import { mapMessages, toResource } from "../model/resource-format.ts";
import { type ResourceEntry, Resources } from "../model/resources.ts";
import type { AgentInfo } from "../model/v1/frameworks.ts";
import { decodeBlob, encodeBlob } from "../wire/blob.ts";
import type { AgentRecord } from "./records.ts";

type AgentHoldings = Pick<AgentRecord, "info" | "checkpointed">;

// What was read once: an agent may be cut into thousands of resources, and each operation asks several times.
const registeredOf = new WeakMap<AgentHoldings["info"], Result<Resources>>();
const checkpointedOf = new WeakMap<AgentHoldings["checkpointed"], Resources>();
const totalsOf = new WeakMap<AgentHoldings["checkpointed"], { info: Uint8Array; total: Result<Resources> }>();

/**
 * The error says that the agent is smaller than what is reserved on it. `info`: that of the agent, by one who
 * has read it already.
 */
export function totalOf(agent: AgentHoldings, info?: AgentInfo): Result<Resources> {
  const registered = readRegistered(agent, info);
  if (!registered.ok || agent.checkpointed.length === 0) return registered;
  const known = totalsOf.get(agent.checkpointed);
  if (known?.info === agent.info) return known.total;
  const total = withCheckpointed(registered.value, readCheckpointed(agent.checkpointed));
  totalsOf.set(agent.checkpointed, { info: agent.info, total });
  return total;
}

function readRegistered({ info: bytes }: AgentHoldings, info?: AgentInfo): Result<Resources> {
  const known = registeredOf.get(bytes);
  if (known !== undefined) return known;
  const { resources = [] } = info ?? decodeBlob("AgentInfo", bytes);
  const read = Resources.from(resources);
  registeredOf.set(bytes, read);
  return read;
}

function readCheckpointed(blobs: readonly Uint8Array[]): Resources {
  const known = checkpointedOf.get(blobs);
  if (known !== undefined) return known;
  const read = readResources(blobs);
  checkpointedOf.set(blobs, read);
  return read;
}

/** What an agent's record keeps of `checkpointed`. */
export function writeCheckpointed(checkpointed: Resources): Uint8Array[] {
  const blobs = writeResources(checkpointed);
  checkpointedOf.set(blobs, checkpointed);
  return blobs;
}

/** Whether the agent has all of these; needs no look at it when there are none. */
export function hasResources(agent: AgentRecord, needs: readonly Uint8Array[]): boolean {
  if (needs.length === 0) return true;
  const total = totalOf(agent);
  return total.ok && total.value.contains(readResources(needs));
}

/** Blobs that {@link writeResources} made. */
export function readResources(blobs: readonly Uint8Array[]): Resources {
  const parsed = Resources.from(blobs.map((blob) => decodeBlob("Resource", blob)));
  assert(parsed.ok, "Resources of the registry must be valid");
  return parsed.value;
}

// Most of an agent's resources are those of before an operation.
const blobOf = new WeakMap<ResourceEntry, Uint8Array>();

/** blob Resource each. */
export function writeResources(resources: Resources): Uint8Array[] {
  return mapMessages(resources, (entry) => {
    const known = blobOf.get(entry);
    if (known !== undefined) return known;
    const blob = encodeBlob("Resource", toResource(entry, "refined"));
    blobOf.set(entry, blob);
    return blob;
  });
}
