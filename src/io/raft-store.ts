/**
 * A master's disk on level: log, hard state and registry in one database
 * (src/raft/store.ts says what is promised, store-keys.ts draws the keys,
 * store-recovery.ts what is done about damage, raft-store-writer.ts how
 * writes reach the disk).
 */
import { statfs } from "node:fs/promises";
import { AssertionError, assert } from "../base/assert.ts";
import { STATE_HELD_MAX_BYTES, STORE_DEFERRED_MAX_MS } from "../base/limits.ts";
import {
  holdsAllAgain,
  type RaftStore,
  type RestoredStore,
  type StateReader,
  type StoreFailure,
  type StoreWrite,
} from "../raft/store.ts";
import type { HardState, LogDamage, LogEntry, SnapshotChunk, SnapshotMeta } from "../raft/types.ts";
import { HeldState } from "./held-state.ts";
import type { Database, LevelOperation } from "./level.ts";
import { readLog } from "./log-reader.ts";
import { encodeLogRecord } from "./log-record.ts";
import type { EntryPlace } from "./log-scan.ts";
import { openChecked } from "./raft-store-open.ts";
import { StoreWriter } from "./raft-store-writer.ts";
import { openStateReader } from "./state-reader.ts";
import type { HardStateFact, MembershipFact, SnapshotFact } from "./store-facts.ts";
import {
  deleteFact,
  encodeStateValue,
  logKey,
  logRange,
  otherGenerations,
  putFact,
  stateKey,
  stateRange,
} from "./store-keys.ts";
import { abandonState, type Recovered, recoverStore } from "./store-recovery.ts";

/** What the store takes from its surroundings; simulations bring their own. */
export interface StoreSurroundings {
  /** Throws MeshError DIRECTORY_LOCKED, DIRECTORY_UNUSABLE or LOG_DAMAGED. */
  open(directory: string): Promise<Database>;
  /** Calls `run` once after `delayMs`, unless the function that is returned is called first. */
  after(delayMs: number, run: () => void): () => void;
  /** Room on the disk of the directory; endless if left out. */
  freeBytes?(directory: string): Promise<number>;
}

const SURROUNDINGS: StoreSurroundings = {
  open: openChecked,
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  async freeBytes(directory) {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  },
};

const NOTHING: readonly never[] = [];

export class LevelRaftStore implements RaftStore {
  /** Called when the disk is full (nothing is written then), and when there is room again. */
  onFull: (full: boolean) => void = () => {};
  readonly #directory: string;
  readonly #surroundings: StoreSurroundings;
  readonly #onFailure: StoreFailure;
  #writer: StoreWriter | null = null;
  #failed = false;
  /** Opening is over: something was written. */
  #inUse = false;
  #generation = 0;
  #newestGeneration = 0;
  #hardState: HardState = { term: 0, votedFor: null };
  #appliedIndex = 0;
  #snapshotIndex = 0;
  /** The snapshot's entry, then each entry of the log, as written or queued. */
  #places: EntryPlace[] = [];
  /** How often entries were taken back from the end of the log. */
  #rewrites = 0;
  /** Config entries of the log, and the newest one that is applied. */
  #configs: MembershipFact[] = [];
  #membership: MembershipFact = { index: 0, membership: "" };
  #damage: LogDamage | null = null;
  readonly #held = new HeldState();
  #heldWritten: PromiseWithResolvers<void> | null = null;
  #cancelHeld: (() => void) | null = null;
  #staging: { readonly id: number; readonly generation: number } | null = null;

  constructor(directory: string, onFailure: StoreFailure, surroundings: StoreSurroundings = SURROUNDINGS) {
    this.#directory = directory;
    this.#onFailure = onFailure;
    this.#surroundings = surroundings;
  }

