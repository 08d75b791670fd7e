/**
 * A master's disk on level: log, hard state and registry in one database
 * (src/raft/store.ts says what is promised, store-keys.ts draws the keys).
 *
 * Writes queue up while one is under way and then go as one batch with one
 * sync, so a busy master syncs less often per write. Writes that need no sync
 * of their own ride along: LevelDB does not sync a log file it finishes, so an
 * unsynced batch could be lost although a later one survives.
 */
import { assert } from "../base/assert.ts";
import { STORE_DEFERRED_MAX_BYTES, STORE_DEFERRED_MAX_MS } from "../base/limits.ts";
import type { RaftStore, RestoredStore, StateReader, StoreFailure, StoreWrite } from "../raft/store.ts";
import type { LogEntry, SnapshotChunk, SnapshotMeta } from "../raft/types.ts";
import { type Database, type KeyRange, LevelDatabase, type LevelOperation } from "./level.ts";
import { decodeLogRecord, encodeLogRecord } from "./log-record.ts";
import { openStateReader } from "./state-reader.ts";
import { encodeFact, logKey, logRange, type MetaName, metaKey, stateKey, stateRange } from "./store-keys.ts";
import { type EntryPlace, recoverStore, type SnapshotFact } from "./store-recovery.ts";

const READ_RECORDS = 256;

interface QueuedWrite {
  readonly operations: LevelOperation[];
  readonly written: () => void;
}

/** What the store takes from its surroundings; simulations bring their own. */
export interface StoreSurroundings {
  /** Throws MeshError DIRECTORY_LOCKED or DIRECTORY_UNUSABLE. */
  open(directory: string): Promise<Database>;
  /** Calls `run` once after `delayMs`, unless the function that is returned is called first. */
  after(delayMs: number, run: () => void): () => void;
}

