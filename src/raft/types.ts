/**
 * Shapes that the raft core shares with its driver, its store and its
 * transport. Types only; the door of the folder is node.ts.
 */

/**
 * Name of a member in messages and memberships: a UUID drawn when its directory
 * is first used, so that an emptied disk is another member. (In memberships of
 * format 1 it is the raft address.)
 */
export type PeerId = string;

/**
 * - `empty`: written by a leader at the start of its term; no effect when applied.
 * - `command`: opaque bytes for the state machine.
 * - `config`: an encoded {@link Membership}; takes effect when appended.
 */
export type EntryKind = "empty" | "command" | "config";

export interface LogEntry {
  /** Position in the log, from 1, without gaps. */
  readonly index: number;
  /** Term of the leader that created it. */
  readonly term: number;
  readonly kind: EntryKind;
  /** Treated as immutable by everyone who holds it. */
  readonly data: Uint8Array;
}

/** What must be on disk before a message that relies on it leaves (Raft paper, figure 2). */
export interface HardState {
  readonly term: number;
  readonly votedFor: PeerId | null;
}

/**
 * Who takes part. `outgoing` is not empty only while a joint change is under
 * way (thesis, section 4.3): then majorities of both sets are needed.
 */
export interface Membership {
  readonly voters: readonly PeerId[];
  readonly outgoing: readonly PeerId[];
  /** Receive the log, do not vote. */
  readonly learners: readonly PeerId[];
  /** Raft address, "host:port", of every member. */
  readonly addresses: Readonly<Record<PeerId, string>>;
  /** Members that were removed, oldest first; none of them may come back. */
  readonly removed: readonly PeerId[];
  /** Newest command formats that every member understands. */
  readonly featureLevel: number;
}

/** A member as it is first named. */
export interface MemberPlace {
  readonly id: PeerId;
  /** Raft address, "host:port". */
  readonly address: string;
}

/** One step; a change of voters goes through a joint membership (thesis, section 4.3). */
export type MembershipChange =
  | { readonly kind: "add-learner"; readonly member: MemberPlace }
  /** A learner that caught up becomes a voter. */
  | { readonly kind: "promote"; readonly id: PeerId }
  | { readonly kind: "remove"; readonly id: PeerId };

/** The last entry before the log that is kept, with the membership in force there. */
export interface SnapshotMeta {
  /** 0 while nothing was compacted. */
  readonly index: number;
  readonly term: number;
  /** Encoded membership (membership.ts); empty in a store that was never written. */
  readonly membership: Uint8Array;
}

/** From `index` on, entries have `term`, until the next run starts. */
export interface TermRun {
  readonly index: number;
  readonly term: number;
}

/** Entries that this member once acknowledged may be missing from its log (repair.ts). */
export interface LogDamage {
  /** Term in force when the damage was found; every acknowledgement was of this term or an older one. */
  readonly term: number;
  /** Newest index that may have been acknowledged. */
  readonly lastIndex: number;
  /** What is damaged. */
  readonly reason: string;
}

/** What a store found on disk, and what a RaftNode starts from. */
export interface RestoredRaft {
  readonly hardState: HardState;
  readonly snapshot: SnapshotMeta;
  /** Index of the newest entry; `snapshot.index` when the log is empty. */
  readonly lastIndex: number;
  /** Terms of all entries above `snapshot.index`, ascending. */
  readonly termRuns: readonly TermRun[];
  /** Newest entries without gaps up to `lastIndex`; holds at least all above `appliedIndex`. */
  readonly tailEntries: readonly LogEntry[];
  /** Every entry of kind `config` above `snapshot.index`. */
  readonly configEntries: readonly LogEntry[];
  /** The state keys on disk show the effect of entries up to here. */
  readonly appliedIndex: number;
  /** Left out or null: the log is whole. */
  readonly damage?: LogDamage | null;
}

export interface RaftConfig {
  readonly self: PeerId;
  /**
   * Voters of a new cluster, `self` among them; a membership in the store wins
   * over it. Empty: this member waits until a leader takes it in.
   */
  readonly peers: readonly PeerId[];
  /**
   * Raft addresses of `peers`; an id without one is its own address. That of
   * `self` is where it is now: as a leader it corrects the membership.
   */
  readonly addresses?: Readonly<Record<PeerId, string>>;
  /**
   * The first leader writes the membership into the log, since members that
   * wait to be taken in learn it from there. Default false.
   */
  readonly announceMembership?: boolean;
  /** Newest command formats that this build can apply. Default 1. */
  readonly featureLevel?: number;
  /** Shortest election timeout; the longest is twice that. Also the leader's lease. Default 300. */
  readonly electionTimeoutMs?: number;
  /** Default 75. */
  readonly heartbeatMs?: number;
  /** Entries kept behind the applied index for followers that lag. */
  readonly keepEntries?: number;
  /** Entry bytes kept in memory. */
  readonly memoryMaxBytes?: number;
  /** Entry bytes proposed and not yet committed; beyond it proposals are dropped. */
  readonly uncommittedMaxBytes?: number;
}

