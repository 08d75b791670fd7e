/**
 * A checkpoint in memory with the faults of a disk. `MemoryDisk` stands for
 * the disk, which outlives the process; each open store is one process's.
 */
import type { CheckpointChange, CheckpointEntry, CheckpointStore } from "../../src/agent/checkpoint.ts";
import { assert } from "../../src/base/assert.ts";
import { MeshError } from "../../src/base/errors.ts";

export class MemoryDisk {
  readonly #synced = new Map<string, Uint8Array>();
  #queue: { readonly changes: readonly CheckpointChange[]; readonly done: () => void }[] = [];
  #open = false;
  /** Held writes wait for `sync`; the others are on disk at once. */
  holdWrites = false;
  /** The next writes fail with this text. */
  failure: string | undefined;

  open(): CheckpointStore {
    if (this.#open)
      throw new MeshError("DIRECTORY_LOCKED", "Cannot open the memory disk: another store has it");
    this.#open = true;
    let closed = false;
    return {
      readAll: async () => this.entries(),
      write: (changes) => {
        assert(!closed, "A closed store is not written to");
        return this.#write(changes);
      },
      close: async () => {
        if (closed) return;
        closed = true;
        this.sync();
        this.#open = false;
      },
    };
  }

  #write(changes: readonly CheckpointChange[]): Promise<void> {
    if (this.failure !== undefined) {
      return Promise.reject(
        new MeshError("DIRECTORY_UNUSABLE", `Cannot write the memory disk: ${this.failure}`),
      );
    }
    // What was written is what the bytes were then.
    const copied = changes.map(({ key, value }) => ({ key, value: value?.slice() }));
    return new Promise((done) => {
      this.#queue.push({ changes: copied, done });
      if (!this.holdWrites) this.sync();
    });
  }

  /** Brings held writes to disk, the oldest first. */
  sync(count = Number.POSITIVE_INFINITY): void {
    for (let left = count; left > 0; left--) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.apply(next.changes);
      next.done();
    }
  }

  /** The process is gone without a goodbye: held writes are lost, the lock is free. */
  crash(): void {
    this.#queue = [];
    this.#open = false;
  }

  /** Writes at once, for drivers without promises such as the simulator. */
  apply(changes: readonly CheckpointChange[]): void {
    for (const { key, value } of changes) {
      if (value === undefined) this.#synced.delete(key);
      else this.#synced.set(key, value);
    }
  }

  entries(): readonly CheckpointEntry[] {
    return [...this.#synced].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => ({ key, value }));
  }
}
