/** Agents register, lose their link, and leave. */
import { BLOB_MAX_BYTES } from "../base/limits.ts";
import { SECOND_MS } from "../base/time.ts";
import type { RegisterAgent } from "../model/agent-protocol.ts";
import { checkpointedPart } from "../model/checkpointed-resources.ts";
import { Resources } from "../model/resources.ts";
import type { AgentInfo } from "../model/v1/frameworks.ts";
import { totalOf } from "../registry/agent-total.ts";
import type { AddAgent, ReregisterAgent } from "../registry/commands.ts";
import type { AgentRecord } from "../registry/records.ts";
import { decodeBlob, encodeBlob } from "../wire/blob.ts";
import {
  addressOf,
  forgetAddress,
  isReplaced,
  noteAddress,
  othersAt,
  removeReplaced,
} from "./agent-address.ts";
import { AgentHoldings } from "./agent-holdings.ts";
import { startPings, watchAbsence } from "./agent-liveness.ts";
import { cancelRemoval } from "./agent-removals.ts";
import { announceReturn, compareWithReport } from "./agent-report.ts";
import { hasVolume, offerableTotal, sendVolumes } from "./agent-resources.ts";
import { forgetVerdicts } from "./deferred.ts";
import { resumeDrain } from "./drain.ts";
import { ExecutorHoldings } from "./executor-holdings.ts";
import { compareExecutors } from "./executors.ts";
import { rebuildHoldings, usedOf } from "./holdings.ts";
import type { Fate, Leader } from "./leader.ts";
import { machineDownMessage } from "./machines.ts";
import type { AgentMemory, PendingAgent } from "./memory.ts";
import { rescindOffersOnAgent } from "./offers.ts";
import { agentAddedEvent } from "./operator-events.ts";
import { countRecovered } from "./recovery-pause.ts";
import { timerName } from "./timer-names.ts";
import type { LinkRef, MasterSettings } from "./types.ts";
import { mayOffer } from "./whitelist.ts";

export function registerAgent(leader: Leader, link: LinkRef, message: RegisterAgent): void {
  const known = message.agentId !== undefined && leader.registry.agents.has(message.agentId);
  leader.counters.bump(known ? "messages_reregister_slave" : "messages_register_slave");
  if (message.agentId !== undefined && leader.registry.removedAgents.has(message.agentId)) {
    refuseAgent(leader, link, removedMessage(leader, message.agentId));
    return;
  }
  const info = decodeBlob("AgentInfo", message.info);
  if (leader.registry.maintenance.isDown(info.hostname, message.ip)) {
    refuseAgent(leader, link, machineDownMessage(info.hostname, message.ip), true);
    return;
  }
  const wrongDomain = domainRefusal(leader.settings, info);
  if (wrongDomain !== undefined) {
    refuseAgent(leader, link, wrongDomain, true);
    return;
  }
  const resources = Resources.from(info.resources ?? []);
  if (!resources.ok) {
    refuseAgent(leader, link, `Agent reports invalid resources: ${resources.error}`);
    return;
  }
  if (!checkpointedPart(resources.value).isEmpty()) {
    const reason = `Agent reports reservations or volumes that only operations can make: ${resources.value}`;
    refuseAgent(leader, link, `${reason}; give static reservations in --resources`);
    return;
  }
  if (message.info.length + message.capabilities.join(",").length > BLOB_MAX_BYTES) {
    refuseAgent(leader, link, `AgentInfo takes more than ${BLOB_MAX_BYTES} bytes; shorten its attributes`);
    return;
  }
  const agentId = message.agentId ?? leader.newAgentId();
  if (!known) removeForerunners(leader, agentId, addressOf(message.ip, info));
  const before = leader.pendingAgents.get(agentId);
  if (before !== undefined && before.link !== link) leader.closeLink(before.link);
  const { tasks, executors = [], hasVolumes = false } = message;
  const fresh = message.agentId === undefined;
  const atMs = leader.now.wallMs;
  leader.pendingAgents.set(agentId, { link, atMs, tasks, executors, hasVolumes, fresh });
  leader.propose({
    kind: known ? "reregister-agent" : "add-agent",
    agentId,
    info: encodeBlob("AgentInfo", { ...info, id: { value: agentId } }),
    ip: message.ip,
    version: message.version,
    capabilities: message.capabilities,
    atMs,
  });
}

/** Without a domain of its own a master cannot tell which agents are in another region. */
function domainRefusal(settings: MasterSettings, { domain }: AgentInfo): string | undefined {
  if (domain === undefined && settings.requireAgentDomain) {
    return "The agent has no fault domain, and the master requires one; start it with --domain";
  }
  if (domain === undefined || settings.address.domain !== undefined) return undefined;
  return "The agent has a fault domain and the master has none; start the masters with --domain first";
}

