/** Pings, and agents that do not answer or do not come back (AGT-2, AGT-3, AGT-10). */
import type { Pong } from "../model/agent-protocol.ts";
import type { EndedTask, MarkAgentUnreachable, RemoveAgent } from "../registry/commands.ts";
import { forgetAddress, isReplaced, removeReplaced } from "./agent-address.ts";
import { proposeUnreachable, scheduleRemoval, tooManyAway } from "./agent-removals.ts";
import { isPartitionAware } from "./framework-memory.ts";
import { rescindInverseOffers } from "./inverse-offers.ts";
import type { Fate, Leader } from "./leader.ts";
import type { AgentMemory } from "./memory.ts";
import { rescindOffersOnAgent } from "./offers.ts";
import { agentRemovedEvent } from "./operator-events.ts";
import { dropHoldings, tellLosses } from "./task-losses.ts";
import { lostState } from "./task-status.ts";
import { timerName } from "./timer-names.ts";

export function startPings(leader: Leader, agent: AgentMemory): void {
  agent.unansweredPings = 0;
  leader.timers.set(
    timerName("ping", agent.id),
    leader.now.monotonicMs + leader.settings.agentPingIntervalMs,
  );
}

export function pingDue(leader: Leader, agentId: string): void {
  const agent = leader.agents.get(agentId);
  if (agent?.link === undefined) return;
  // It may be back over another link, and only the commit of that outstanding.
  if (agent.unansweredPings >= leader.settings.maxAgentPingTimeouts && !leader.pendingAgents.has(agentId)) {
    markUnreachable(leader, agent);
    return;
  }
  agent.unansweredPings++;
  agent.pingNonce++;
  leader.sendAgent(agent, { kind: "ping", term: leader.term, nonce: agent.pingNonce });
  leader.timers.set(timerName("ping", agentId), leader.now.monotonicMs + leader.settings.agentPingIntervalMs);
}

export function pong(agent: AgentMemory, message: Pong): void {
  if (message.nonce === agent.pingNonce) agent.unansweredPings = 0;
}

export function watchAbsence(leader: Leader, agent: AgentMemory): void {
  const { agentPingIntervalMs, maxAgentPingTimeouts } = leader.settings;
  leader.timers.set(
    timerName("unreachable", agent.id),
    leader.now.monotonicMs + agentPingIntervalMs * maxAgentPingTimeouts,
  );
}

export function absenceDue(leader: Leader, agentId: string): void {
  const agent = leader.agents.get(agentId);
  if (agent === undefined || agent.link !== undefined || agent.unreachable) return;
  // It is back; only the commit of its return is outstanding.
  if (leader.pendingAgents.has(agentId) || (agent.recovered && tooManyAway(leader))) {
    watchAbsence(leader, agent);
  } else markUnreachable(leader, agent);
}

/** The rate allows the verdict that waited; the agent may have answered meanwhile. */
export function removalDue(leader: Leader, agentId: string): void {
  const agent = leader.agents.get(agentId);
  if (agent === undefined || agent.unreachable) return;
  const silent = agent.unansweredPings >= leader.settings.maxAgentPingTimeouts;
  if (leader.pendingAgents.has(agentId)) watchAbsence(leader, agent);
  else if (agent.link === undefined || silent) proposeUnreachable(leader, agentId);
  else {
    leader.counters.bump("slave_unreachable_canceled");
    startPings(leader, agent);
  }
}

/** Its link may have been half-open while its machine, with a new disk, was here already as a new agent. */
function markUnreachable(leader: Leader, agent: AgentMemory): void {
  if (isReplaced(leader, agent)) {
    removeReplaced(leader, agent.id);
    return;
  }
  scheduleRemoval(leader, agent);
}

export function agentUnreachable(leader: Leader, command: MarkAgentUnreachable, fate: Fate): void {
  const agent = leader.agents.get(command.agentId);
  // A verdict that came twice, as when its commit took long, or after its machine went down, was told before.
  if (!fate.accepted || agent === undefined || agent.unreachable) return;
  leader.counters.bump("slave_unreachable_completed");
  leader.counters.bump("slave_removals");
  leader.counters.bump("slave_removals/reason_unhealthy");
  if (agent.recovered) leader.counters.bump("recovery_slave_removals");
  agent.unreachable = true;
  agent.recovered = false;
  leaveAllocator(leader, agent);
  const tasks = [...heldTasks(leader, agent)];
  dropHoldings(agent);
  tellLosses(leader, tasks, {
    reason: "REASON_AGENT_REMOVED",
    message: "Agent did not answer pings and counts as unreachable",
    atMs: command.atMs,
    unreachable: true,
  });
  announceLoss(leader, agent);
  // Its successor came while this verdict was under way, when neither could see the other's part.
  if (isReplaced(leader, agent)) removeReplaced(leader, agent.id);
}

function* heldTasks(leader: Leader, agent: AgentMemory): Iterable<EndedTask> {
  for (const { frameworkId, taskId, pending } of agent.holdings.values()) {
    if (pending) continue;
    const aware = isPartitionAware(leader.frameworks.get(frameworkId));
    yield { frameworkId, taskId, agentId: agent.id, state: lostState(aware, "TASK_UNREACHABLE") };
  }
}

export function agentRemoved(leader: Leader, command: RemoveAgent, fate: Fate): void {
  const agent = leader.agents.get(command.agentId);
  const unregistered = leader.unregistering.delete(command.agentId);
  if (!fate.accepted || agent === undefined) return;
  leader.counters.bump("slave_removals");
  // The others gave way to an agent that registered in their place.
  leader.counters.bump(`slave_removals/reason_${unregistered ? "unregistered" : "registered"}`);
  forgetAgent(leader, agent);
  const { atMs } = command;
  tellLosses(leader, fate.endedTasks ?? [], {
    reason: "REASON_AGENT_REMOVED",
    message: "Agent was removed",
    atMs,
  });
  announceLoss(leader, agent);
}

/** It is no longer in the registry. */
export function forgetAgent(leader: Leader, agent: AgentMemory): void {
  leaveAllocator(leader, agent);
  dropHoldings(agent);
  // What is proposed will be refused, and nobody then knows who asked.
  for (const { ref } of agent.changes.values()) {
    if (ref !== undefined) leader.answer(ref, 503, "The operation was not done: its agent is gone");
  }
  leader.agents.delete(agent.id);
  leader.draining.delete(agent.id);
  leader.inverseOffers.forgetAgent(agent.id);
  forgetAddress(leader, agent);
  for (const framework of leader.frameworks.values()) framework.agentIds.delete(agent.id);
}

/** Nothing of it is offered or counted any more. */
export function leaveAllocator(leader: Leader, agent: AgentMemory): void {
  leader.timers.clear(timerName("ping", agent.id));
  leader.timers.clear(timerName("unreachable", agent.id));
  leader.timers.clear(timerName("removal", agent.id));
  if (agent.link !== undefined) leader.closeLink(agent.link);
  agent.link = undefined;
  rescindOffersOnAgent(leader, agent);
  rescindInverseOffers(leader, agent.id);
  if (agent.inAllocator) leader.allocator.removeAgent(agent.id);
  agent.inAllocator = false;
}

/** Every connected framework hears of a lost agent (FRW-20). */
export function announceLoss(leader: Leader, agent: AgentMemory): void {
  for (const framework of leader.frameworks.values()) {
    leader.send(framework, { type: "FAILURE", failure: { agent_id: { value: agent.id } } });
  }
  leader.sendOperators(() => agentRemovedEvent(agent.id));
}
