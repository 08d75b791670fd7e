/** The machine of an agent in the maintenance schedule. */
import type { Leader } from "./leader.ts";
import type { AgentMemory } from "./memory.ts";

export function isMachineDown(leader: Leader, { info, ip }: AgentMemory): boolean {
  return leader.registry.maintenance.isDown(info.hostname, ip);
}

/** Why an agent on it is not let in. */
export function machineDownMessage(hostname: string, ip: string): string {
  return `Machine ${hostname} (${ip}) is down for maintenance; bring it up with STOP_MAINTENANCE or /machine/up`;
}
