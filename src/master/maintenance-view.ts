import { nanosFromMs } from "../base/time.ts";
import { keysOfMachine, machineKey } from "../model/machines.ts";
import type { ClusterStatus, InverseOfferStatus } from "../model/v1/maintenance.ts";
import type { Leader, RegistryReader } from "./leader.ts";

/**
 * Machines with a window and how frameworks answered that were asked to leave them; UNKNOWN: not
 * yet. On a master that does not lead nobody was asked.
 */
export function maintenanceStatus(registry: RegistryReader, leader: Leader | undefined): ClusterStatus {
  const { draining, down } = registry.maintenance;
  const answers = leader === undefined ? new Map<string, InverseOfferStatus[]>() : answersByMachine(leader);
  const draining_machines = draining.map((id) => {
    const statuses = answers.get(machineKey(id)) ?? [];
    return { id, ...(statuses.length === 0 ? {} : { statuses }) };
  });
  return {
    ...(draining_machines.length === 0 ? {} : { draining_machines }),
    ...(down.length === 0 ? {} : { down_machines: [...down] }),
  };
}

function answersByMachine(leader: Leader): Map<string, InverseOfferStatus[]> {
  const byMachine = new Map<string, InverseOfferStatus[]>();
  for (const agentId of leader.inverseOffers.agentIds) {
    const agent = leader.agents.get(agentId);
    if (agent === undefined) continue;
    const statuses = [...leader.inverseOffers.answersOn(agentId)].map(([frameworkId, { status, atMs }]) => ({
      status,
      framework_id: { value: frameworkId },
      timestamp: { nanoseconds: nanosFromMs(atMs) },
    }));
    for (const key of keysOfMachine(agent.info.hostname, agent.ip)) {
      byMachine.set(key, [...(byMachine.get(key) ?? []), ...statuses]);
    }
  }
  return byMachine;
}
