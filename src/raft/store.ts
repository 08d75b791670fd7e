/**
 * Port of a master's disk: one database holds the raft log, the hard state
 * and the state machine's keys, so that all three change in one atomic batch.
 * Implementations: src/io/raft-store.ts and, for tests, a memory store with
 * faults; both pass tests/conformance/raft-store.ts.
 */
import type {
  HardState,
  LogDamage,
  LogEntry,
  RestoredRaft,
  SnapshotChunk,
  SnapshotMeta,
  StateRecord,
} from "./types.ts";

/** Written once, when the directory is first used. A wiped disk gets a new member id. */
export interface StoreIdentity {
  readonly clusterId: string;
  readonly memberId: string;
}

export interface RestoredStore extends RestoredRaft {
  readonly identity: StoreIdentity | null;
  /** Entries of a torn tail that were cut on opening; 0 as a rule. */
  readonly tornEntries: number;
  /** What was damaged and could be put right at once. */
  readonly warnings?: readonly string[];
}

/** All parts take effect together or not at all. */
export interface StoreWrite {
  readonly identity?: StoreIdentity;
  readonly hardState?: HardState;
  /** Removes entries from this index on, before `entries` are added. */
  readonly truncateFrom?: number;
  /** Follow the newest entry without a gap. */
  readonly entries?: readonly LogEntry[];
  /** Lowers `lastIndex` of the damage that the log is marked with, if it is. */
  readonly damageLastIndex?: number;
  /** State keys in the order they were changed; a null value removes the key. */
  readonly stateChanges?: readonly (readonly [key: Uint8Array, value: Uint8Array | null])[];
  /** Must be given with `stateChanges`: the entry whose effect they complete. */
  readonly appliedIndex?: number;
  /** Forgets entries up to its index, which may not be above the applied index. */
  readonly compactTo?: SnapshotMeta;
  /**
   * Write identity, hard state and entries now. Otherwise these wait for the
   * next synced write, a second at most, and until then are lost in a crash (so
   * are all after them). Changes of the state may wait that long in any case:
   * they follow from entries, and their applied index goes with them.
   */
  readonly sync: boolean;
}

/** A consistent view of all state keys; writes made after opening do not show. */
export interface StateReader {
  readonly appliedIndex: number;
  /** Records in key order, at most `maxBytes` but at least one; `done` with the last. */
  next(maxBytes: number): Promise<{ readonly records: readonly StateRecord[]; readonly done: boolean }>;
  /** To be called in any case; may be called twice. */
  close(): Promise<void>;
}

/**
 * Writes take effect in call order, and callers need not wait for one before
 * the next. A failed write is fatal: `onFailure` is called once, every
 * unresolved and later write stays unresolved for ever, and the process is to
 * end (a page cache is marked clean after a failed fsync, so a retry would lie).
 */
export interface RaftStore {
  /** Throws MeshError DIRECTORY_LOCKED, DIRECTORY_UNUSABLE or LOG_DAMAGED. Call once, first. */
  open(): Promise<RestoredStore>;
  /** Resolves when on disk; with changes of the state alone, when these are. */
  write(change: StoreWrite): Promise<void>;
  /**
   * Entries from `from` to `to`, both included; at most `maxBytes` of data but
   * at least one entry. Empty if `from` was compacted or never written.
   */
  readEntries(from: number, to: number, maxBytes: number): Promise<readonly LogEntry[]>;
  readState(): Promise<StateReader>;
  /**
   * Stores one chunk of a transferred state beside the present one. With the
   * last chunk the transferred state, its applied index and its log position
   * replace the present ones atomically and durably: entries the log keeps
   * above `snapshot.index` survive only if the log holds the entry of the
   * snapshot itself with the same term; otherwise the log is emptied.
   * A crash before that leaves the present state. Resolves when on disk.
   */
  stageSnapshot(chunk: SnapshotChunk): Promise<void>;
  /** Waits for the writes under way. */
  close(): Promise<void>;
}

/**
 * True once a log that ends so holds everything the damage can have hidden:
 *
 * - an entry of a term above `damage.term` came from a leader that was elected
 *   without this member's lost entries counting, and whose log held all that
 *   was committed (leader completeness, Raft paper 5.4.3);
 * - in the same term, the leader's own log again reaches as far as this one did.
 */
export function holdsAllAgain(damage: LogDamage, lastIndex: number, lastTerm: number): boolean {
  return lastTerm > damage.term || (lastTerm === damage.term && lastIndex >= damage.lastIndex);
}

/** Called with the reason of the first failed write. */
export type StoreFailure = (error: Error) => void;
