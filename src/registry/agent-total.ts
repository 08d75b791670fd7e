/**
 * What an agent has: the resources that it registered with, and over them the
 * reservations and volumes that operations made.
 */
import { assert } from "../base/assert.ts";
import { fail, type Result } from "../base/result.ts";
import { withCheckpointed } from "../model/checkpointed-resources.ts";
import { toResources } from "../model/resource-format.ts";
import { Resources } from "../model/resources.ts";
import type { AgentInfo } from "../model/v1/frameworks.ts";
import { decodeBlob, encodeBlob } from "../wire/blob.ts";
import type { AgentRecord } from "./records.ts";

/**
 * The error says that the agent is smaller than what is reserved on it. `info`: that of the agent, by one who
 * has read it already.
 */
export function totalOf(
  agent: Pick<AgentRecord, "info" | "checkpointed">,
  info: AgentInfo = decodeBlob("AgentInfo", agent.info),
): Result<Resources> {
  const registered = Resources.from(info.resources ?? []);
  if (!registered.ok) return fail(registered.error);
  if (agent.checkpointed.length === 0) return registered;
  return withCheckpointed(registered.value, readResources(agent.checkpointed));
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

/** blob Resource each. */
export function writeResources(resources: Resources): Uint8Array[] {
  return toResources(resources).map((resource) => encodeBlob("Resource", resource));
}