/** A fresh agent at the address of one that is away: that one is gone for good (Mesos does the same). */
function removeForerunners(leader: Leader, agentId: string, address: string): void {
  for (const old of othersAt(leader, address, agentId)) {
    if (old.link === undefined) removeReplaced(leader, old.id);
  }
}

/** Its tasks were told as gone: it may not bring them back. */
function removedMessage(leader: Leader, agentId: string): string {
  const removed = leader.registry.removedAgents.get(agentId);
  if (removed === undefined) return `Agent ${agentId} was removed from the cluster`;
  const seconds = Math.max(0, Math.round((leader.now.wallMs - removed.atMs) / SECOND_MS));
  const how = removed.gone ? "marked gone by an operator" : "removed from the cluster";
  return `Agent ${agentId} was ${how} ${seconds} s ago`;
}

function registrationRefusal(leader: Leader, command: AddAgent | ReregisterAgent, reason: string): string {
  if (reason === "agent-too-small") return tooSmallMessage(leader, command);
  if (reason !== "machine-down") return removedMessage(leader, command.agentId);
  return machineDownMessage(decodeBlob("AgentInfo", command.info).hostname, command.ip);
}

/** A machine that shrank below what frameworks have reserved on it (Mesos: the agent does not start). */
function tooSmallMessage(leader: Leader, { agentId, info }: AddAgent | ReregisterAgent): string {
  const checkpointed = leader.registry.agents.get(agentId)?.checkpointed ?? [];
  const total = totalOf({ info, checkpointed });
  return total.ok ? `Agent ${agentId} cannot register; start it again` : total.error;
}

/** The agent ends its tasks and stops. One that `mayReturn` is let in later, when the reason has passed. */
export function refuseAgent(leader: Leader, link: LinkRef, reason: string, mayReturn = false): void {
  const message = {
    kind: "agent-refused",
    term: leader.term,
    reason,
    ...(mayReturn ? { mayReturn } : {}),
  } as const;
  leader.emit({ kind: "agent-send", link, message });
  leader.closeLink(link);
}

export function agentRegistered(leader: Leader, command: AddAgent | ReregisterAgent, fate: Fate): void {
  const superseded = isSuperseded(leader, command);
  const pending = superseded ? undefined : leader.pendingAgents.get(command.agentId);
  if (!fate.accepted) {
    if (superseded) return;
    // Two registrations under way with an id that the cluster did not know: the second is a return.
    if (fate.reason === "agent-exists") leader.propose({ ...command, kind: "reregister-agent" });
    // Forgotten while its return was under way: it comes as one that the cluster does not know.
    else if (fate.reason === "agent-unknown") leader.propose({ ...command, kind: "add-agent" });
    else if (pending !== undefined) {
      leader.pendingAgents.delete(command.agentId);
      const reason = registrationRefusal(leader, command, fate.reason);
      refuseAgent(leader, pending.link, reason, fate.reason === "machine-down");
    }
    return;
  }
  leader.counters.bump(command.kind === "add-agent" ? "slave_registrations" : "slave_reregistrations");
  const record = leader.registry.agents.get(command.agentId);
  if (!superseded) leader.pendingAgents.delete(command.agentId);
  if (record === undefined) {
    // The same entry removed it again.
    if (pending !== undefined) refuseAgent(leader, pending.link, removedMessage(leader, command.agentId));
    return;
  }
  forgetVerdicts(leader, command.agentId);
  const agent = rememberAgent(leader, record);
  if (pending !== undefined && leader.links.has(pending.link)) attach(leader, agent, pending);
  else if (pending?.fresh) {
    // It never heard its id and comes again as another.
    leader.propose({ kind: "remove-agent", agentId: agent.id, atMs: leader.now.wallMs, remember: true });
  } else if (agent.link === undefined) {
    // The registry takes it for here, with its tasks: until it is counted as gone again, so does the leader.
    if (agent.unreachable && record.unreachableAtMs === undefined) returnedWithoutLink(leader, agent);
    watchAbsence(leader, agent);
  }
}

/** The agent came once more before the commit of this: what it said then counts, and comes later. */
function isSuperseded(leader: Leader, { agentId, atMs }: AddAgent | ReregisterAgent): boolean {
  const last = leader.pendingAgents.get(agentId);
  return last !== undefined && last.atMs !== atMs;
}

