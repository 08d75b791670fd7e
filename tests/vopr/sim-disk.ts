/**
 * A member's disk as LevelDB presents it: keys in order, atomic batches, and
 * what a crash makes of the batches that were under way. Batches show at once
 * and are undone by a crash unless they were finished. It survives the
 * member's process; sim-database.ts is one process's handle on it.
 */
import type { Random } from "../../src/base/random.ts";
import type { KeyRange, LevelOperation } from "../../src/io/level.ts";
import { decodeLogRecord } from "../../src/io/log-record.ts";
import { logKey, metaCopyKey, metaKey } from "../../src/io/store-keys.ts";
import type { World } from "../sim/world.ts";
import type { DiskOptions } from "./options.ts";
import { latin1, PromisedContent } from "./promised-content.ts";

/** About as many batches as a write-ahead file holds before it is merged into tables. */
const JOURNAL_MAX_BATCHES = 20;
const DAMAGE_MARK = latin1(metaKey("damage"));
const HARD_STATE = latin1(metaCopyKey("hard-state"));

type Value = Uint8Array | undefined;

interface Change {
  readonly key: string;
  readonly before: Value;
  readonly after: Value;
  /** What `before` was until it was damaged. */
  readonly undamaged: Value;
}

interface Batch {
  readonly changes: readonly Change[];
}

export class SimDisk {
  readonly #world: World;
  readonly #random: Random;
  #options: DiskOptions;
  /** What a reader sees. Replaced, not changed, once a view holds it. */
  #records = new Map<string, Uint8Array>();
  #viewed = false;
  /** Not finished, oldest first. */
  #pending: Batch[] = [];
  /** Newest finished batches, as far as they are still in the write-ahead file. */
  #journal: Batch[] = [];
  /** What the next opening is to tell of writes that are missing. */
  lost: { readonly reason: string; readonly hardState: Uint8Array | null } | null = null;
  /** Removals of this process's life, which are never synced. */
  #clears: Change[] = [];
  #freeAtMs = 0;
  readonly promised = new PromisedContent();
  everDamaged = false;
  /** Value before it was damaged, by key. */
  readonly damaged = new Map<string, Uint8Array>();
  /** An older value that was replaced, by key: what a sector that missed a write would show. */
  readonly #older = new Map<string, Uint8Array>();
  /** Writes fail. */
  full = false;
  writesFail = false;
  readsFail = false;
  /** Times that operations take longer. */
  slowness = 1;

  constructor(world: World, options: DiskOptions) {
    this.#world = world;
    this.#random = world.fork();
    this.#options = options;
  }

  /** Nothing fails, lags or lies from now on; damage done stays. */
  heal(): void {
    this.#options = { writeMaxMs: 1, readMaxMs: 0, forgottenClearChance: 0 };
    this.full = false;
    this.writesFail = false;
    this.readsFail = false;
    this.slowness = 1;
    this.#freeAtMs = Math.min(this.#freeAtMs, this.#world.nowMs);
  }

  /** Operations wait until then. */
  stick(forMs: number): void {
    this.#freeAtMs = Math.max(this.#freeAtMs, this.#world.nowMs + forMs);
  }

  /** `finished` is called once the batch survives a crash, with the reason if it may not. */
  write(operations: readonly LevelOperation[], finished: (error: Error | null) => void): void {
    const changes = operations.map((operation) =>
      this.#change(latin1(operation.key), operation.type === "put" ? operation.value : undefined),
    );
    const batch: Batch = { changes };
    this.#pending.push(batch);
    const startMs = Math.max(this.#world.nowMs, this.#freeAtMs);
    this.#freeAtMs = startMs + this.#random.fraction() * this.#options.writeMaxMs * this.slowness;
    this.#world.after(this.#freeAtMs - this.#world.nowMs, () => {
      // A crash came first.
      if (!this.#pending.includes(batch)) return;
      if (this.full) {
        this.#refuse(batch);
        finished(new Error("ENOSPC: No space left on device"));
      } else if (this.writesFail) finished(new Error("EIO: i/o error, fdatasync"));
      else {
        this.#settle(batch);
        finished(null);
      }
    });
  }

  /** A process opened the database: its write-ahead file is merged into tables and synced. */
  opened(): void {
    this.#journal = [];
    this.#clears = [];
  }