/** A key of the state machine and its value. */
export type StateRecord = readonly [key: Uint8Array, value: Uint8Array];

/** One piece of a state transfer. `sequence` counts from 0; `id` names one attempt. */
export interface SnapshotChunk {
  readonly id: number;
  readonly sequence: number;
  readonly snapshot: SnapshotMeta;
  readonly records: readonly StateRecord[];
  /** Set on the last chunk. */
  readonly done: boolean;
}

/**
 * `term` is the sender's term, but in `pre-vote` and a granted
 * `pre-vote-reply` the term the candidate would open.
 */
export type RaftMessage =
  | {
      readonly kind: "pre-vote";
      readonly term: number;
      readonly lastIndex: number;
      readonly lastTerm: number;
    }
  | { readonly kind: "pre-vote-reply"; readonly term: number; readonly granted: boolean }
  | {
      readonly kind: "vote";
      readonly term: number;
      readonly lastIndex: number;
      readonly lastTerm: number;
      /** The leader asked for this election: voters set aside its lease. */
      readonly transfer: boolean;
    }
  | { readonly kind: "vote-reply"; readonly term: number; readonly granted: boolean }
  | {
      readonly kind: "append";
      readonly term: number;
      readonly prevIndex: number;
      readonly prevTerm: number;
      readonly entries: readonly LogEntry[];
      readonly commit: number;
      /** The sender's window that it belongs to (progress.ts), for the rejection; older builds have none. */
      readonly window?: number;
    }
  | { readonly kind: "append-ok"; readonly term: number; readonly matchIndex: number }
  | {
      readonly kind: "append-rejected";
      readonly term: number;
      /** `prevIndex` of the refused message. */
      readonly prevIndex: number;
      /** Newest entry of the follower that can still agree, and its term. */
      readonly hintIndex: number;
      readonly hintTerm: number;
      /** The follower's disk lost entries that it had acknowledged (repair.ts). */
      readonly lost?: true;
      /** That of the refused message. */
      readonly window?: number;
    }
  | { readonly kind: "heartbeat"; readonly term: number; readonly commit: number; readonly round: number }
  | {
      readonly kind: "heartbeat-reply";
      readonly term: number;
      readonly round: number;
      /** What the sender can apply; absent = 1. */
      readonly featureLevel?: number;
    }
  | { readonly kind: "timeout-now"; readonly term: number }
  | { readonly kind: "read-index"; readonly term: number; readonly context: number }
  | {
      readonly kind: "read-index-reply";
      readonly term: number;
      readonly context: number;
      /** null: the receiver of the question does not lead, or is overloaded. */
      readonly index: number | null;
      /** Newest entry of the leader's log; older builds do not tell. */
      readonly lastIndex?: number;
    }
  | { readonly kind: "snapshot-chunk"; readonly term: number; readonly chunk: SnapshotChunk }
  | {
      readonly kind: "snapshot-reply";
      readonly term: number;
      readonly id: number;
      /** Next sequence wanted; -1: start again with a new attempt. */
      readonly wanted: number;
    };

/** What happened outside. Exactly one input per {@link RaftEffect} that asks for an answer. */
export type RaftInput =
  /** The deadline of `nextDeadlineMs()` passed (early or repeated ticks are harmless). */
  | { readonly kind: "tick" }
  | { readonly kind: "message"; readonly from: PeerId; readonly message: RaftMessage }
  /** The connection to `peer` broke or its process ended: its lease need not be waited for. */
  | { readonly kind: "peer-lost"; readonly peer: PeerId }
  | {
      readonly kind: "propose";
      readonly ref: number;
      readonly data: Uint8Array;
      /** Feature level needed to apply it. Default 1. */
      readonly level?: number;
    }
  /** Opens a new cluster; ignored by a member that has a membership or a log. */
  | { readonly kind: "found"; readonly members: readonly MemberPlace[] }
  /** Ends with `membership-changed` or `change-refused`. */
  | { readonly kind: "change-membership"; readonly ref: number; readonly change: MembershipChange }
  /** Another member says that this one was removed. */
  | { readonly kind: "expelled" }
  /** Every `persist` up to and including `token` is on disk. */
  | { readonly kind: "persisted"; readonly token: number }
  /** The state machine shows the effect of entries up to `index`. */
  | { readonly kind: "applied"; readonly index: number }
  /** Answer to `read-entries`; fewer entries than asked for are fine, none means: compacted by now. */
  | { readonly kind: "entries-read"; readonly peer: PeerId; readonly entries: readonly LogEntry[] }
  | { readonly kind: "read-index"; readonly ref: number }
  /** False: this member is not to lead, since its disk is full or its state in doubt (eligibility.ts). */
  | { readonly kind: "eligible"; readonly eligible: boolean }
  /** Hand leadership to `to`, or to the best follower if null. */
  | { readonly kind: "transfer"; readonly to: PeerId | null }
  /** Answer to `read-snapshot`; `appliedIndex` is that of the iteration, the same for all its chunks. */
  | {
      readonly kind: "snapshot-read";
      readonly to: PeerId;
      readonly id: number;
      readonly sequence: number;
      readonly appliedIndex: number;
      readonly records: readonly StateRecord[];
      readonly done: boolean;
    }
  /** Answer to `read-snapshot` that could not be carried out. */
  | { readonly kind: "snapshot-failed"; readonly to: PeerId; readonly id: number }
  /** Answer to `stage-snapshot`: the chunk is stored; after the last one the new state is in force. */
  | { readonly kind: "snapshot-staged"; readonly id: number; readonly sequence: number };

