/**
 * What the HTTP edge (src/api/) may ask of a master. The master's pump
 * (src/master/run.ts) implements it; tests implement it in memory.
 *
 * Reads are synchronous views of the registry and of leader memory. Changes
 * go through `call` and `subscribe` and are answered in a later turn.
 */
import type { Drain } from "../model/drain-info.ts";
import type { Quota } from "../model/quota.ts";
import type { AgentInfo, FrameworkInfo, WeightInfo } from "../model/v1/frameworks.ts";
import type { DomainInfo, MachineID } from "../model/v1/ids.ts";
import type { ClusterStatus, Schedule } from "../model/v1/maintenance.ts";
import type { MasterEvent } from "../model/v1/master-events.ts";
import type { InverseOffer, Offer, OfferOperation, OperationStatus } from "../model/v1/offers.ts";
import type { QuotaConfig, QuotaRequest } from "../model/v1/quota.ts";
import type { Resource } from "../model/v1/resources.ts";
import type { OfferConstraints, SchedulerCall, SchedulerEvent } from "../model/v1/scheduler.ts";
import type { ExecutorInfo, TaskInfo, TaskState, TaskStatus } from "../model/v1/tasks.ts";
import type { NoteCommand } from "../registry/commands.ts";

/** Name of the cluster, in hellos of links too, when --cluster does not give one. */
export const DEFAULT_CLUSTER = "mesh";

/** Where a master's HTTP API is reached. */
export interface MasterAddress {
  /** Id of the master process: a UUID drawn at its start. */
  readonly id: string;
  readonly hostname: string;
  readonly ip: string;
  readonly port: number;
  /** Fault domain of the machine; its region is the cluster's own. */
  readonly domain?: DomainInfo;
}

/** Who leads, as this master knows it. */
export type Leadership =
  | { readonly kind: "leading"; readonly recovered: boolean }
  | { readonly kind: "following"; readonly leader: MasterAddress }
  | { readonly kind: "unknown" };

/** Receives the events of one stream, in order; provided by the edge. */
export interface EventSink<E> {
  send(event: E): void;
  /** No event follows. `reason`: why, for a client that has had none. */
  close(reason?: string): void;
}

/** The edge's side of a subscription. */
export interface Subscription {
  /** Value of the `Mesos-Stream-Id` header. */
  readonly streamId: string;
  /** The client went away, or read too slowly. */
  disconnected(): void;
}

/** HTTP answer to a call: status and plain-text body ("" for 202). */
export interface CallAnswer {
  readonly status: number;
  readonly body: string;
}

export interface CallContext {
  /** `Mesos-Stream-Id` as sent; undefined when absent. */
  readonly streamId: string | undefined;
  /** Authenticated principal; undefined without authentication. */
  readonly principal: string | undefined;
}

export interface FrameworkView {
  readonly id: string;
  readonly info: FrameworkInfo;
  readonly suppressedRoles: readonly string[];
  /** As given at its last subscription or update. */
  readonly constraints: OfferConstraints | undefined;
  /** Gets offers. */
  readonly active: boolean;
  readonly connected: boolean;
  /** Known from the registry, not yet subscribed to this leader. */
  readonly recovered: boolean;
  readonly registeredAtMs: number;
  readonly reregisteredAtMs: number | undefined;
  /** Set on completed frameworks. */
  readonly unregisteredAtMs: number | undefined;
  readonly used: readonly Resource[];
  readonly offered: readonly Resource[];
  /** To be read once. */
  readonly offers: Iterable<Offer>;
  /** Not answered yet. */
  readonly inverseOffers: readonly InverseOffer[];
}

export interface AgentView {
  readonly id: string;
  readonly info: AgentInfo;
  readonly ip: string;
  readonly version: string;
  readonly capabilities: readonly string[];
  /** Registered with this leader and linked. */
  readonly active: boolean;
  /** Known from the registry, not yet registered with this leader. */
  readonly recovered: boolean;
  readonly unreachable: boolean;
  /** An operator stopped its offers. */
  readonly deactivated: boolean;
  readonly drain: Drain | undefined;
  readonly registeredAtMs: number;
  readonly reregisteredAtMs: number | undefined;
  readonly total: readonly Resource[];
  readonly used: readonly Resource[];
  readonly offered: readonly Resource[];
}

export interface TaskView {
  readonly frameworkId: string;
  readonly taskId: string;
  readonly agentId: string;
  /** Role the resources are allocated to. */
  readonly role: string;
  readonly state: TaskState;
  /** Kept updates, oldest first. */
  readonly statuses: readonly TaskStatus[];
  readonly info: TaskInfo;
}

/** An executor that a framework brought. */
export interface ExecutorView {
  readonly frameworkId: string;
  readonly agentId: string;
  readonly info: ExecutorInfo;
}

