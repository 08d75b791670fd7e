/** What an agent has while changes of it are on their way through the log. */
import { sharedPart } from "../allocator/shared-volumes.ts";
import { AGENT_RESOURCES_MAX_BYTES, AGENT_RESOURCES_MAX_ENTRIES, BLOB_MAX_BYTES } from "../base/limits.ts";
import type { VolumeEntry } from "../model/agent-protocol.ts";
import { volumeKey } from "../model/check-volumes.ts";
import { checkpointedPart } from "../model/checkpointed-resources.ts";
import { diskOf } from "../model/disk-source.ts";
import type { ResourceChange } from "../model/operations.ts";
import type { Resources } from "../model/resources.ts";
import { writeResources } from "../registry/agent-total.ts";
import type { Leader } from "./leader.ts";
import type { AgentMemory } from "./memory.ts";

/** Without what proposed changes take. Their resources lie apart, so the order does not matter. */
export function plannedTotal(agent: AgentMemory): Resources {
  let total = agent.total;
  for (const { consumed, planned } of agent.changes.values()) total = total.subtract(consumed).add(planned);
  return total;
}

/**
 * With what operators' changes make, too, which nobody has before their commit: the ids of its volumes are
 * taken, and two volumes of one id could not be told apart.
 */
export function claimedTotal(agent: AgentMemory): Resources {
  let total = plannedTotal(agent);
  for (const { claimed } of agent.changes.values()) if (claimed !== undefined) total = total.add(claimed);
  return total;
}

/**
 * Why the change would make too much of what an agent with `total` has, or
 * undefined. What makes it less is always possible.
 */
export function outgrows(total: Resources, { consumed, converted }: ResourceChange): string | undefined {
  const [takenBytes, givenBytes] = [bytesOf(consumed), bytesOf(converted)];
  if (takenBytes + givenBytes > BLOB_MAX_BYTES) {
    const most = `more than ${BLOB_MAX_BYTES}; shorten their labels`;
    return `its resources take ${takenBytes + givenBytes} bytes, ${most}`;
  }
  const rest = total.trySubtract(consumed);
  // What is not there is refused for that.
  if (!rest.ok) return undefined;
  const after = rest.value.add(converted);
  if (after.entries.length > Math.max(total.entries.length, AGENT_RESOURCES_MAX_ENTRIES)) {
    return `the agent holds ${AGENT_RESOURCES_MAX_ENTRIES} different resources, the most it can`;
  }
  if (givenBytes <= takenBytes || bytesOf(checkpointedPart(after)) <= AGENT_RESOURCES_MAX_BYTES) {
    return undefined;
  }
  const most = `${AGENT_RESOURCES_MAX_BYTES} bytes of reservations and volumes, the most it can hold`;
  return `the agent would have more than ${most}; shorten their labels`;
}

function bytesOf(resources: Resources): number {
  return writeResources(resources).reduce((sum, blob) => sum + blob.length, 0);
}

/**
 * What there is to offer: of planned resources those that the call's framework holds. Nobody's hold on a
 * shared volume keeps it from others, so it comes with its commit.
 */
export function offerableTotal(agent: AgentMemory): Resources {
  let total = plannedTotal(agent);
  for (const { planned } of agent.changes.values()) total = total.subtract(sharedPart(planned));
  return total;
}

/** Tells the allocator. */
export function refreshTotal(leader: Leader, agent: AgentMemory): void {
  if (!agent.inAllocator) return;
  leader.allocator.updateAgent(agent.id, { total: offerableTotal(agent) });
  leader.allocationDue = true;
}

export function hasVolume(resources: Resources): boolean {
  return resources.entries.some(({ identity }) => identity.isPersistentVolume);
}

/** Tells the agent which volumes it has. */
export function sendVolumes(leader: Leader, agent: AgentMemory): void {
  const record = leader.registry.agents.get(agent.id);
  if (record === undefined) return;
  const volumes: VolumeEntry[] = [];
  for (const { identity } of agent.total.entries) {
    const { disk } = identity.traits;
    if (disk?.persistence === undefined) continue;
    volumes.push({
      role: identity.reservationRole,
      persistenceId: disk.persistence.id,
      ...diskOf(disk.source),
      making: record.volumes.get(volumeKey(identity)) ?? "",
    });
  }
  leader.sendAgent(agent, {
    kind: "update-volumes",
    term: leader.term,
    volumes,
    registration: record.registeredAtMs,
  });
}
