/** A backup that an operator takes of a member in trouble: what is read there was committed. */
import type { LevelRaftStore } from "../../src/io/raft-store.ts";
import { KvMachine } from "./kv-machine.ts";

const PART_MAX_BYTES = 1_000;

/** Resolves with the index and digest of the state that was read. */
export async function backUp(store: LevelRaftStore): Promise<{ index: number; digest: number }> {
  const reader = await store.readState();
  const machine = new KvMachine();
  for (let done = false; !done; ) {
    const part = await reader.next(PART_MAX_BYTES);
    machine.loadPart(part.records);
    done = part.done;
  }
  await reader.close();
  return { index: reader.appliedIndex, digest: machine.digest };
}
