/**
 * The only user of the level package: an ordered map of bytes in a directory,
 * with atomic batches and consistent views. (`level` picks the storage for the
 * platform; on a server that is classic-level, used directly because the
 * build embeds its native addon, scripts/level-plugin.ts.)
 */
import { mkdir, readdir } from "node:fs/promises";
import { dirname } from "node:path";
import { ClassicLevel } from "classic-level";
import { MeshError } from "../base/errors.ts";

export type LevelOperation =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "del"; readonly key: Uint8Array };

/** Keys from `gte` on and below `lt`. */
export interface KeyRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

/** Most that one step of an iteration copies, plus one pair: the default, 16 KiB, makes many steps. */
const STEP_MAX_BYTES = 256 * 1024;

/** One view of the database, unmoved by later writes. */
export interface LevelView {
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** Up to `count` pairs in key order, none at the end of the range. */
  iterate(range: KeyRange): {
    next(count: number): Promise<[Uint8Array, Uint8Array][]>;
    close(): Promise<void>;
  };
  close(): Promise<void>;
}

/** The database as its users see it; simulations bring their own. */
export interface Database {
  /** One atomic batch, in the order given. */
  write(operations: LevelOperation[], sync: boolean): Promise<void>;
  /** Not synced. */
  clear(range: KeyRange): Promise<void>;
  view(): LevelView;
  close(): Promise<void>;
  /** Set if acknowledged writes were found to be missing on opening. */
  readonly lost?: LostWrites | null;
}

export interface LostWrites {
  readonly reason: string;
  /** The fact "hard-state" of the newest good write, if there is one. */
  readonly hardState: Uint8Array | null;
  /** To be called when the loss was noted durably: the next opening does not tell of it. */
  noted(): Promise<void>;
}

/** Whoever cares for the file that writes go to first (wal-room.ts). */
export interface WriteRoom {
  /** With each write, once it is on its way. */
  wrote(operations: readonly LevelOperation[]): void;
  /** Before the database is closed. */
  stop(): Promise<void>;
  /** After it. */
  trim(): Promise<void>;
}

const VIEW = { keyEncoding: "view", valueEncoding: "view" } as const;

const SYNC = { sync: true } as const;
const NO_SYNC = { sync: false } as const;

/**
 * `_batch` is the part of `batch` that abstract-level leaves to its implementations ("Private API For
 * Implementors" of its README). It takes what is encoded already, as here everything is; what `batch` does
 * before it makes a dozen objects for every operation, and every put of a client waits for three of them.
 */
type Batching = ClassicLevel<Uint8Array, Uint8Array> & {
  _batch?(operations: readonly LevelOperation[], options: { readonly sync: boolean }): Promise<void>;
};

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}

export class LevelDatabase implements Database {
  readonly #db: ClassicLevel<Uint8Array, Uint8Array>;
  readonly #room: WriteRoom | undefined;

  lost: LostWrites | null = null;

  private constructor(db: ClassicLevel<Uint8Array, Uint8Array>, room: WriteRoom | undefined) {
    this.#db = db;
    this.#room = room;
  }

  /**
   * Creates the directory if needed. Throws MeshError DIRECTORY_LOCKED,
   * DIRECTORY_UNUSABLE or LOG_DAMAGED. `room`: for a database whose writes
   * somebody waits for.
   */
  static async open(directory: string, room?: WriteRoom): Promise<LevelDatabase> {
    try {
      await mkdir(dirname(directory), { recursive: true });
      // Tasks of any user may run on this machine, and what they were given stands in there.
      await mkdir(directory, { mode: 0o700 }).catch(unlessThere);
      await checkCurrent(directory);
      const db = new ClassicLevel<Uint8Array, Uint8Array>(directory, { ...VIEW, compression: false });
      await db.open();
      return new LevelDatabase(db, room);
    } catch (error) {
      throw openError(directory, error);
    }
  }

