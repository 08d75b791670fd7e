/** A RaftStore in memory with a disk's faults: a crash loses what was not synced, and a write can fail. */
import { assert } from "../../src/base/assert.ts";
import { MeshError } from "../../src/base/errors.ts";
import type {
  RaftStore,
  RestoredStore,
  StateReader,
  StoreFailure,
  StoreWrite,
} from "../../src/raft/store.ts";
import type { LogEntry, SnapshotChunk, StateRecord } from "../../src/raft/types.ts";
import { DiskImage } from "./disk-image.ts";

/** The disk under a store: outlives it, as a directory does. */
export class MemoryDisk {
  durable = new DiskImage();
  /** A store has it open. */
  locked = false;
  /** The next synced write fails. */
  failNext = false;
  /** Synced writes so far. */
  syncs = 0;
}

type Change = (image: DiskImage) => void;

export class MemoryRaftStore implements RaftStore {
  readonly #disk: MemoryDisk;
  readonly #onFailure: StoreFailure;
  #live = new DiskImage();
  #unsynced: Change[] = [];
  #waiting: (() => void)[] = [];
  #syncing: Promise<void> | null = null;
  #open = false;
  #failed = false;

  constructor(disk: MemoryDisk, onFailure: StoreFailure) {
    this.#disk = disk;
    this.#onFailure = onFailure;
  }

  async open(): Promise<RestoredStore> {
    if (this.#disk.locked) {
      throw new MeshError("DIRECTORY_LOCKED", "Cannot open the memory disk: another store uses it");
    }
    this.#disk.locked = true;
    this.#open = true;
    this.#live = this.#disk.durable.clone();
    return this.#live.restored();
  }

  write(change: StoreWrite): Promise<void> {
    return this.#change((image) => image.write(change), change.sync);
  }

  async readEntries(from: number, to: number, maxBytes: number): Promise<readonly LogEntry[]> {
    return this.#live.slice(from, to, maxBytes);
  }

  async readState(): Promise<StateReader> {
    let records = this.#live.records();
    return {
      appliedIndex: this.#live.appliedIndex,
      async next(maxBytes) {
        const out: StateRecord[] = [];
        let bytes = 0;
        for (const record of records) {
          bytes += record[0].length + record[1].length;
          if (out.length > 0 && bytes > maxBytes) break;
          out.push(record);
        }
        records = records.slice(out.length);
        return { records: out, done: records.length === 0 };
      },
      async close() {},
    };
  }

  stageSnapshot(chunk: SnapshotChunk): Promise<void> {
    return this.#change((image) => image.stage(chunk), true);
  }

  async close(): Promise<void> {
    if (this.#unsynced.length > 0) await this.#change(() => {}, true);
    this.#end();
  }

  /** Ends without a last sync, as a power cut does. */
  crash(): void {
    this.#unsynced = [];
    this.#end();
  }

  #end(): void {
    this.#open = false;
    this.#disk.locked = false;
  }

  #change(change: Change, sync: boolean): Promise<void> {
    assert(this.#open, "The store is not open");
    change(this.#live);
    this.#unsynced.push(change);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    if (sync) this.#syncing ??= this.#sync();
    return promise;
  }

  async #sync(): Promise<void> {
    await Promise.resolve();
    this.#syncing = null;
    if (!this.#open || this.#failed) return;
    if (this.#disk.failNext) {
      this.#failed = true;
      this.#onFailure(new Error("Cannot write to the memory disk: input/output error"));
      return;
    }
    for (const change of this.#unsynced) change(this.#disk.durable);
    this.#unsynced = [];
    this.#disk.syncs++;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const written of waiting) written();
  }
}