  async open(): Promise<RestoredStore> {
    assert(this.#writer === null, "A store is opened once");
    const db = await this.#surroundings.open(this.#directory);
    try {
      return this.#adopt(db, await recoverStore(db, this.#directory));
    } catch (error) {
      await db.close();
      throw error;
    }
  }

  /**
   * To be called after `open`, before any write, when the state turned out
   * not to be what was written: this member begins anew beside it, and is
   * marked as damaged until a leader has brought everything again.
   */
  async abandonState(reason: string): Promise<RestoredStore> {
    const { db } = this.#open();
    await abandonState(db, this.#directory, reason);
    return this.#adopt(db, await recoverStore(db, this.#directory));
  }

  write(change: StoreWrite): Promise<void> {
    this.#inUse = true;
    const operations: LevelOperation[] = [];
    if (change.identity !== undefined) operations.push(...putFact("identity", change.identity));
    if (change.hardState !== undefined) this.#hardState = change.hardState;
    if (change.truncateFrom !== undefined) this.#truncate(change.truncateFrom, operations);
    for (const entry of change.entries ?? NOTHING) this.#append(entry, operations);
    if (change.damageLastIndex !== undefined) this.#boundDamage(change.damageLastIndex, operations);
    for (const stateChange of change.stateChanges ?? NOTHING) this.#held.put(stateChange);
    if (change.appliedIndex !== undefined) this.#applied(change.appliedIndex);
    const { compactTo } = change;
    if (compactTo !== undefined || this.#held.bytes >= STATE_HELD_MAX_BYTES) this.#takeHeld(operations);
    if (operations.length === 0 && compactTo === undefined && !change.sync) return this.#hold();
    const before = this.#snapshotIndex;
    if (compactTo !== undefined) {
      const { index } = compactTo;
      assert(index <= this.#appliedIndex, `Compaction to ${index} is above applied ${this.#appliedIndex}`);
      this.#dropUpTo(compactTo, operations);
    }
    const repaired = this.#noteRepair(operations);
    const written = this.#enqueue(operations, change.sync);
    if (this.#held.appliedIndex !== null) void this.#hold();
    if (compactTo !== undefined) this.#open().cleanAfter(written, logRange(before, compactTo.index));
    if (repaired) this.#cleanLeftovers(written);
    return written;
  }

  async readEntries(from: number, to: number, maxBytes: number): Promise<readonly LogEntry[]> {
    if (from <= this.#snapshotIndex) return [];
    const writer = this.#open();
    const rewrites = this.#rewrites;
    const last = Math.min(to, this.#lastIndex);
    await writer.flush();
    // Undefined: compacted meanwhile, or replaced by an entry that may not be on disk yet.
    const checksumOf = (index: number): number | undefined =>
      index <= this.#snapshotIndex || this.#rewrites !== rewrites
        ? undefined
        : this.#places[index - this.#snapshotIndex]?.checksum;
    try {
      return await readLog(writer.db, from, last, maxBytes, checksumOf);
    } catch (error) {
      // The database is being opened anew: the entries are asked for again.
      if (writer.full) return [];
      throw error;
    }
  }

  /** What is of no use for a transfer comes after a pause: a leader asks again with its next heartbeat. */
  async readState(): Promise<StateReader> {
    this.#writeHeld();
    const writer = this.#open();
    await writer.flushIfRoom().catch(async (error: unknown) => {
      await writer.pause();
      throw error;
    });
    // Damage is repaired on opening only: who went on with it could never bring a follower up to date.
    const onDamage = this.#inUse ? (error: Error) => this.#fail(error, "read") : () => {};
    const reader = await openStateReader(writer.db, onDamage);
    if (reader.appliedIndex < this.#snapshotIndex) await writer.pause();
    return reader;
  }

  stageSnapshot(chunk: SnapshotChunk): Promise<void> {
    const writer = this.#open();
    if (chunk.sequence === 0) {
      if (this.#staging !== null) writer.abandon(stateRange(this.#staging.generation));
      this.#staging = { id: chunk.id, generation: ++this.#newestGeneration };
    }
    const staging = this.#staging;
    assert(staging !== null && staging.id === chunk.id, `Chunk ${chunk.sequence} belongs to no transfer`);
    const operations: LevelOperation[] = chunk.records.map(([key, value]) => ({
      type: "put",
      key: stateKey(staging.generation, key),
      value: encodeStateValue(key, value),
    }));
    if (!chunk.done) return writer.enqueue(operations, true);
    const before = this.#snapshotIndex;
    const replaced = stateRange(this.#generation);
    this.#takeHeld(operations);
    this.#install(chunk.snapshot, staging.generation, operations);
    const repaired = this.#noteRepair(operations);
    const written = this.#enqueue(operations, true);
    if (repaired) this.#cleanLeftovers(written);
    if (this.#damage === null) writer.cleanAfter(written, replaced);
    writer.cleanAfter(written, logRange(before, chunk.snapshot.index));
    return written;
  }

  async close(): Promise<void> {
    this.#writeHeld();
    await this.#open().close();
    this.#writer = null;
  }

  get #lastIndex(): number {
    return this.#snapshotIndex + this.#places.length - 1;
  }

  /** Whoever waits for held changes waits for this write, if it took them. */
  #enqueue(operations: readonly LevelOperation[], sync: boolean): Promise<void> {
    const written = this.#open().enqueue(operations, sync);
    const held = this.#heldWritten;
    if (held !== null && this.#held.appliedIndex === null) {
      this.#heldWritten = null;
      void written.then(held.resolve);
    }
    return written;
  }

  #open(): StoreWriter {
    assert(this.#writer !== null, "The store is not open");
    return this.#writer;
  }

  #adopt(db: Database, recovered: Recovered): RestoredStore {
    const { restored, generation, newestGeneration, scan, membership } = recovered;
    this.#generation = generation;
    this.#newestGeneration = newestGeneration;
    this.#places = scan.places;
    this.#configs = scan.configEntries.map(membershipOf);
    this.#membership = membership;
    this.#snapshotIndex = restored.snapshot.index;
    this.#appliedIndex = restored.appliedIndex;
    this.#hardState = restored.hardState;
    this.#damage = restored.damage ?? null;
    this.#writer ??= new StoreWriter(db, {
      open: () => this.#surroundings.open(this.#directory),
      after: (delayMs, run) => this.#surroundings.after(delayMs, run),
      freeBytes: async () => this.#surroundings.freeBytes?.(this.#directory) ?? Number.POSITIVE_INFINITY,
      trailer: () => this.#trailer(),
      onFailure: (error) => this.#fail(error),
      onFull: (full) => this.onFull(full),
    });
    return restored;
  }

  #trailer(): LevelOperation[] {
    const lastChecksum = this.#places.at(-1)?.checksum ?? 0;
    const fact: HardStateFact = { ...this.#hardState, lastIndex: this.#lastIndex, lastChecksum };
    return putFact("hard-state", fact);
  }

  #append(entry: LogEntry, operations: LevelOperation[]): void {
    const wanted = this.#lastIndex + 1;
    if (entry.index !== wanted)
      throw new AssertionError(`Entry ${entry.index} does not follow ${wanted - 1}`);
    const { bytes, checksum } = encodeLogRecord(entry, this.#places.at(-1)?.checksum ?? 0);
    this.#places.push({ term: entry.term, checksum });
    if (entry.kind === "config") this.#configs.push(membershipOf(entry));
    operations.push({ type: "put", key: logKey(entry.index), value: bytes });
  }

  #truncate(from: number, operations: LevelOperation[]): void {
    assert(from > this.#snapshotIndex, `Truncation from ${from} reaches into the compacted log`);
    for (let index = from; index <= this.#lastIndex; index++)
      operations.push({ type: "del", key: logKey(index) });
    this.#rewrites++;
    this.#places.length = Math.min(this.#places.length, from - this.#snapshotIndex);
    this.#configs = this.#configs.filter((config) => config.index < from);
  }

  #applied(index: number): void {
    if (index > this.#lastIndex) throw new AssertionError(`Applied ${index} is not in the log`);
    this.#appliedIndex = index;
    this.#held.appliedIndex = index;
  }

  /** Resolves once what is held is on disk. */
  #hold(): Promise<void> {
    this.#cancelHeld ??= this.#surroundings.after(STORE_DEFERRED_MAX_MS, () => this.#writeHeld());
    this.#heldWritten ??= Promise.withResolvers<void>();
    return this.#heldWritten.promise;
  }

  #writeHeld(): void {
    const operations: LevelOperation[] = [];
    this.#takeHeld(operations);
    if (operations.length > 0 || this.#heldWritten !== null) void this.#enqueue(operations, true);
  }

  /** The changes of the state that wait, with the index that they complete. */
  #takeHeld(operations: LevelOperation[]): void {
    const index = this.#held.appliedIndex;
    this.#cancelHeld?.();
    this.#cancelHeld = null;
    for (const operation of this.#held.take(this.#generation)) operations.push(operation);
    if (index === null) return;
    const place = this.#places[index - this.#snapshotIndex];
    assert(place !== undefined, `Applied ${index} is not in the log`);
    operations.push(...putFact("applied", { index, ...place }));
    const membership = this.#configs.findLast((config) => config.index <= index);
    if (membership !== undefined) this.#setMembership(membership, operations);
  }

  #setMembership(membership: MembershipFact, operations: LevelOperation[]): void {
    if (membership.index < this.#membership.index) return;
    const { index, membership: encoded } = this.#membership;
    if (membership.index === index && membership.membership === encoded) return;
    this.#membership = membership;
    operations.push(...putFact("membership", membership));
  }

  /** Lets the log begin after `snapshot`; its records are removed later. */
  #dropUpTo(snapshot: SnapshotMeta, operations: LevelOperation[]): void {
    const { index, term } = snapshot;
    assert(index >= this.#snapshotIndex, `Compaction to ${index} goes back behind ${this.#snapshotIndex}`);
    const kept = this.#places.slice(index - this.#snapshotIndex);
    // After a transfer that emptied the log, the chain of checksums starts anew.
    this.#places = kept.length > 0 ? kept : [{ term, checksum: 0 }];
    this.#snapshotIndex = index;
    this.#configs = this.#configs.filter((config) => config.index > index);
    const membership = Buffer.from(snapshot.membership).toString("base64");
    const fact: SnapshotFact = { index, term, checksum: this.#places[0]?.checksum ?? 0, membership };
    operations.push(...putFact("snapshot", fact));
    this.#setMembership({ index, membership }, operations);
  }

  /** Puts a transferred state in force. */
  #install(snapshot: SnapshotMeta, generation: number, operations: LevelOperation[]): void {
    const { index, term } = snapshot;
    if (this.#places[index - this.#snapshotIndex]?.term !== term) {
      this.#truncate(this.#snapshotIndex + 1, operations);
      this.#places = [];
    }
    this.#generation = generation;
    this.#staging = null;
    this.#appliedIndex = index;
    operations.push(...putFact("generation", generation));
    this.#dropUpTo(snapshot, operations);
    operations.push(...putFact("applied", { index, ...(this.#places[0] ?? { term, checksum: 0 }) }));
  }

  /** What is stored beyond the new bound never fits what a leader puts before it. */
  #boundDamage(lastIndex: number, operations: LevelOperation[]): void {
    const damage = this.#damage;
    if (damage === null || lastIndex >= damage.lastIndex) return;
    for (let index = Math.max(lastIndex, this.#lastIndex) + 1; index <= damage.lastIndex; index++) {
      operations.push({ type: "del", key: logKey(index) });
    }
    this.#damage = { ...damage, lastIndex };
    operations.push(...putFact("damage", this.#damage));
  }

  /** True if the log now holds again what damage took from it; the mark goes with the same write. */
  #noteRepair(operations: LevelOperation[]): boolean {
    const damage = this.#damage;
    if (damage === null || !holdsAllAgain(damage, this.#lastIndex, this.#places.at(-1)?.term ?? 0))
      return false;
    this.#damage = null;
    operations.push(...deleteFact("damage"));
    for (let index = this.#lastIndex + 1; index <= damage.lastIndex; index++) {
      operations.push({ type: "del", key: logKey(index) });
    }
    return true;
  }

  /** What was kept of a damaged state. */
  #cleanLeftovers(written: Promise<void>): void {
    void written.then(() => {
      // A transfer may be writing the newest generation.
      const [older] = otherGenerations(this.#generation);
      if (older !== undefined) this.#open().clean(older);
    });
  }

  #fail(error: unknown, what: "read" | "write to" = "write to"): void {
    if (this.#failed) return;
    this.#failed = true;
    const reason = error instanceof Error ? error.message : String(error);
    this.#onFailure(
      new Error(`Cannot ${what} the database "${this.#directory}": ${reason}`, { cause: error }),
    );
  }
}

function membershipOf({ index, data }: LogEntry): MembershipFact {
  return { index, membership: Buffer.from(data).toString("base64") };
}
