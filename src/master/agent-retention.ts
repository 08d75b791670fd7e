/**
 * Registry collection (HA-9): agents that have been unreachable or removed for long are forgotten
 * (Mesos: Master::doRegistryGc). Agents on machines that are down stay: they are expected back.
 */
import { FORGET_AGENTS_MAX } from "../base/limits.ts";
import type { ForgetAgents } from "../registry/agent-commands.ts";
import { forgetAgent } from "./agent-liveness.ts";
import type { Fate, Leader } from "./leader.ts";
import { isMachineDown } from "./machines.ts";
import { tellLosses } from "./task-losses.ts";
import { timerName } from "./timer-names.ts";

export function startRetention(leader: Leader): void {
  const atMs = leader.now.monotonicMs + leader.settings.registryGcIntervalMs;
  leader.timers.set(timerName("retention", ""), atMs);
}

export function retentionDue(leader: Leader): void {
  startRetention(leader);
  const removed = [...leader.registry.removedAgents.values()].map(({ id, atMs }) => ({ id, atMs }));
  const agentIds = [...tooOld(leader, unreachable(leader)), ...tooOld(leader, removed)];
  for (let at = 0; at < agentIds.length; at += FORGET_AGENTS_MAX) {
    leader.propose({ kind: "forget-agents", agentIds: agentIds.slice(at, at + FORGET_AGENTS_MAX) });
  }
}

interface Left {
  readonly id: string;
  readonly atMs: number;
}

function unreachable(leader: Leader): Left[] {
  const left: Left[] = [];
  for (const { id, unreachableAtMs } of leader.registry.agents.values()) {
    const agent = leader.agents.get(id);
    if (unreachableAtMs === undefined || agent === undefined || isMachineDown(leader, agent)) continue;
    // It is on its way back.
    if (!leader.pendingAgents.has(id)) left.push({ id, atMs: unreachableAtMs });
  }
  return left;
}

/** Beyond the age, and the oldest of those beyond the count. */
function tooOld(leader: Leader, left: Left[]): string[] {
  const { registryMaxAgentAgeMs, registryMaxAgentCount } = leader.settings;
  left.sort((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1));
  const excess = left.length - registryMaxAgentCount;
  return left
    .filter(({ atMs }, at) => at < excess || leader.now.wallMs - atMs > registryMaxAgentAgeMs)
    .map(({ id }) => id);
}

export function agentsForgotten(leader: Leader, { agentIds }: ForgetAgents, fate: Fate): void {
  if (!fate.accepted) return;
  for (const id of agentIds) {
    const agent = leader.agents.get(id);
    if (agent !== undefined && !leader.registry.agents.has(id)) forgetAgent(leader, agent);
  }
  tellLosses(leader, fate.endedTasks ?? [], {
    reason: "REASON_AGENT_REMOVED",
    message: "Agent was unreachable for long and is forgotten; the task had ended before",
    atMs: leader.now.wallMs,
  });
}
