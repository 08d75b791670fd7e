/**
 * What a leader remembers beside the registry: streams, links, offers, and
 * resources in use. All of it is rebuilt from the registry at a new leader.
 */

import type { ConstraintsByRole } from "../allocator/offer-constraints.ts";
import type { Allocation } from "../allocator/types.ts";
import type { AgentExecutorReport, AgentTaskReport } from "../model/agent-protocol.ts";
import type { Resources } from "../model/resources.ts";
import type { AgentInfo, FrameworkInfo } from "../model/v1/frameworks.ts";
import type { Unavailability } from "../model/v1/ids.ts";
import type { OfferConstraints } from "../model/v1/scheduler.ts";
import type { Command } from "../registry/commands.ts";
import type { AgentHoldings } from "./agent-holdings.ts";
import type { Counters } from "./counters.ts";
import type { ExecutorHoldings } from "./executor-holdings.ts";
import type { AnswerRef, LinkRef, StreamId } from "./types.ts";

/** Offer constraints of a subscription; they come anew with each, so the registry does not keep them. */
export interface FrameworkConstraints {
  /** As given, for views. */
  readonly given: OfferConstraints | undefined;
  readonly byRole: ConstraintsByRole;
}

export interface FrameworkMemory {
  readonly id: string;
  /** Decoded from the registry's record. */
  info: FrameworkInfo;
  capabilities: ReadonlySet<string>;
  roles: readonly string[];
  suppressedRoles: ReadonlySet<string>;
  constraints: FrameworkConstraints;
  /** Open while the framework is connected. */
  streamId: StreamId | undefined;
  /** Known from the registry, not yet subscribed to this leader. */
  recovered: boolean;
  /** Its removal has begun: it gets no offers and may not come back. */
  leaving: "no" | "ending tasks" | "yes";
  readonly offerIds: Set<string>;
  /** Agents that may hold something of this framework. */
  readonly agentIds: Set<string>;
  readonly counters: Counters;
  /** RECONCILE calls that are being answered. */
  reconciling: number;
  /** DECLINEs without a filter since the last launch. */
  idleDeclines: number;
  /** Distance to the next repetition of ends of operations that are not acknowledged. */
  operationRetryMs: number;
  /** The log has a line of an executor of its that asks for too little. */
  toldOfSmallExecutor: boolean;
}

/** What an agent will have once a proposed change of its resources is applied. */
export interface PendingChange {
  readonly consumed: Resources;
  /** Counts as there already, held by the framework; nothing for an operator's change. */
  readonly planned: Resources;
  /** What an operator's change makes: nobody has it before the commit. */
  readonly claimed?: Resources;
  /** Rest of the offers, converted: goes back once the outcome is known. */
  readonly heldBack: Allocation | undefined;
  /** What of it the change made: the filter is not for it, as in Mesos. */
  readonly made: Resources;
  readonly refuseMs: number | undefined;
  /** The operator's request. */
  readonly ref: AnswerRef | undefined;
  /** How the operator named it. */
  readonly requestId?: string | undefined;
}

export interface KillWish {
  readonly frameworkId: string;
  readonly taskId: string;
  readonly gracePeriodMs: number | undefined;
  /** The run to end: a later one of the same task id lives on. */
  readonly runId: string | undefined;
}

export interface AgentMemory {
  readonly id: string;
  info: AgentInfo;
  ip: string;
  version: string;
  capabilities: readonly string[];
  /** As committed. */
  total: Resources;
  /** By change id, in the order proposed. */
  readonly changes: Map<string, PendingChange>;
  /** Characters of `info` as JSON: what an offer of this agent roughly takes. */
  infoChars: number;
  /** Set while the agent is registered with this leader and linked. */
  link: LinkRef | undefined;
  /** Known from the registry, not yet registered with this leader. */
  recovered: boolean;
  unreachable: boolean;
  /** An operator stopped its offers. */
  deactivated: boolean;
  /** When its machine will not be available. */
  unavailability: Unavailability | undefined;
  /** The allocator counts its resources. */
  inAllocator: boolean;
  pingNonce: number;
  unansweredPings: number;
  readonly offerIds: Set<string>;
  /** By {@link taskKey}. */
  readonly holdings: AgentHoldings;
  readonly executors: ExecutorHoldings;
  /** Kills not yet followed by the task's end, by {@link taskKey}. */
  readonly kills: Map<string, KillWish>;
}

export interface OfferMemory {
  readonly id: string;
  readonly frameworkId: string;
  readonly agentId: string;
  readonly role: string;
  readonly resources: Resources;
  /** The framework was sent it. */
  told: boolean;
}

/** A proposed add-framework or update-framework that someone waits for. */
export interface PendingFramework {
  readonly frameworkId: string;
  /** Tells this command from others of the same framework. */
  readonly info: Uint8Array;
  readonly suppressedRoles: ReadonlySet<string>;
  readonly constraints: FrameworkConstraints;
  /** SUBSCRIBE: the waiting stream; undefined once it closed. */
  streamId: StreamId | undefined;
  /** UPDATE_FRAMEWORK: the waiting request. */
  readonly ref: AnswerRef | undefined;
}

/** A proposed registration that an agent's link waits for. */
export interface PendingAgent {
  readonly link: LinkRef;
  /** Wall time of the proposal: tells its command from that of an earlier registration. */
  readonly atMs: number;
  readonly tasks: readonly AgentTaskReport[];
  readonly executors: readonly AgentExecutorReport[];
  /** It may hold data of volumes. */
  readonly hasVolumes: boolean;
  /** The agent had no id before. */
  readonly fresh: boolean;
}

/** Ids hold no slash (model/validate-ids.ts), so the pair is unambiguous. */
export function taskKey(frameworkId: string, taskId: string): string {
  return `${frameworkId}/${taskId}`;
}

/** A command that waits, see deferred.ts. */
export interface DeferredCommand {
  readonly command: Command;
  /** Of an update: that of the task's last one when it began to wait. */
  readonly lastUuid: Uint8Array | undefined;
}