  clear(range: KeyRange): void {
    for (const [key] of this.list(this.#records, range)) this.#clears.push(this.#change(key, undefined));
  }

  /** Everything there is at this moment. */
  view(): ReadonlyMap<string, Uint8Array> {
    this.#viewed = true;
    return this.#records;
  }

  /** Pairs of a range in key order. */
  list(records: ReadonlyMap<string, Uint8Array>, range: KeyRange): [string, Uint8Array][] {
    const from = latin1(range.gte);
    const below = latin1(range.lt);
    const found: [string, Uint8Array][] = [];
    for (const pair of records) if (pair[0] >= from && pair[0] < below) found.push(pair);
    return found.sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Time that one read takes. */
  readMs(): number {
    const { readMaxMs } = this.#options;
    const waitMs = Math.max(0, this.#freeAtMs - this.#world.nowMs);
    return readMaxMs === 0 ? 0 : waitMs + this.#random.fraction() * readMaxMs * this.slowness;
  }

  /** The process ended: of the batches under way, the first few are there. */
  crash(powerFailed: boolean): void {
    const kept = this.#random.below(this.#pending.length + 1);
    const lost = this.#pending.splice(kept);
    for (const batch of lost.toReversed()) this.#undo(batch);
    for (const batch of [...this.#pending]) this.#settle(batch);
    if (powerFailed && this.#random.chance(this.#options.forgottenClearChance)) this.#forgetClears();
    this.#clears = [];
    this.#freeAtMs = this.#world.nowMs;
  }

  /** What is stored is not what was written, or the store's mark of that is still there. */
  get isDamaged(): boolean {
    const marked = this.#records.has(DAMAGE_MARK) || this.isPending(DAMAGE_MARK);
    return marked || this.lost !== null || this.damaged.size > 0;
  }

  /** Keys that satisfy `wanted`, in order. */
  keys(wanted: (key: string) => boolean): string[] {
    return [...this.#records.keys()].filter(wanted).sort();
  }

  value(key: string): Uint8Array | undefined {
    return this.#records.get(key);
  }

  olderValue(key: string): Uint8Array | undefined {
    return this.#older.get(key);
  }

  /** True if the entry survives a crash now: as it was written, or since damage brought it back whole. */
  holds(index: number, term: number): boolean {
    if (this.promised.holds(index, term)) return true;
    const key = latin1(logKey(index));
    const overwritten = this.#pending.flatMap(({ changes }) => changes).find((change) => change.key === key);
    const value = overwritten === undefined ? this.#records.get(key) : overwritten.before;
    const record = value === undefined ? null : decodeLogRecord(value);
    return record?.ok === true && record.value.entry.index === index && record.value.entry.term === term;
  }

  isPending(key: string): boolean {
    return this.#pending.some(({ changes }) => changes.some((change) => change.key === key));
  }

  /** Replaces a stored value behind the member's back. */
  damage(key: string, value: Uint8Array): void {
    const before = this.#records.get(key);
    if (before === undefined) return;
    this.everDamaged = true;
    this.#set(key, value);
    if (!this.damaged.has(key)) this.damaged.set(key, before);
  }

  /**
   * A piece of the write-ahead file in its middle went bad: writes that were
   * finished are missing, later ones are there. LevelDB passes over them
   * without a word; the database tells what it finds in their place.
   */
  loseWrites(): boolean {
    const at = this.#journal.length < 2 ? -1 : this.#random.below(this.#journal.length - 1);
    const lost = this.#journal[at];
    if (lost === undefined) return false;
    const later = new Set(
      this.#journal.slice(at + 1).flatMap(({ changes }) => changes.map(({ key }) => key)),
    );
    for (const { key, before, after } of lost.changes.toReversed()) {
      if (later.has(key) || this.#records.get(key) !== after) continue;
      this.#set(key, before);
    }
    this.everDamaged = true;
    this.lost = { reason: "000007.log is damaged", hardState: this.#records.get(HARD_STATE) ?? null };
    return true;
  }

  #forgetClears(): void {
    for (const { key, before } of this.#clears) {
      if (before !== undefined && !this.#records.has(key)) this.#set(key, before);
    }
  }

  /** Without room the write is not there, or it is but nobody may rely on it. */
  #refuse(batch: Batch): void {
    if (this.#random.chance(0.2)) this.#settle(batch);
    else {
      this.#pending.splice(this.#pending.indexOf(batch), 1);
      this.#undo(batch);
    }
  }

  #undo({ changes }: Batch): void {
    for (const { key, before, undamaged } of changes.toReversed()) {
      this.#set(key, before);
      if (undamaged !== undefined) this.damaged.set(key, undamaged);
    }
  }

  #settle(batch: Batch): void {
    this.#pending.splice(this.#pending.indexOf(batch), 1);
    this.#journal.push(batch);
    if (this.#journal.length > JOURNAL_MAX_BATCHES) this.#journal.shift();
    for (const { key, before, after } of batch.changes) {
      this.#promise(key, after);
      if (before !== undefined) this.#older.set(key, before);
    }
  }

  #promise(key: string, value: Value): void {
    if (value === undefined) this.promised.delete(key);
    else this.promised.put(key, value);
  }

  #change(key: string, after: Value): Change {
    const before = this.#records.get(key);
    const undamaged = this.damaged.get(key);
    this.#set(key, after);
    return { key, before, after, undamaged };
  }

  #set(key: string, value: Value): void {
    if (this.#viewed) {
      this.#records = new Map(this.#records);
      this.#viewed = false;
    }
    if (value === undefined) this.#records.delete(key);
    else this.#records.set(key, value);
    this.damaged.delete(key);
  }
}

/** A copy with a flipped bit, with zeros from somewhere on, or cut short. */
export function spoil(value: Uint8Array, random: Random): Uint8Array {
  // Not slice(): that of a Buffer shares its bytes with readers.
  const copy = new Uint8Array(value);
  const at = random.below(copy.length);
  switch (random.below(3)) {
    case 0:
      copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
      return copy;
    case 1:
      // All of it, since zeros over zeros are no damage.
      return copy.fill(0);
    default:
      return copy.subarray(0, at);
  }
}
