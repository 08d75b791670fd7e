/**
 * What operators ask of one agent: MARK_AGENT_GONE, DRAIN_AGENT, DEACTIVATE_AGENT, REACTIVATE_AGENT
 * (AGT-4, AGT-14, AGT-15; Mesos: Master::markGone, drainAgent, deactivateAgent, reactivateAgent).
 */
import type { ActivateAgent, DrainAgent, MarkAgentGone } from "../registry/agent-commands.ts";
import { announceLoss, forgetAgent } from "./agent-liveness.ts";
import { refuseAgent } from "./agents.ts";
import { defer } from "./deferred.ts";
import { resumeDrain } from "./drain.ts";
import type { Fate, Leader } from "./leader.ts";
import type { AgentMemory } from "./memory.ts";
import { rescindOffersOnAgent } from "./offers.ts";
import type { AgentChange } from "./port.ts";
import { tellLosses } from "./task-losses.ts";
import type { AnswerRef } from "./types.ts";
import { mayOffer } from "./whitelist.ts";

type Change<K extends AgentChange["kind"]> = Extract<AgentChange, { kind: K }>;

const UNKNOWN_AGENT = "No agent found with specified ID";

export function markGone(leader: Leader, ref: AnswerRef, { agentId }: Change<"mark-gone">): void {
  const removed = leader.registry.removedAgents.get(agentId);
  if (removed?.gone) leader.answer(ref, 200);
  else if (removed === undefined && !leader.registry.agents.has(agentId)) {
    leader.answer(ref, 404, UNKNOWN_AGENT);
  } else if (leader.markingGone.has(agentId)) {
    leader.answer(ref, 503, `Agent ${agentId} is being marked gone already; ask again whether it is`);
  } else {
    leader.markingGone.add(agentId);
    leader.proposeFor(ref, { kind: "mark-agent-gone", agentId, atMs: leader.now.wallMs });
  }
}

export function agentMarkedGone(leader: Leader, command: MarkAgentGone, fate: Fate): void {
  const { agentId, atMs } = command;
  leader.markingGone.delete(agentId);
  leader.answerRequest(command, fate, () => [404, UNKNOWN_AGENT]);
  if (!fate.accepted && fate.reason === "overloaded") {
    const drain = leader.registry.agents.get(agentId)?.drain;
    // A drain ends with it, also one that ended while an operator's call for the same was under way.
    if (drain?.drained && drain.markGone) {
      leader.markingGone.add(agentId);
      defer(leader, command);
    }
    return;
  }
  const agent = leader.agents.get(agentId);
  if (!fate.accepted || agent === undefined) return;
  leader.counters.bump("slave_removals");
  if (agent.link !== undefined) {
    refuseAgent(leader, agent.link, `Agent ${agentId} was marked gone by an operator`);
    agent.link = undefined;
  }
  const wasHere = !agent.unreachable;
  forgetAgent(leader, agent);
  tellLosses(leader, fate.endedTasks ?? [], {
    reason: "REASON_AGENT_REMOVED_BY_OPERATOR",
    message: "Agent was marked gone by an operator",
    atMs,
  });
  if (wasHere) announceLoss(leader, agent);
}

export function drain(leader: Leader, ref: AnswerRef, change: Change<"drain">): void {
  const { agentId, maxGraceMs, markGone } = change;
  const agent = known(leader, ref, agentId);
  if (agent === undefined) return;
  if (leader.markingGone.has(agentId)) {
    leader.answer(ref, 409, `Cannot drain agent ${agentId}: it is being marked gone`);
  } else if (leader.registry.maintenance.windowOf(agent.info.hostname, agent.ip) !== undefined) {
    const way = "take its machine out of the schedule first";
    leader.answer(ref, 400, `Cannot drain agent ${agentId}: it is part of a maintenance schedule; ${way}`);
  } else if (!agent.capabilities.includes("AGENT_DRAINING")) {
    const why = `its version ${agent.version} lacks the capability AGENT_DRAINING`;
    leader.answer(ref, 400, `Cannot drain agent ${agentId}: ${why}`);
  } else if (maxGraceMs !== undefined && maxGraceMs < 0) {
    leader.answer(ref, 400, `Cannot drain agent ${agentId}: 'max_grace_period' is negative`);
  } else {
    const atMs = leader.now.wallMs;
    leader.proposeFor(ref, { kind: "drain-agent", agentId, maxGraceMs, markGone, atMs });
  }
}

export function agentToDrain(leader: Leader, command: DrainAgent, fate: Fate): void {
  leader.answerRequest(command, fate, () => [400, UNKNOWN_AGENT]);
  const agent = leader.agents.get(command.agentId);
  if (!fate.accepted || agent === undefined) return;
  setActive(leader, agent, false);
  resumeDrain(leader, agent);
}

export function deactivate(leader: Leader, ref: AnswerRef, { agentId }: Change<"deactivate">): void {
  const agent = known(leader, ref, agentId);
  if (agent === undefined) return;
  leader.proposeFor(ref, { kind: "activate-agent", agentId, active: false, atMs: leader.now.wallMs });
}

export function reactivate(leader: Leader, ref: AnswerRef, { agentId }: Change<"reactivate">): void {
  const agent = known(leader, ref, agentId);
  if (agent === undefined) return;
  const record = leader.registry.agents.get(agentId);
  if (leader.markingGone.has(agentId)) {
    leader.answer(ref, 409, `Cannot reactivate agent ${agentId}: it is being marked gone`);
  } else if (record?.drain?.drained === false) leader.answer(ref, 400, `Agent ${agentId} is still draining`);
  else if (!agent.deactivated) leader.answer(ref, 400, `Agent ${agentId} is not deactivated`);
  else leader.proposeFor(ref, { kind: "activate-agent", agentId, active: true, atMs: leader.now.wallMs });
}

export function agentActivated(leader: Leader, command: ActivateAgent, fate: Fate): void {
  const { agentId, active } = command;
  const agent = leader.agents.get(agentId);
  const isHere = agent?.link !== undefined;
  if (fate.accepted && active && !isHere) {
    const ref = leader.requests.take(command);
    const body = `Agent ${agentId} is no longer deactivated, but it is not registered now`;
    if (ref !== undefined) leader.answer(ref, 409, body);
  } else {
    leader.answerRequest(command, fate, () => [400, `Agent ${agentId} is gone, or still draining`]);
  }
  if (fate.accepted && agent !== undefined) setActive(leader, agent, active);
}

function setActive(leader: Leader, agent: AgentMemory, active: boolean): void {
  agent.deactivated = !active;
  if (!active) rescindOffersOnAgent(leader, agent);
  if (!agent.inAllocator) return;
  if (agent.link !== undefined && mayOffer(leader, agent)) leader.allocator.activateAgent(agent.id);
  else leader.allocator.deactivateAgent(agent.id);
  leader.allocationDue = true;
}

function known(leader: Leader, ref: AnswerRef, agentId: string): AgentMemory | undefined {
  const agent = leader.agents.get(agentId);
  if (agent === undefined) leader.answer(ref, 400, UNKNOWN_AGENT);
  return agent;
}
