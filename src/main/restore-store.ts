/** Opens a master's database and reads its state; decides whether a damaged one can be repaired. */
import { MeshError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { LevelRaftStore } from "../io/raft-store.ts";
import { StateDamaged } from "../io/state-reader.ts";
import { decodeMembership, members } from "../raft/membership.ts";
import type { RestoredStore } from "../raft/store.ts";
import type { StateRecord } from "../raft/types.ts";

/** State keys read at once. */
const STATE_CHUNK_BYTES = 4 * 1024 * 1024;

/** What the state is read into, part by part: a million tasks are never held as bytes all at once. */
export interface StateTarget {
  /** Keys ascending, also from part to part. */
  loadPart(records: Iterable<StateRecord>): void;
  /** After the last part. */
  loadEnd(): void;
}

export interface OpenedStore<S> {
  readonly restored: RestoredStore;
  /** Holds all state keys. */
  readonly state: S;
}

/**
 * `empty` makes what the state is read into, once more if the first reading
 * met damage. Throws MeshError LOG_DAMAGED if no other master could bring back
 * what is damaged.
 */
export async function openStore<S extends StateTarget>(
  store: LevelRaftStore,
  dataDir: string,
  log: Log,
  empty: () => S,
): Promise<OpenedStore<S>> {
  const restored = await store.open();
  try {
    return await checkedState(store, restored, dataDir, log, empty);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function checkedState<S extends StateTarget>(
  store: LevelRaftStore,
  found: RestoredStore,
  dataDir: string,
  log: Log,
  empty: () => S,
): Promise<OpenedStore<S>> {
  let restored = found;
  let state = empty();
  try {
    await readState(store, state);
  } catch (error) {
    if (!(error instanceof StateDamaged)) throw error;
    const reason = `the registry on disk is damaged: ${error.message}`;
    if (isAlone(restored)) throw beyondRepair(dataDir, reason);
    restored = await store.abandonState(reason);
    state = empty();
    state.loadEnd();
  }
  for (const warning of restored.warnings ?? []) log.warn(warning, { dataDir });
  const { damage } = restored;
  if (damage != null) {
    if (isAlone(restored)) throw beyondRepair(dataDir, damage.reason);
    log.error("The log on disk is damaged; this master does not vote until the others have repaired it", {
      dataDir,
      reason: damage.reason,
      upToIndex: damage.lastIndex,
    });
  }
  return { restored, state };
}

function isAlone(restored: RestoredStore): boolean {
  const encoded = restored.configEntries.at(-1)?.data ?? restored.snapshot.membership;
  return encoded.length > 0 && members(decodeMembership(encoded)).length === 1;
}

function beyondRepair(dataDir: string, reason: string): MeshError {
  return new MeshError(
    "LOG_DAMAGED",
    `Cannot use the database "${dataDir}": ${reason}, and there is no other master to fetch it from; restore a backup into an empty directory: mesh raft restore FILE --data-dir DIR`,
  );
}

async function readState(store: LevelRaftStore, target: StateTarget): Promise<void> {
  const reader = await store.readState();
  try {
    for (let done = false; !done; ) {
      const chunk = await reader.next(STATE_CHUNK_BYTES);
      target.loadPart(chunk.records);
      done = chunk.done;
    }
  } finally {
    await reader.close();
  }
  target.loadEnd();
}