/** An operation with an id whose end is not acknowledged. */
export interface OperationView {
  readonly frameworkId: string;
  readonly agentId: string;
  readonly info: OfferOperation;
  readonly status: OperationStatus;
  /** 16 raw bytes. */
  readonly uuid: Uint8Array;
}

/**
 * Lists may be read over several turns of the event loop: which members they have is settled when they are
 * asked for, each is of the moment at which it is read.
 */
export interface ClusterView {
  /** Sums what `frameworks()` needs, in short steps; otherwise its first framework takes the time of all. */
  sumFrameworks(): Iterable<unknown>;
  frameworks(): Iterable<FrameworkView>;
  framework(id: string): FrameworkView | undefined;
  completedFrameworks(): Iterable<FrameworkView>;
  agents(): Iterable<AgentView>;
  agent(id: string): AgentView | undefined;
  /** Unfinished tasks, and finished ones whose end is not acknowledged. */
  tasks(frameworkId?: string): Iterable<TaskView>;
  unreachableTasks(frameworkId?: string): Iterable<TaskView>;
  completedTasks(frameworkId?: string): Iterable<TaskView>;
  /** Those this leader knows of; custom ones also without tasks. */
  executors(): Iterable<ExecutorView>;
  operations(): Iterable<OperationView>;
  schedule(): Schedule;
  maintenanceStatus(): ClusterStatus;
  /** Weights that were set, by role, sorted. */
  weights(): ReadonlyMap<string, number>;
  /** Quota that is set, by role, sorted. */
  quotas(): ReadonlyMap<string, Quota>;
  /** Only of the leader's memory; undefined for a framework it does not know. */
  why(frameworkId: string, role?: string): WhyView | undefined;
  constraintsDebug(): Iterable<ConstraintsDebugView>;
}

/** One thing that stands between a framework and an offer. */
export interface WhyReason {
  /** Stays as it is, for programs. */
  readonly code: string;
  /** How many agents it holds for; undefined when it is not about agents. */
  readonly agents?: number;
  readonly text: string;
  /** What would change it. */
  readonly advice: string;
  /** Constraints or capabilities, with their numbers of agents. */
  readonly details?: readonly string[];
}

export interface WhyRoleView {
  readonly role: string;
  readonly suppressed: boolean;
  /** Place in the fair order of all that want offers, from 1; undefined when it is not among them. */
  readonly position: number | undefined;
  /** Dominant share of the framework within the role, 0 to 1. */
  readonly share: number;
  /** Dominant share of the role, divided by its weight. */
  readonly roleShare: number;
  readonly weight: number;
  /** The first of those before it. */
  readonly before: readonly {
    readonly frameworkId: string;
    readonly name: string;
    readonly role: string;
    readonly share: number;
    readonly roleShare: number;
  }[];
  /** Agents by what stands in the way, each once. */
  readonly agents: Readonly<Record<string, number>>;
  readonly reasons: readonly WhyReason[];
}

/** Why a framework gets no offers now (`mesh why`). */
export interface WhyView {
  readonly frameworkId: string;
  readonly name: string;
  readonly connected: boolean;
  /** In all of its roles. */
  readonly reasons: readonly WhyReason[];
  readonly roles: readonly WhyRoleView[];
}

/** Agents that the offer constraints of one framework exclude, by role. */
export interface ConstraintsDebugView {
  readonly frameworkId: string;
  readonly suppressedRoles: readonly string[];
  readonly excluded: ReadonlyMap<string, readonly string[]>;
}

/** What an operator may ask of an agent. */
export type AgentChange =
  /** 404 when it is not known, 503 while another such change is under way. */
  | { readonly kind: "mark-gone"; readonly agentId: string }
  | {
      readonly kind: "drain";
      readonly agentId: string;
      readonly maxGraceMs: number | undefined;
      readonly markGone: boolean;
    }
  | { readonly kind: "deactivate"; readonly agentId: string }
  | { readonly kind: "reactivate"; readonly agentId: string };

/** What an operator may ask of machines. */
export type MachineChange =
  | { readonly kind: "schedule"; readonly schedule: Schedule }
  | { readonly kind: "machines-down"; readonly machines: readonly MachineID[] }
  | { readonly kind: "machines-up"; readonly machines: readonly MachineID[] };

/** What an operator may set for roles; 409 when it guarantees more than there is. */
export type RoleChange =
  | { readonly kind: "weights"; readonly weights: readonly WeightInfo[] }
  | { readonly kind: "quota"; readonly configs: readonly QuotaConfig[]; readonly force: boolean }
  /** The older form: limits as high as guarantees, only for a role without quota. */
  | { readonly kind: "set-quota"; readonly request: QuotaRequest }
  | { readonly kind: "remove-quota"; readonly role: string };

export type ClusterChange = AgentChange | MachineChange | RoleChange;

/** A value that a framework or an operator keeps in the registry. */
export interface NoteView {
  readonly value: Uint8Array;
  /** Grows with every change of any note, so that it tells two states of a key apart for ever. */
  readonly version: number;
}

