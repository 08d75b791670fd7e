/**
 * What a disk holds for certain, as it was written: the ground truth that
 * promises to other members are held against. Damage done later does not show;
 * SimDisk.holds also sees a replaced entry that damage brought back.
 */
import { decodeLogRecord } from "../../src/io/log-record.ts";
import { decodeFact, logIndex, type MetaName, metaKey } from "../../src/io/store-keys.ts";
import type { HardState } from "../../src/raft/types.ts";

const HARD_STATE = latin1(metaKey("hard-state"));
const SNAPSHOT = latin1(metaKey("snapshot"));
const LOG_PREFIX = "l";

export class PromisedContent {
  readonly #terms = new Map<number, number>();
  snapshotIndex = 0;
  hardState: HardState = { term: 0, votedFor: null };

  /** True if the entry, or a state that came after it, is on this disk. */
  holds(index: number, term: number): boolean {
    return index <= this.snapshotIndex || this.#terms.get(index) === term;
  }

  put(key: string, value: Uint8Array): void {
    if (key.startsWith(LOG_PREFIX)) {
      const record = decodeLogRecord(value);
      if (record.ok) this.#terms.set(record.value.entry.index, record.value.entry.term);
    } else if (key === HARD_STATE) this.hardState = factOf("hard-state", value) as HardState;
    else if (key === SNAPSHOT)
      this.snapshotIndex = (factOf("snapshot", value) as { readonly index: number }).index;
  }

  delete(key: string): void {
    if (key.startsWith(LOG_PREFIX)) this.#terms.delete(logIndex(Buffer.from(key, "latin1")));
  }
}

export function latin1(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}

function factOf(name: MetaName, value: Uint8Array): unknown {
  const fact = decodeFact(name, value);
  return fact.ok ? fact.value : undefined;
}