/** Takes over an agent's committed record. */
export function rememberAgent(leader: Leader, record: AgentRecord): AgentMemory {
  const info = decodeBlob("AgentInfo", record.info);
  const committed = totalOf(record, info);
  const total = committed.ok ? committed.value : Resources.EMPTY;
  const { id, ip, version, capabilities } = record;
  const { deactivated } = record;
  const unavailability = leader.registry.maintenance.windowOf(info.hostname, ip);
  const marks = { deactivated, unavailability };
  const seen = {
    info,
    ip,
    version,
    capabilities,
    total,
    infoChars: 2 * JSON.stringify(info).length,
    ...marks,
  };
  const known = leader.agents.get(id);
  if (known !== undefined) forgetAddress(leader, known);
  noteAddress(leader, id, addressOf(ip, info));
  leader.inverseOffers.watch(id, unavailability);
  if (known !== undefined) return Object.assign(known, seen);
  const agent: AgentMemory = {
    id,
    ...seen,
    link: undefined,
    recovered: false,
    unreachable: false,
    inAllocator: false,
    pingNonce: 0,
    unansweredPings: 0,
    offerIds: new Set(),
    changes: new Map(),
    holdings: new AgentHoldings(),
    executors: new ExecutorHoldings(),
    kills: new Map(),
  };
  leader.agents.set(id, agent);
  return agent;
}

function attach(leader: Leader, agent: AgentMemory, pending: PendingAgent): void {
  if (agent.link !== undefined && agent.link !== pending.link) leader.closeLink(agent.link);
  const returned = agent.unreachable;
  agent.link = pending.link;
  agent.recovered = false;
  agent.unreachable = false;
  leader.agentOfLink.set(pending.link, agent.id);
  leader.timers.clear(timerName("unreachable", agent.id));
  cancelRemoval(leader, agent.id);
  enterAllocator(leader, agent, true);
  countRecovered(leader);
  leader.sendAgent(agent, {
    kind: "agent-registered",
    term: leader.term,
    agentId: agent.id,
    masterId: leader.settings.address.id,
    pingTimeoutMs: leader.settings.agentPingIntervalMs * leader.settings.maxAgentPingTimeouts,
  });
  if (pending.hasVolumes || hasVolume(agent.total)) sendVolumes(leader, agent);
  startPings(leader, agent);
  compareExecutors(leader, agent, pending.executors);
  compareWithReport(leader, agent, pending.tasks, returned);
  resumeDrain(leader, agent);
  // It was awaited or counted as unreachable before this one could be told to have taken its place.
  for (const old of othersAt(leader, addressOf(agent.ip, agent.info), agent.id)) {
    if (old.unreachable && isReplaced(leader, old)) removeReplaced(leader, old.id);
  }
  leader.sendOperators(() => agentAddedEvent(leader, agent));
}

/** Its return is committed, and its link ended meanwhile. */
function returnedWithoutLink(leader: Leader, agent: AgentMemory): void {
  agent.unreachable = false;
  enterAllocator(leader, agent, false);
  announceReturn(leader, agent, new Set());
  leader.sendOperators(() => agentAddedEvent(leader, agent));
}

/** Makes the agent's resources count; offers come from it only while it is `active`, and not deactivated. */
export function enterAllocator(leader: Leader, agent: AgentMemory, active: boolean): void {
  const { allocator } = leader;
  const offers = active && mayOffer(leader, agent);
  const spec = { total: offerableTotal(agent), facts: agent.info };
  if (agent.inAllocator) {
    allocator.updateAgent(agent.id, spec);
    if (offers) allocator.activateAgent(agent.id);
    else allocator.deactivateAgent(agent.id);
  } else {
    rebuildHoldings(leader, agent);
    allocator.addAgent(agent.id, { ...spec, active: offers }, usedOf(agent));
    agent.inAllocator = true;
  }
  leader.allocationDue = true;
}

/** The link broke: no offers from the agent until it is back; its tasks go on. */
export function linkClosed(leader: Leader, link: LinkRef): void {
  leader.links.delete(link);
  const agent = leader.agents.get(leader.agentOfLink.get(link) ?? "");
  leader.agentOfLink.delete(link);
  if (agent?.link === link) detach(leader, agent);
}

/** Without a link, counted as gone after as long as its pings may go unanswered. */
export function detach(leader: Leader, agent: AgentMemory): void {
  agent.link = undefined;
  leader.timers.clear(timerName("ping", agent.id));
  leader.allocator.deactivateAgent(agent.id);
  rescindOffersOnAgent(leader, agent);
  watchAbsence(leader, agent);
}
