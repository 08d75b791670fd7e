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
  #entries: LogEntry[] = [];
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
    for (const entry of entries) this.#entries.push(entry);
  }

  /** The write, if anything changed. */
  take(stateChanges: readonly StateChange[]): WriteEffect | undefined {
    const { compactTo, appliedIndex } = this;
    const [token, hardState, truncateFrom, entries, damageLastIndex] = [
      this.#token,
      this.#hardState,
      this.#truncateFrom,
      this.#entries,
      this.#damageLastIndex,
    ];
    if (token === undefined && compactTo === undefined && appliedIndex === undefined) return undefined;
    return {
      kind: "write",
      token,
      write: {
        ...(hardState === undefined ? {} : { hardState }),
        ...(truncateFrom === undefined ? {} : { truncateFrom }),
        ...(entries.length === 0 ? {} : { entries }),
        ...(damageLastIndex === undefined ? {} : { damageLastIndex }),
        ...(stateChanges.length === 0 ? {} : { stateChanges }),
        ...(appliedIndex === undefined ? {} : { appliedIndex }),
        ...(compactTo === undefined ? {} : { compactTo }),
        sync: token !== undefined,
      },
    };
  }
}
