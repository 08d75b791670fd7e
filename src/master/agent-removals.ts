/**
 * How fast, and how many, agents may be taken for lost: `--agent-removal-rate-limit` (AGT-11) and
 * `--recovery-agent-removal-limit` (AGT-12).
 */
import type { Leader } from "./leader.ts";
import type { AgentMemory } from "./memory.ts";
import { timerName } from "./timer-names.ts";

/** Marks an agent unreachable once the rate allows it; it may answer again until then. */
export function scheduleRemoval(leader: Leader, agent: AgentMemory): void {
  if (leader.timers.has(timerName("removal", agent.id))) return;
  leader.counters.bump("slave_unreachable_scheduled");
  const { agentRemovalRate } = leader.settings;
  const waitMs = leader.removalPermits.takeMs(agentRemovalRate, leader.now.monotonicMs);
  if (waitMs === 0) proposeUnreachable(leader, agent.id);
  else leader.timers.set(timerName("removal", agent.id), leader.now.monotonicMs + waitMs);
}

export function proposeUnreachable(leader: Leader, agentId: string): void {
  leader.propose({ kind: "mark-agent-unreachable", agentId, atMs: leader.now.wallMs });
}

/** It is here again: the verdict that waited for a permit is void. */
export function cancelRemoval(leader: Leader, agentId: string): void {
  const name = timerName("removal", agentId);
  if (!leader.timers.has(name)) return;
  leader.timers.clear(name);
  leader.counters.bump("slave_unreachable_canceled");
}

/**
 * Whether so many of the agents that this leader found in the registry have not come back that the
 * fault is more likely its own. Mesos ends the master then; here they are waited for.
 */
export function tooManyAway(leader: Leader): boolean {
  const limit = leader.settings.recoveryAgentRemovalLimit;
  if (limit >= 1 || leader.recoveredAgents === 0) return false;
  let away = 0;
  for (const agent of leader.agents.values()) if (agent.recovered && agent.link === undefined) away++;
  return away / leader.recoveredAgents > limit;
}
