/** The whitelist of agents (ALO-13): those not on it get no new tasks, and keep what they run. */
import type { Leader } from "./leader.ts";
import type { AgentMemory } from "./memory.ts";

/** Whether the agent may offer while it is linked. */
export function mayOffer({ whitelist }: Leader, agent: AgentMemory): boolean {
  return !agent.deactivated && (whitelist?.has(agent.info.hostname) ?? true);
}

/** `undefined`: every agent may. Outstanding offers stay, as in Mesos. */
export function whitelistChanged(leader: Leader, whitelist: ReadonlySet<string> | undefined): void {
  leader.whitelist = whitelist;
  for (const agent of leader.agents.values()) {
    if (!agent.inAllocator) continue;
    if (agent.link !== undefined && mayOffer(leader, agent)) leader.allocator.activateAgent(agent.id);
    else leader.allocator.deactivateAgent(agent.id);
  }
  leader.allocationDue = true;
}
