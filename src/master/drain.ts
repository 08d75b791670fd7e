/**
 * Draining (AGT-14): the agent ends its tasks, frameworks acknowledge that,
 * and when nothing is left the agent is drained.
 *
 *     DRAIN_AGENT ──commit──► DRAINING ──(agent empty)──commit──► DRAINED ──(mark_gone)──► gone
 *                                │  drain to the agent, at each registration again
 */
import type { AgentDrained } from "../registry/agent-commands.ts";
import type { AgentRecord } from "../registry/records.ts";
import type { Fate, Leader } from "./leader.ts";
import type { AgentMemory } from "./memory.ts";

/** To an agent that is here and is to drain: it may not have heard, or forgotten. */
export function resumeDrain(leader: Leader, agent: AgentMemory): void {
  const drain = leader.registry.agents.get(agent.id)?.drain;
  if (drain === undefined || drain.drained || agent.link === undefined) return;
  const { maxGraceMs, markGone } = drain;
  leader.sendAgent(agent, { kind: "drain", term: leader.term, maxGraceMs, markGone });
  leader.draining.add(agent.id);
}

/** After each applied entry, while agents drain. */
export function finishDrains(leader: Leader): void {
  for (const agentId of leader.draining) {
    const agent = leader.agents.get(agentId);
    const drain = leader.registry.agents.get(agentId)?.drain;
    if (agent?.link === undefined || drain === undefined || drain.drained) {
      leader.draining.delete(agentId);
    } else if (isEmpty(leader, agent)) {
      leader.draining.delete(agentId);
      leader.propose({ kind: "agent-drained", agentId, atMs: leader.now.wallMs });
    }
  }
}

/** Nothing runs on it, is on its way to it, or waits for an acknowledgement. */
function isEmpty(leader: Leader, agent: AgentMemory): boolean {
  for (const _ of leader.registry.tasksOnAgent(agent.id)) return false;
  if (agent.holdings.size > 0 || agent.changes.size > 0) return false;
  for (const operation of leader.registry.operations()) if (operation.agentId === agent.id) return false;
  return true;
}

export function agentDrained(leader: Leader, command: AgentDrained, fate: Fate): void {
  const record = leader.registry.agents.get(command.agentId);
  if (fate.accepted && record !== undefined) drainedAway(leader, record);
}

/** The end of a drain that is to end in the agent's removal. */
export function drainedAway(leader: Leader, { id: agentId, drain }: AgentRecord): void {
  if (drain?.markGone !== true || leader.markingGone.has(agentId)) return;
  leader.markingGone.add(agentId);
  leader.propose({ kind: "mark-agent-gone", agentId, atMs: leader.now.wallMs });
}
