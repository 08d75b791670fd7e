/**
 * After a failover, with quota set, nothing is offered until most agents are
 * back, or for a while (ALO-12; Mesos: hierarchical.cpp, recover): the first
 * ones would go to whoever is there, and guarantees would have to wait.
 */
import type { Leader } from "./leader.ts";
import { timerName } from "./timer-names.ts";

export function pauseForRecovery(leader: Leader): void {
  const { recoveryFactor, recoveryTimeoutMs } = leader.settings;
  let known = 0;
  for (const { recovered } of leader.agents.values()) if (recovered) known++;
  const awaited = Math.floor(known * recoveryFactor);
  if (leader.registry.quotas.size === 0 || awaited === 0) return;
  leader.awaitedAgents = awaited;
  leader.allocator.pause();
  leader.timers.set(timerName("recovery", ""), leader.now.monotonicMs + recoveryTimeoutMs);
}

/** An agent registered. */
export function countRecovered(leader: Leader): void {
  const { awaitedAgents } = leader;
  if (awaitedAgents !== undefined && leader.agentOfLink.size >= awaitedAgents) recoveryDue(leader);
}

export function recoveryDue(leader: Leader): void {
  leader.awaitedAgents = undefined;
  leader.timers.clear(timerName("recovery", ""));
  leader.allocator.resume();
  leader.allocationDue = true;
}