/** One master of the raft group, for `mesh raft status` and `/mesh/raft`. */
export interface RaftStatus {
  /** Member id. */
  readonly self: string;
  /** Own raft address. */
  readonly address: string;
  /** Name of its cluster; left out by older versions. */
  readonly cluster?: string | undefined;
  readonly role: "leader" | "follower" | "candidate" | "pre-candidate" | "learner" | "joining" | "removed";
  readonly term: number;
  readonly leader: string | undefined;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** As this master knows it; empty while it waits to be taken in. */
  readonly members: readonly { readonly id: string; readonly address: string; readonly votes: boolean }[];
  /** A change of voters is under way: majorities of both sets decide. */
  readonly joint: { readonly from: readonly string[]; readonly to: readonly string[] } | undefined;
  /** Newest command formats in the log. */
  readonly featureLevel: number;
  /** What is damaged in the log on disk; this master does not vote until the others repaired it. */
  readonly damage?: string | undefined;
  /** How the masters' registries compare (digest-watch.ts). */
  readonly digest?:
    | {
        /** This master differs from the majority and serves nobody. */
        readonly diverged: boolean;
        /** Of the leader's newest comparison; undefined before the first. */
        readonly index: number | undefined;
        readonly agreed: number;
        readonly members: number;
        readonly differing: readonly string[];
        /** Members that have not answered that comparison; left out by older versions. */
        readonly unheard?: readonly string[];
      }
    | undefined;
  /** Progress of the others; a leader's only. */
  readonly peers: readonly {
    readonly id: string;
    readonly matchIndex: number | undefined;
    readonly connected: boolean;
  }[];
}

/** A change of the raft group. `member`: an id, or a raft address. */
export type MasterChange =
  /** The master that waits at this raft address gets the log, but no vote yet. */
  | { readonly kind: "add-learner"; readonly id: string; readonly address: string }
  | { readonly kind: "promote"; readonly member: string }
  | { readonly kind: "remove"; readonly member: string };

export interface MasterPort {
  readonly address: MasterAddress;
  readonly startedAtMs: number;
  electedAtMs(): number | undefined;
  leadership(): Leadership;
  /** Raft address agents link to, of the leader this master knows. */
  agentLink(): { readonly hostname: string; readonly port: number } | undefined;
  /** Effective flags, as /flags shows them. */
  flags(): Readonly<Record<string, string>>;
  view(): ClusterView;
  /** Values of /metrics/snapshot, in steps of a fraction of a millisecond. */
  metrics(): Generator<undefined, Readonly<Record<string, number>>>;
  raftStatus(): RaftStatus;
  /** 200: from now on the view shows everything that was committed before the call; 503: no proof of it. */
  readIndex(): Promise<CallAnswer>;
  /** 200 once the change is committed. */
  changeMasters(change: MasterChange): Promise<CallAnswer>;
  /** To the member of this id or raft address, or to the best one; 200 once another master leads. */
  transferLeadership(to: string | undefined): Promise<CallAnswer>;

  /** A SUBSCRIBE that passed steps 1 to 11 of mesos-wire.md section 4.1. */
  subscribe(
    call: SchedulerCall,
    principal: string | undefined,
    sink: EventSink<SchedulerEvent>,
  ): Subscription;
  /** Any other scheduler call that passed steps 1 to 10; the answer is of steps 13 to 20. */
  call(call: SchedulerCall, context: CallContext): Promise<CallAnswer>;
  /** Operator's teardown of a framework: 200, or 400 when unknown. */
  teardown(frameworkId: string): Promise<CallAnswer>;
  /** Operator's kill of one task: 202, or 404 when it is not known or has ended. */
  kill(frameworkId: string, taskId: string): Promise<CallAnswer>;
  /**
   * Operator's change of what an agent has: 202 once it is committed, 400 when it is invalid or the agent
   * unknown, 409 when what it needs is not free, 503 when it may have happened or not.
   */
  operate(agentId: string, operation: OfferOperation): Promise<CallAnswer>;
  /** 200 once it is committed; 400 when it cannot be; 503 when it may have happened or not. */
  change(change: ClusterChange): Promise<CallAnswer>;
  /** As this master has applied it. */
  note(key: string): NoteView | undefined;
  /** Keys that begin with `prefix`, sorted. */
  noteKeys(prefix: string): readonly string[];
  /**
   * Stores or removes a note, answered once that is committed: 200, with the version stored as body; 404 when
   * there is none to remove; 412 when its version is not `ifVersion`; 507 when there is no room; 503 when it
   * may have happened or not.
   */
  changeNote(change: NoteCommand): Promise<CallAnswer>;
  /** Operator event stream; the edge sends SUBSCRIBED and HEARTBEAT itself. */
  subscribeOperator(sink: EventSink<MasterEvent>): Subscription;
}
