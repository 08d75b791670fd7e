/**
 * The store's queue of writes. Writes queue up while one is under way and then
 * go as one batch with one sync, so a busy master syncs less often per write.
 * Writes that need no sync of their own ride along: LevelDB does not sync a
 * log file it finishes, so an unsynced batch could be lost although a later
 * one survives.
 *
 *                  no room                    room again: database opened anew
 *   writing ─────────────────► waiting for room ─────────────────► writing
 *      │ any other failure
 *      └──────► failed: nothing more is written or answered
 *
 * A failed sync is never tried again on the same file, since the kernel takes
 * the pages for clean after it. When room was the reason, the database is
 * opened anew, which cuts the half-written end of its log file, and the batch
 * is written from memory to a new one.
 */
import { assert } from "../base/assert.ts";
import {
  STORE_DEFERRED_MAX_BYTES,
  STORE_DEFERRED_MAX_MS,
  STORE_ROOM_CHECK_MS,
  STORE_ROOM_MIN_BYTES,
} from "../base/limits.ts";
import type { Database, KeyRange, LevelOperation } from "./level.ts";

export interface WriterSurroundings {
  /** Opens the database anew. */
  open(): Promise<Database>;
  /** Calls `run` once after `delayMs`, unless the function that is returned is called first. */
  after(delayMs: number, run: () => void): () => void;
  freeBytes(): Promise<number>;
  /** Operations that every batch ends with. */
  trailer(): readonly LevelOperation[];
  onFailure(error: unknown): void;
  /** Called when the disk is full, and when there is room again. */
  onFull(full: boolean): void;
}

export class StoreWriter {
  readonly #surroundings: WriterSurroundings;
  #db: Database | null;
  #queue: LevelOperation[] = [];
  /** Everybody who queued something since the last batch waits for the same one. */
  #queued: PromiseWithResolvers<void> | null = null;
  #queuedBytes = 0;
  #writing: Promise<void> | null = null;
  /** Something queued is not to wait any longer. */
  #writeWanted = false;
  #cancelTimer: (() => void) | null = null;
  /** Removal of keys that nothing reads any more. */
  #cleaning: Promise<void> = Promise.resolve();
  #closed = false;
  full = false;
  /** Called when the disk is full. */
  readonly #onceFull = new Set<() => void>();
  /** The database is being opened anew. */
  #reopening: Promise<void> | null = null;

  constructor(db: Database, surroundings: WriterSurroundings) {
    this.#db = db;
    this.#surroundings = surroundings;
  }

  get db(): Database {
    assert(this.#db !== null, "The store is not open");
    return this.#db;
  }

  /** Resolves when on disk. */
  enqueue(operations: readonly LevelOperation[], sync: boolean): Promise<void> {
    assert(!this.#closed, "The store is not open");
    this.#queued ??= Promise.withResolvers<void>();
    for (const operation of operations) {
      this.#queue.push(operation);
      this.#queuedBytes += operation.key.length + (operation.type === "put" ? operation.value.length : 0);
    }
    if (sync || this.#queuedBytes >= STORE_DEFERRED_MAX_BYTES) this.#startWriting();
    else this.#cancelTimer ??= this.#surroundings.after(STORE_DEFERRED_MAX_MS, () => this.#startWriting());
    return this.#queued.promise;
  }

  /** Everything queued so far is on disk. */
  async flush(): Promise<void> {
    if (this.#queued !== null) await this.enqueue([], true);
    else await this.#writing;
  }

  /** As {@link flush}; on a full disk at once, with what got there before. */
  async flushIfRoom(): Promise<void> {
    if (!this.full) {
      // Promise.race() would leave something behind, each time, with a promise that seldom resolves.
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#onceFull.add(resolve);
      this.flush().then(resolve, reject);
      await promise.finally(() => this.#onceFull.delete(resolve));
    }
    await this.#reopening;
  }

  /** Removes keys once `written` is on disk; what a full disk keeps is removed on the next opening. */
  cleanAfter(written: Promise<void>, range: KeyRange): void {
    void written.then(() => this.clean(range));
  }

  clean(range: KeyRange): void {
    this.#cleaning = this.#cleaning
      .then(() => (this.#closed || this.full ? undefined : this.db.clear(range)))
      .catch((error: unknown) => {
        if (!this.full && !isNoRoom(error)) this.#surroundings.onFailure(error);
      });
  }

  /**
   * Removes keys that are written anew under other ones. What waits for room is forgotten: a leader that gets
   * no answer sends its state again and again.
   */
  abandon({ gte, lt }: KeyRange): void {
    if (this.full) {
      this.#queue = this.#queue.filter((operation) => {
        const { key } = operation;
        return Buffer.compare(key, gte) < 0 || Buffer.compare(key, lt) >= 0;
      });
    }
    this.clean({ gte, lt });
  }

  /** Waits for the writes under way, unless there is no room for them. */
  async close(): Promise<void> {
    if (!this.full) await this.flush();
    await this.#cleaning;
    this.#closed = true;
    this.#cancelTimer?.();
    await this.#db?.close();
    this.#db = null;
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
      const operations = this.#queue;
      const queued = this.#queued;
      this.#queue = [];
      this.#queued = null;
      this.#queuedBytes = 0;
      this.#cancelTimer?.();
      this.#cancelTimer = null;
      for (const operation of this.#surroundings.trailer()) operations.push(operation);
      try {
        await this.db.write(operations, true);
      } catch (error) {
        await this.#writeAgain(operations, error);
      }
      queued?.resolve();
    }
    // At once, so that a write queued by one of the callbacks above starts the next batch.
    this.#writing = null;
  }

  /** After `failure`: once there is room, if that was the reason. Otherwise it never returns. */
  async #writeAgain(operations: LevelOperation[], failure: unknown): Promise<void> {
    for (let error = failure; ; ) {
      if (!isNoRoom(error)) {
        this.#surroundings.onFailure(error);
        await new Promise(() => {});
      }
      if (!this.full) this.#setFull(true);
      await this.#room();
      // Closed while waiting: nobody hears of this write any more.
      if (this.#closed) await new Promise(() => {});
      try {
        this.#reopening = this.#reopen();
        await this.#reopening;
        await this.db.write(operations, true);
        this.#setFull(false);
        return;
      } catch (again) {
        error = again;
      }
    }
  }

  async #reopen(): Promise<void> {
    await this.#db?.close();
    this.#db = null;
    this.#db = await this.#surroundings.open();
  }

  /** As long as between two looks for room. */
  async pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#surroundings.after(STORE_ROOM_CHECK_MS, resolve);
    await promise;
  }

  async #room(): Promise<void> {
    const { freeBytes } = this.#surroundings;
    while (!this.#closed) {
      await this.pause();
      if (!this.#closed && (await freeBytes()) >= STORE_ROOM_MIN_BYTES) return;
    }
  }

  #setFull(full: boolean): void {
    this.full = full;
    if (full) for (const resolve of this.#onceFull) resolve();
    this.#surroundings.onFull(full);
  }
}

/** ENOSPC and EDQUOT, as LevelDB's message or as a system error's code. */
export function isNoRoom(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (/No space left on device|Disk quota exceeded|ENOSPC|EDQUOT/.test(at.message)) return true;
  }
  return false;
}
