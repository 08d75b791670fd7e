/** What an agent has while changes of it are on their way through the log. */
import type { VolumeEntry } from "../model/agent-protocol.ts";
import { volumeKey } from "../model/check-volumes.ts";
import type { Resources } from "../model/resources.ts";
import type { Leader } from "./leader.ts";
import type { AgentMemory } from "./memory.ts";

/** Without what proposed changes take. Their resources lie apart, so the order does not matter. */
export function plannedTotal(agent: AgentMemory): Resources {
  let total = agent.total;
  for (const { consumed, planned } of agent.changes.values()) total = total.subtract(consumed).add(planned);
  return total;
}

/** Tells the allocator. */
export function refreshTotal(leader: Leader, agent: AgentMemory): void {
  if (!agent.inAllocator) return;
  leader.allocator.updateAgent(agent.id, { total: plannedTotal(agent) });
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
      root: disk.source?.path?.root,
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
