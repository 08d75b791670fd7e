/**
 * Shapes that the raft core shares with its driver, its store and its
 * transport. Types only; the door of the folder is node.ts.
 */

/** A master's raft address, "host:port"; also its name in messages and memberships. */
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
  /** Newest command formats that every member understands. */
  readonly featureLevel: number;
}

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
}

export interface RaftConfig {
  readonly self: PeerId;
  /** Voters of a new cluster, `self` among them; a membership in the store wins over it. */
  readonly peers: readonly PeerId[];
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
    }
  | { readonly kind: "heartbeat"; readonly term: number; readonly commit: number; readonly round: number }
  | { readonly kind: "heartbeat-reply"; readonly term: number; readonly round: number }
  | { readonly kind: "timeout-now"; readonly term: number }
  | { readonly kind: "read-index"; readonly term: number; readonly context: number }
  | {
      readonly kind: "read-index-reply";
      readonly term: number;
      readonly context: number;
      /** null: the receiver of the question does not lead, or is overloaded. */
      readonly index: number | null;
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
  | { readonly kind: "propose"; readonly ref: number; readonly data: Uint8Array }
  /** Every `persist` up to and including `token` is on disk. */
  | { readonly kind: "persisted"; readonly token: number }
  /** The state machine shows the effect of entries up to `index`. */
  | { readonly kind: "applied"; readonly index: number }
  /** Answer to `read-entries`; fewer entries than asked for are fine, none means: compacted by now. */
  | { readonly kind: "entries-read"; readonly peer: PeerId; readonly entries: readonly LogEntry[] }
  | { readonly kind: "read-index"; readonly ref: number }
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

export type RaftRole = "follower" | "pre-candidate" | "candidate" | "leader" | "learner";

/**
 * - `not-leader`: never entered the log; ask the leader.
 * - `overloaded`: never entered the log; try later.
 * - `transferring`: never entered the log; leadership is being handed over.
 * - `deposed`: outcome unknown, the entry may still be committed by another leader.
 */
export type DropReason = "not-leader" | "overloaded" | "transferring" | "deposed";

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
    }
  /** Loss is harmless. */
  | { readonly kind: "send"; readonly to: PeerId; readonly message: RaftMessage }
  /** Apply in order, each entry once, and answer `applied`. */
  | { readonly kind: "commit"; readonly entries: readonly LogEntry[] }
  | { readonly kind: "role"; readonly role: RaftRole; readonly term: number; readonly leader: PeerId | null }
  | { readonly kind: "proposed"; readonly ref: number; readonly index: number; readonly term: number }
  /** Ends a `propose` or a `read-index`. */
  | { readonly kind: "dropped"; readonly ref: number; readonly reason: DropReason }
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

export interface PeerStatus {
  readonly id: PeerId;
  readonly state: "probe" | "replicate" | "snapshot";
  readonly matchIndex: number;
  readonly nextIndex: number;
  readonly bytesInFlight: number;
  /** Heard from in the current check-quorum window. */
  readonly active: boolean;
  readonly learner: boolean;
}

export interface RaftStatus {
  readonly self: PeerId;
  readonly role: RaftRole;
  readonly term: number;
  readonly leader: PeerId | null;
  readonly membership: Membership;
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** Newest entry known to be on the own disk. */
  readonly durableIndex: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** A leader's first own entry is committed: reads and membership changes are allowed. */
  readonly termCommitted: boolean;
  readonly transferringTo: PeerId | null;
  /** Empty unless leader. */
  readonly peers: readonly PeerStatus[];
}