const SURROUNDINGS: StoreSurroundings = {
  open: (directory) => LevelDatabase.open(directory),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

export class LevelRaftStore implements RaftStore {
  readonly #directory: string;
  readonly #surroundings: StoreSurroundings;
  readonly #onFailure: StoreFailure;
  #db: Database | null = null;
  #failed = false;
  #queue: QueuedWrite[] = [];
  #queuedBytes = 0;
  #writing: Promise<void> | null = null;
  /** Something queued is not to wait any longer. */
  #writeWanted = false;
  #cancelTimer: (() => void) | null = null;
  /** Removal of keys that nothing reads any more. */
  #cleaning: Promise<void> = Promise.resolve();
  #generation = 0;
  #appliedIndex = 0;
  #snapshotIndex = 0;
  /** The snapshot's entry, then each entry of the log, as written or queued. */
  #places: EntryPlace[] = [];
  #staging: { readonly id: number; readonly generation: number } | null = null;
  #newestGeneration = 0;

  constructor(directory: string, onFailure: StoreFailure, surroundings: StoreSurroundings = SURROUNDINGS) {
    this.#directory = directory;
    this.#onFailure = onFailure;
    this.#surroundings = surroundings;
  }

  async open(): Promise<RestoredStore> {
    assert(this.#db === null, "A store is opened once");
    const db = await this.#surroundings.open(this.#directory);
    try {
      const { restored, generation, places } = await recoverStore(db, this.#directory);
      this.#db = db;
      this.#generation = generation;
      this.#newestGeneration = generation;
      this.#places = places;
      this.#snapshotIndex = restored.snapshot.index;
      this.#appliedIndex = restored.appliedIndex;
      return restored;
    } catch (error) {
      await db.close();
      throw error;
    }
  }
  write(change: StoreWrite): Promise<void> {
    const operations: LevelOperation[] = [];
    if (change.identity !== undefined) operations.push(putFact("identity", change.identity));
    if (change.hardState !== undefined) operations.push(putFact("hard-state", change.hardState));
    if (change.truncateFrom !== undefined) this.#truncate(change.truncateFrom, operations);
    for (const entry of change.entries ?? []) this.#append(entry, operations);
    for (const [plain, value] of change.stateChanges ?? []) {
      const key = stateKey(this.#generation, plain);
      operations.push(value === null ? { type: "del", key } : { type: "put", key, value });
    }
    if (change.appliedIndex !== undefined) {
      this.#appliedIndex = change.appliedIndex;
      operations.push(putFact("applied", change.appliedIndex));
    }
    if (change.compactTo === undefined) return this.#enqueue(operations, change.sync);
    const { index } = change.compactTo;
    assert(index <= this.#appliedIndex, `Compaction to ${index} is above applied ${this.#appliedIndex}`);
    const before = this.#snapshotIndex;
    this.#dropUpTo(change.compactTo, operations);
    const written = this.#enqueue(operations, change.sync);
    this.#cleanAfter(written, logRange(before, index));
    return written;
  }

  async readEntries(from: number, to: number, maxBytes: number): Promise<readonly LogEntry[]> {
    if (from <= this.#snapshotIndex) return [];
    await this.#flush();
    const view = this.#open().view();
    const records = view.iterate(logRange(from, to));
    const out: LogEntry[] = [];
    let bytes = 0;
    try {
      while (bytes < maxBytes) {
        const batch = await records.next(READ_RECORDS);
        if (batch.length === 0) break;
        for (const [, value] of batch) {
          const record = decodeLogRecord(value);
          // Checked on opening, so the disk changed under us; the entry is not used.
          if (!record.ok || record.value.entry.index !== from + out.length) return out;
          bytes += record.value.entry.data.length;
          if (out.length > 0 && bytes > maxBytes) return out;
          out.push(record.value.entry);
        }
      }
      return out;
    } finally {
      await records.close();
      await view.close();
    }
  }

  async readState(): Promise<StateReader> {
    await this.#flush();
    return openStateReader(this.#open(), this.#generation);
  }

  stageSnapshot(chunk: SnapshotChunk): Promise<void> {
    if (chunk.sequence === 0) {
      if (this.#staging !== null) this.#clean(stateRange(this.#staging.generation));
      this.#staging = { id: chunk.id, generation: ++this.#newestGeneration };
    }
    const staging = this.#staging;
    assert(staging !== null && staging.id === chunk.id, `Chunk ${chunk.sequence} belongs to no transfer`);
    const operations: LevelOperation[] = chunk.records.map(([key, value]) => ({
      type: "put",
      key: stateKey(staging.generation, key),
      value,
    }));
    if (!chunk.done) return this.#enqueue(operations, true);
    const { snapshot } = chunk;
    const replaced = stateRange(this.#generation);
    const before = this.#snapshotIndex;
    if (this.#places[snapshot.index - before]?.term !== snapshot.term) {
      this.#truncate(before + 1, operations);
      this.#places = [];
    }
    this.#generation = staging.generation;
    this.#staging = null;
    this.#appliedIndex = snapshot.index;
    operations.push(putFact("generation", this.#generation), putFact("applied", snapshot.index));
    this.#dropUpTo(snapshot, operations);
    const written = this.#enqueue(operations, true);
    this.#cleanAfter(written, replaced);
    this.#cleanAfter(written, logRange(before, snapshot.index));
    return written;
  }

  async close(): Promise<void> {
    const db = this.#open();
    await this.#flush();
    await this.#cleaning;
    this.#db = null;
    this.#cancelTimer?.();
    await db.close();
  }

  #open(): Database {
    assert(this.#db !== null, "The store is not open");
    return this.#db;
  }

  #append(entry: LogEntry, operations: LevelOperation[]): void {
    const wanted = this.#snapshotIndex + this.#places.length;
    assert(entry.index === wanted, `Entry ${entry.index} does not follow ${wanted - 1}`);
    const { bytes, checksum } = encodeLogRecord(entry, this.#places.at(-1)?.checksum ?? 0);
    this.#places.push({ term: entry.term, checksum });
    operations.push({ type: "put", key: logKey(entry.index), value: bytes });
  }

  #truncate(from: number, operations: LevelOperation[]): void {
    assert(from > this.#snapshotIndex, `Truncation from ${from} reaches into the compacted log`);
    const end = this.#snapshotIndex + this.#places.length;
    for (let index = from; index < end; index++) operations.push({ type: "del", key: logKey(index) });
    this.#places.length = Math.min(this.#places.length, from - this.#snapshotIndex);
  }

  /** Lets the log begin after `snapshot`; its records are removed later. */
  #dropUpTo(snapshot: SnapshotMeta, operations: LevelOperation[]): void {
    const { index, term } = snapshot;
    const kept = this.#places.slice(index - this.#snapshotIndex);
    // After a transfer that emptied the log, the chain of checksums starts anew.
    this.#places = kept.length > 0 ? kept : [{ term, checksum: 0 }];
    this.#snapshotIndex = index;
    const fact: SnapshotFact = {
      index,
      term,
      checksum: this.#places[0]?.checksum ?? 0,
      membership: Buffer.from(snapshot.membership).toString("base64"),
    };
    operations.push(putFact("snapshot", fact));
  }

  #enqueue(operations: LevelOperation[], sync: boolean): Promise<void> {
    this.#open();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#queue.push({ operations, written: resolve });
    for (const operation of operations) {
      this.#queuedBytes += operation.key.length + (operation.type === "put" ? operation.value.length : 0);
    }
    if (sync || this.#queuedBytes >= STORE_DEFERRED_MAX_BYTES) this.#startWriting();
    else this.#cancelTimer ??= this.#surroundings.after(STORE_DEFERRED_MAX_MS, () => this.#startWriting());
    return promise;
  }

  /** Everything queued so far is on disk. */
  async #flush(): Promise<void> {
    if (this.#queue.length > 0) await this.#enqueue([], true);
    else await this.#writing;
  }

  #startWriting(): void {
    this.#writeWanted = true;
    this.#writing ??= this.#writeQueued();
  }

  async #writeQueued(): Promise<void> {
    // Let the inputs that are handled right now add their writes to this batch.
    await Promise.resolve();
    while (this.#writeWanted) {
      this.#writeWanted = false;
      const batch = this.#queue;
      this.#queue = [];
      this.#queuedBytes = 0;
      this.#cancelTimer?.();
      this.#cancelTimer = null;
      try {
        await this.#open().write(
          batch.flatMap((write) => write.operations),
          true,
        );
      } catch (error) {
        this.#fail(error);
        await new Promise(() => {});
      }
      for (const { written } of batch) written();
    }
    // At once, so that a write queued by one of the callbacks above starts the next batch.
    this.#writing = null;
  }

  #cleanAfter(written: Promise<void>, range: KeyRange): void {
    void written.then(() => this.#clean(range));
  }

  #clean(range: KeyRange): void {
    const db = this.#db;
    if (db === null) return;
    this.#cleaning = this.#cleaning.then(() => db.clear(range)).catch((error: unknown) => this.#fail(error));
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    const reason = error instanceof Error ? error.message : String(error);
    this.#onFailure(
      new Error(`Cannot write to the database "${this.#directory}": ${reason}`, { cause: error }),
    );
  }
}

function putFact(name: MetaName, fact: unknown): LevelOperation {
  return { type: "put", key: metaKey(name), value: encodeFact(fact) };
}
