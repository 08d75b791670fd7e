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

export interface OpenedStore {
  readonly restored: RestoredStore;
  /** All state keys, ascending. */
  readonly state: readonly StateRecord[];
}

/** Throws MeshError LOG_DAMAGED if no other master could bring back what is damaged. */
export async function openStore(store: LevelRaftStore, dataDir: string, log: Log): Promise<OpenedStore> {
  const restored = await store.open();
  try {
    return await checkedState(store, restored, dataDir, log);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function checkedState(
  store: LevelRaftStore,
  found: RestoredStore,
  dataDir: string,
  log: Log,
): Promise<OpenedStore> {
  let restored = found;
  let state: readonly StateRecord[];
  try {
    state = await readState(store);
  } catch (error) {
    if (!(error instanceof StateDamaged)) throw error;
    const reason = `the registry on disk is damaged: ${error.message}`;
    if (isAlone(restored)) throw beyondRepair(dataDir, reason);
    restored = await store.abandonState(reason);
    state = [];
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

async function readState(store: LevelRaftStore): Promise<StateRecord[]> {
  const reader = await store.readState();
  const state: StateRecord[] = [];
  try {
    for (let done = false; !done; ) {
      const chunk = await reader.next(STATE_CHUNK_BYTES);
      for (const record of chunk.records) state.push(record);
      done = chunk.done;
    }
  } finally {
    await reader.close();
  }
  return state;
}
