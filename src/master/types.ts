/**
 * Inputs and effects of the master core. The core never waits: what an effect
 * leads to comes back as a later input.
 *
 * A turn is one call of `MasterCore.step(inputs, now)`. At its end the core
 * asks the allocator once, and the node makes one log entry of all commands
 * that the turn proposed.
 */
import type { AllocatorOptions } from "../allocator/types.ts";
import type { LogFields } from "../base/log.ts";
import type { AgentToMaster, MasterToAgent } from "../model/agent-protocol.ts";
import type { MasterEvent } from "../model/v1/master-events.ts";
import type { OfferOperation } from "../model/v1/offers.ts";
import type { SchedulerCall, SchedulerEvent } from "../model/v1/scheduler.ts";
import type { RateLimits } from "../model/v1/tasks.ts";
import type { Command, NoteCommand, Outcome } from "../registry/commands.ts";
import type { HistoryBounds } from "../registry/history-bounds.ts";
import type { PatternLimits } from "../wire/text-pattern.ts";
import type { CallContext, ClusterChange, MasterAddress } from "./port.ts";
import type { RemovalRate } from "./removal-permits.ts";

/** Names one HTTP request that waits for its answer; drawn by the pump, used once. */
export type AnswerRef = number;
/** Names one link of an agent; drawn by the pump, never used again after its end. */
export type LinkRef = number;
/** Value of `Mesos-Stream-Id`: a UUID drawn by the pump. */
export type StreamId = string;

/** Only time passed: some deadline of `nextDeadlineMs()` may be due. */
export interface Tick {
  readonly kind: "tick";
}

/** This master leads `term`, and every entry before its term's empty one is applied. */
export interface LeadershipGained {
  readonly kind: "leadership-gained";
  readonly term: number;
}

export interface LeadershipLost {
  readonly kind: "leadership-lost";
}

/** A SUBSCRIBE whose response is open as a stream. */
export interface SubscribeInput {
  readonly kind: "subscribe";
  readonly streamId: StreamId;
  readonly call: SchedulerCall;
  readonly principal: string | undefined;
}

/** The client went away, or read too slowly; never sent for a stream the core closed. */
export interface StreamClosed {
  readonly kind: "stream-closed";
  readonly streamId: StreamId;
}

/** Any scheduler call but SUBSCRIBE, past step 12 of mesos-wire.md 4.1. */
export interface CallInput {
  readonly kind: "call";
  readonly ref: AnswerRef;
  readonly call: SchedulerCall;
  readonly context: CallContext;
}

/** An operator ends a framework: POST /teardown. */
export interface TeardownInput {
  readonly kind: "teardown";
  readonly ref: AnswerRef;
  readonly frameworkId: string;
}

/** An operator kills one task of any framework: POST /mesh/kill. */
export interface OperatorKillInput {
  readonly kind: "operator-kill";
  readonly ref: AnswerRef;
  readonly frameworkId: string;
  readonly taskId: string;
}

/** An operator changes what an agent has: RESERVE_RESOURCES … SHRINK_VOLUME; 202 once it is committed. */
export interface OperateInput {
  readonly kind: "operate";
  readonly ref: AnswerRef;
  readonly agentId: string;
  readonly operation: OfferOperation;
}

/** An operator changes the state of agents or machines. */
export interface ChangeInput {
  readonly kind: "change";
  readonly ref: AnswerRef;
  readonly change: ClusterChange;
}

/** A client changes a note; the answer's body is the version stored. */
export interface NoteInput {
  readonly kind: "note";
  readonly ref: AnswerRef;
  readonly command: NoteCommand;
}

/**
 * The file of `--whitelist` names these agents; it counts for this and every later leadership of this master.
 */
export interface WhitelistInput {
  readonly kind: "whitelist";
  readonly hostnames: ReadonlySet<string>;
}

/** A message of an agent. The first one of a link is register-agent. */
export interface AgentMessage {
  readonly kind: "agent-message";
  readonly link: LinkRef;
  readonly message: AgentToMaster;
}

/** The link broke; never sent for a link the core closed. */
export interface AgentLinkClosed {
  readonly kind: "agent-link-closed";
  readonly link: LinkRef;
}

/** Commands of one log entry were committed and applied, in order; outcomes run alongside. */
export interface Applied {
  readonly kind: "applied";
  readonly index: number;
  readonly commands: readonly Command[];
  readonly outcomes: readonly Outcome[];
}

/** Proposed commands that will never be applied while this master keeps leading: the log had no room. */
export interface ProposalDropped {
  readonly kind: "proposal-dropped";
  readonly commands: readonly Command[];
}

