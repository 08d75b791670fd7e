/** All that one turn of a master changes on disk, for one atomic write. */
import type { StoreWrite } from "../raft/store.ts";
import type { HardState, LogEntry, RaftEffect, SnapshotMeta } from "../raft/types.ts";
import type { StateChange } from "../registry/registry.ts";

/**
 * Once it is durable the driver answers `persisted{token}`; without a token
 * nothing waits for it.
 */
export interface WriteEffect {
  readonly kind: "write";
  readonly token: number | undefined;
  readonly write: StoreWrite;
}

/** Gathers the changes. */
export class WriteBatch {
  compactTo: SnapshotMeta | undefined;
  appliedIndex: number | undefined;
  #token: number | undefined;
  #hardState: HardState | undefined;
  #truncateFrom: number | undefined;
  #entries: readonly LogEntry[] = [];
  #damageLastIndex: number | undefined;

  /** Later persists of a turn come on top of earlier ones. */
  persist(effect: Extract<RaftEffect, { kind: "persist" }>): void {
    const { truncateFrom, entries } = effect;
    this.#token = effect.token;
    this.#hardState = effect.hardState ?? this.#hardState;
    this.#damageLastIndex = effect.damageLastIndex ?? this.#damageLastIndex;
    if (truncateFrom !== undefined) {
      this.#entries = this.#entries.filter((entry) => entry.index < truncateFrom);
      this.#truncateFrom = Math.min(truncateFrom, this.#truncateFrom ?? truncateFrom);
    }
    this.#entries = this.#entries.length === 0 ? entries : [...this.#entries, ...entries];
  }

  /** The write, if anything changed. */
  take(stateChanges: readonly StateChange[]): WriteEffect | undefined {
    const { compactTo, appliedIndex } = this;
    const token = this.#token;
    if (token === undefined && compactTo === undefined && appliedIndex === undefined) return undefined;
    const write: { -readonly [K in keyof StoreWrite]: StoreWrite[K] } = { sync: token !== undefined };
    if (this.#hardState !== undefined) write.hardState = this.#hardState;
    if (this.#truncateFrom !== undefined) write.truncateFrom = this.#truncateFrom;
    if (this.#entries.length > 0) write.entries = this.#entries;
    if (this.#damageLastIndex !== undefined) write.damageLastIndex = this.#damageLastIndex;
    if (stateChanges.length > 0) write.stateChanges = stateChanges;
    if (appliedIndex !== undefined) write.appliedIndex = appliedIndex;
    if (compactTo !== undefined) write.compactTo = compactTo;
    return { kind: "write", token, write };
  }
}
