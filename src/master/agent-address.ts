/**
 * Who was seen at an address, "ip:port". An agent whose disk was wiped comes
 * back as a new one at the old address, and its old id never comes back.
 */
import type { AgentInfo } from "../model/v1/frameworks.ts";
import type { Leader } from "./leader.ts";
import type { AgentMemory } from "./memory.ts";

const DEFAULT_AGENT_PORT = 5051;

export function addressOf(ip: string, info: AgentInfo): string {
  return `${ip}:${info.port ?? DEFAULT_AGENT_PORT}`;
}

export function noteAddress(leader: Leader, agentId: string, address: string): void {
  const ids = leader.agentsOfAddress.get(address);
  if (ids === undefined) leader.agentsOfAddress.set(address, new Set([agentId]));
  else ids.add(agentId);
}

export function forgetAddress(leader: Leader, { id, ip, info }: AgentMemory): void {
  const address = addressOf(ip, info);
  const ids = leader.agentsOfAddress.get(address);
  ids?.delete(id);
  if (ids?.size === 0) leader.agentsOfAddress.delete(address);
}

/** Other agents at the address; most often none. */
export function othersAt(leader: Leader, address: string, agentId: string): AgentMemory[] {
  const others: AgentMemory[] = [];
  for (const id of leader.agentsOfAddress.get(address) ?? []) {
    const agent = id === agentId ? undefined : leader.agents.get(id);
    if (agent !== undefined) others.push(agent);
  }
  return others;
}

/**
 * Whether a new agent came to the address of this one after it was last seen,
 * and is here. Two that share an address and live side by side (a wrong
 * --ip) do not replace each other.
 */
export function isReplaced(leader: Leader, { id, ip, info }: AgentMemory): boolean {
  const record = leader.registry.agents.get(id);
  const seenAtMs = record?.reregisteredAtMs ?? record?.registeredAtMs ?? Number.POSITIVE_INFINITY;
  return othersAt(leader, addressOf(ip, info), id).some((other) => {
    const cameAtMs = leader.registry.agents.get(other.id)?.registeredAtMs ?? 0;
    return other.link !== undefined && cameAtMs > seenAtMs;
  });
}

/** It is gone for good, and may not bring its tasks back: they are told as gone. */
export function removeReplaced(leader: Leader, agentId: string): void {
  leader.propose({ kind: "remove-agent", agentId, atMs: leader.now.wallMs, remember: true });
}