export type MasterInput =
  | Tick
  | LeadershipGained
  | LeadershipLost
  | SubscribeInput
  | StreamClosed
  | CallInput
  | TeardownInput
  | OperatorKillInput
  | OperateInput
  | ChangeInput
  | NoteInput
  | WhitelistInput
  | AgentMessage
  | AgentLinkClosed
  | Applied
  | ProposalDropped;

export type MasterInputKind = MasterInput["kind"];

/** Put these commands into the log. All `propose` effects of a turn form one entry, in order. */
export interface Propose {
  readonly kind: "propose";
  readonly commands: readonly Command[];
}

/** Answers the HTTP request `ref`; exactly one answer for each. */
export interface Answer {
  readonly kind: "answer";
  readonly ref: AnswerRef;
  readonly status: number;
  /** Plain text; "" for none. */
  readonly body: string;
}

export interface SendSchedulerEvent {
  readonly kind: "scheduler-event";
  readonly streamId: StreamId;
  readonly event: SchedulerEvent;
}

/** No event follows; the response ends. */
export interface CloseStream {
  readonly kind: "close-stream";
  readonly streamId: StreamId;
}

/** An event for every operator stream. */
export interface SendOperatorEvent {
  readonly kind: "operator-event";
  readonly event: MasterEvent;
}

/** Operator streams end: this master leads no longer. */
export interface CloseOperatorStreams {
  readonly kind: "close-operator-streams";
}

export interface SendToAgent {
  readonly kind: "agent-send";
  readonly link: LinkRef;
  readonly message: MasterToAgent;
}

/** Ends a link after what was sent on it before. */
export interface CloseLink {
  readonly kind: "close-link";
  readonly link: LinkRef;
}

/** A line for the master's log; whoever emits it keeps it from coming often. */
export interface Notice {
  readonly kind: "notice";
  readonly message: string;
  readonly fields: LogFields;
}

export type MasterEffect =
  | Propose
  | Answer
  | SendSchedulerEvent
  | CloseStream
  | SendOperatorEvent
  | CloseOperatorStreams
  | SendToAgent
  | CloseLink
  | Notice;

export type MasterEffectKind = MasterEffect["kind"];

/** What an operator can set; defaults in `src/master/settings.ts`. */
export interface MasterSettings {
  readonly address: MasterAddress;
  /** Version of mesh, in MasterInfo. */
  readonly version: string;
  readonly agentPingIntervalMs: number;
  readonly maxAgentPingTimeouts: number;
  /** How long a new leader waits for a known agent before it is unreachable. */
  readonly agentReregisterTimeoutMs: number;
  /**
   * How long a framework may take at least to find a new leader, whatever its
   * failover_timeout: it did not leave, its leader did.
   */
  readonly frameworkReturnTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** An offer older than this is rescinded; undefined: never. */
  readonly offerTimeoutMs: number | undefined;
  /** A removed framework with more tasks has them ended first, so many at a time. */
  readonly tasksEndedAtOnce: number;
  /** How often agents that left are looked through, how long they are kept, and how many of each kind. */
  readonly registryGcIntervalMs: number;
  readonly registryMaxAgentAgeMs: number;
  readonly registryMaxAgentCount: number;
  /** How fast agents may become unreachable; undefined: as they do. */
  readonly agentRemovalRate: RemovalRate | undefined;
  /** Share, 0 to 1, of the agents known at a failover that may become unreachable for not returning. */
  readonly recoveryAgentRemovalLimit: number;
  /** Agents that name no fault domain are refused. */
  readonly requireAgentDomain: boolean;
  /** What operators set of the allocator. */
  readonly allocation: Omit<AllocatorOptions, "seed" | "filterMinMs" | "filterMaxMs">;
  /** With quota, offers wait after a failover until so many of the agents are back, or for so long. */
  readonly recoveryFactor: number;
  readonly recoveryTimeoutMs: number;
  /** `--roles`: the roles frameworks may use; undefined: all. */
  readonly roleWhitelist: ReadonlySet<string> | undefined;
  /** Bounds of regular expressions in offer constraints (`--offer-constraints-re2-…`). */
  readonly constraintLimits: PatternLimits;
  /** `--rate-limits`: calls a second, by principal; undefined: as many as they like. */
  readonly rateLimits: RateLimits | undefined;
  /** `--max-completed-frameworks`, `--max-completed-tasks-per-framework`. */
  readonly history: HistoryBounds;
  /** `--max-unreachable-tasks-per-framework`: how many of them views show. */
  readonly unreachableTasksShown: number;
  /** `--root-submissions`: frameworks and tasks may run as root. */
  readonly rootSubmissions: boolean;
}