  /** Makes what can be read of a damaged database readable again; the rest is lost. It must not be open. */
  static async repair(directory: string): Promise<void> {
    await ClassicLevel.repair(directory);
  }

  write(operations: LevelOperation[], sync: boolean): Promise<void> {
    const db: Batching = this.#db;
    if (db.status !== "open" || db._batch === undefined) return db.batch(operations, { ...VIEW, sync });
    const written = db._batch(operations, sync ? SYNC : NO_SYNC);
    this.#room?.wrote(operations);
    return written;
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#db.get(key);
  }

  async clear(range: KeyRange): Promise<void> {
    await this.#db.clear(range);
  }

  view(): LevelView {
    const db = this.#db;
    const snapshot = db.snapshot();
    return {
      get: (key) => db.get(key, { ...VIEW, snapshot }),
      iterate(range) {
        const iterator = db.iterator({ ...VIEW, ...range, snapshot, highWaterMarkBytes: STEP_MAX_BYTES });
        return { next: (count) => iterator.nextv(count), close: () => iterator.close() };
      },
      close: () => snapshot.close(),
    };
  }

  async close(): Promise<void> {
    await this.#room?.stop();
    await this.#db.close();
    await this.#room?.trim();
  }
}

/**
 * Without its file CURRENT LevelDB would take what is there for nothing, and begin a new database over it. Of
 * one whose making was cut short there is the first manifest at most (LevelDB's db/db_impl.cc, NewDB).
 */
async function checkCurrent(directory: string): Promise<void> {
  const names = await readdir(directory);
  const isUsed = (name: string): boolean =>
    /\.(ldb|sst|log)$/.test(name) || (name.startsWith("MANIFEST-") && name !== "MANIFEST-000001");
  if (!names.includes("CURRENT") && names.some(isUsed))
    throw damaged(directory, "its file CURRENT is missing");
}

function damaged(directory: string, reason: string): MeshError {
  return new MeshError(
    "LOG_DAMAGED",
    `Cannot open the database "${directory}": ${reason}; replace this master by one with an empty --data-dir, or restore a backup with 'mesh raft restore'`,
  );
}

/**
 * What the machine refuses says nothing of what is in the files: nothing of it is to be repaired or replaced.
 */
const REFUSALS: readonly (readonly [RegExp, string])[] = [
  [/no space left on device|disk quota exceeded/i, "make room on its disk"],
  [
    /permission denied|operation not permitted|read-only file system/i,
    "make it writable or choose another --data-dir",
  ],
  [/too many open files|cannot allocate memory/i, "raise the limits of the process"],
];

/** What to do about an error that is no damage; undefined when it may be. */
export function wayOutOf(text: string): string | undefined {
  return REFUSALS.find(([words]) => words.test(text))?.[1];
}

function openError(directory: string, error: unknown): MeshError {
  if (error instanceof MeshError) return error;
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "LEVEL_LOCKED") {
    return new MeshError(
      "DIRECTORY_LOCKED",
      `Cannot open the database "${directory}": another process uses it; stop that process or choose another --data-dir`,
    );
  }
  const failure = cause instanceof Error ? cause : error;
  const text = failure instanceof Error ? failure.message : String(failure);
  const wayOut = wayOutOf(text);
  const mayBeDamage = code === "LEVEL_CORRUPTION" || /corruption|missing files|MANIFEST-|CURRENT/i.test(text);
  if (mayBeDamage && wayOut === undefined) return damaged(directory, text);
  return new MeshError(
    "DIRECTORY_UNUSABLE",
    `Cannot open the database "${directory}": ${text}; ${wayOut ?? "make it writable or choose another --data-dir"}`,
  );
}

/** Removes a database, and its directory if nothing else is in it. One that is open in any process stays. */
export async function destroyDatabase(directory: string): Promise<void> {
  await ClassicLevel.destroy(directory).catch(() => {});
}
