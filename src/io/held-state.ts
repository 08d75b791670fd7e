/**
 * Changes of the state that wait to be written together. They follow from
 * entries of the log, so a crash loses nothing but the work of applying these
 * again. Until then a key that changes often is written once, and the synced
 * writes, which somebody waits for, carry entries alone.
 */
import type { LevelOperation } from "./level.ts";
import { encodeStateValue, stateKey } from "./store-keys.ts";

/** A key of the state machine and its new value; null removes it. */
export type HeldChange = readonly [key: Uint8Array, value: Uint8Array | null];

export class HeldState {
  /** By key; in the order of the last change. */
  readonly #changes = new Map<string, HeldChange>();
  /** Of the entry whose effect the changes complete; null when nothing waits. */
  appliedIndex: number | null = null;
  bytes = 0;

  put(change: HeldChange): void {
    const [key] = change;
    const name = Buffer.prototype.latin1Slice.call(key);
    this.bytes += sizeOf(change) - sizeOf(this.#changes.get(name));
    this.#changes.set(name, change);
  }

  /** All that waits, for the generation given; nothing does then. */
  take(generation: number): LevelOperation[] {
    const operations: LevelOperation[] = [];
    for (const [plain, value] of this.#changes.values()) {
      const key = stateKey(generation, plain);
      if (value === null) operations.push({ type: "del", key });
      else operations.push({ type: "put", key, value: encodeStateValue(plain, value) });
    }
    this.#changes.clear();
    this.appliedIndex = null;
    this.bytes = 0;
    return operations;
  }
}

function sizeOf(change: HeldChange | undefined): number {
  return change === undefined ? 0 : change[0].length + (change[1]?.length ?? 0);
}