/** `joining`: not a member yet; `removed`: no longer one. */
export type RaftRole =
  | "follower"
  | "pre-candidate"
  | "candidate"
  | "leader"
  | "learner"
  | "joining"
  | "removed";

/**
 * - `not-leader`: never entered the log; ask the leader.
 * - `overloaded`: never entered the log; try later.
 * - `transferring`: never entered the log; leadership is being handed over.
 * - `level-too-low`: never entered the log; a member could not apply it.
 * - `deposed`: outcome unknown, the entry may still be committed by another leader.
 */
export type DropReason = "not-leader" | "overloaded" | "transferring" | "level-too-low" | "deposed";

/**
 * Why a change of the membership did not happen; after `deposed` it may still.
 * - `unsettled`: no entry of the own term is committed yet; try again.
 * - `change-under-way`: one at a time.
 * - `address-taken`: another member has the address.
 * - `lags`: the learner has not caught up.
 */
export type ChangeRefusal =
  | "not-leader"
  | "deposed"
  | "unsettled"
  | "change-under-way"
  | "transferring"
  | "already-member"
  | "was-removed"
  | "address-taken"
  | "too-many"
  | "unknown-member"
  | "already-voter"
  | "lags"
  | "level-too-low"
  | "last-voter";

/** `no-target`: nobody, or not the one named, can take over. */
export type TransferFailure = "not-leader" | "no-target" | "timed-out";

/** What the driver has to do, in the order given. */
export type RaftEffect =
  /**
   * Write atomically and sync, then answer `persisted`. Several may be under
   * way; they reach the disk in order. First remove entries from
   * `truncateFrom` on, then add `entries`.
   */
  | {
      readonly kind: "persist";
      readonly token: number;
      readonly hardState?: HardState;
      readonly truncateFrom?: number;
      readonly entries: readonly LogEntry[];
      /** Of the entries that the disk lost, only those up to here were ever counted (repair.ts). */
      readonly damageLastIndex?: number;
    }
  /** Loss is harmless. */
  | { readonly kind: "send"; readonly to: PeerId; readonly message: RaftMessage }
  /** Apply in order, each entry once, and answer `applied`. */
  | { readonly kind: "commit"; readonly entries: readonly LogEntry[] }
  | { readonly kind: "role"; readonly role: RaftRole; readonly term: number; readonly leader: PeerId | null }
  | { readonly kind: "proposed"; readonly ref: number; readonly index: number; readonly term: number }
  /** Ends a `propose` or a `read-index`. */
  | { readonly kind: "dropped"; readonly ref: number; readonly reason: DropReason }
  /** The change is committed and no joint membership is left. */
  | { readonly kind: "membership-changed"; readonly ref: number }
  | { readonly kind: "change-refused"; readonly ref: number; readonly reason: ChangeRefusal }
  /** Another membership is in force: send to, and listen to, these. */
  | { readonly kind: "membership"; readonly membership: Membership }
  /** The cluster uses commands that this build cannot apply: it must be replaced by a newer one. */
  | { readonly kind: "outdated"; readonly featureLevel: number }
  /** The leadership transfer ended and this member still leads, or never did. */
  | { readonly kind: "transfer-failed"; readonly reason: TransferFailure }
  /** Once `index` is applied, a local read is linearisable. */
  | { readonly kind: "read-ready"; readonly ref: number; readonly index: number }
  /** Read from disk, both ends included, at most `maxBytes` but at least one entry. */
  | {
      readonly kind: "read-entries";
      readonly peer: PeerId;
      readonly from: number;
      readonly to: number;
      readonly maxBytes: number;
    }
  /**
   * Read the next chunk of the state for `to`. Sequence 0 opens a new
   * consistent iteration (and closes the one before for that peer).
   */
  | { readonly kind: "read-snapshot"; readonly to: PeerId; readonly id: number; readonly sequence: number }
  /** The transfer is over or given up: close its iteration. */
  | { readonly kind: "close-snapshot"; readonly to: PeerId; readonly id: number }
  /** Store a chunk beside the state (sequence 0 discards earlier ones); on `done` switch to it atomically. */
  | { readonly kind: "stage-snapshot"; readonly chunk: SnapshotChunk }
  /** Forget entries up to `snapshot.index`; written with or after the state changes up to there, unsynced. */
  | { readonly kind: "compact"; readonly snapshot: SnapshotMeta };

/**
 * Why a leader ceased to lead: a member of a later term was heard of; no
 * majority was, for an election timeout; it handed leadership over; its disk
 * or its state became unfit; it was removed from the cluster.
 */
export type StepDownReason = "newer-term" | "no-quorum" | "handed-over" | "unfit" | "removed";
