/**
 * The agent's checkpoint on level, below `<work_dir>/meta`. Every write is one
 * atomic, synced batch. A value is stored behind a checksum over key and
 * value, since level checks whole blocks only when it happens to read them.
 */
import { chmod, rename, rm } from "node:fs/promises";
import type { CheckpointChange, CheckpointEntry, CheckpointStore } from "../agent/checkpoint.ts";
import { MeshError } from "../base/errors.ts";
import { LevelDatabase, type LevelOperation, wayOutOf } from "./level.ts";
import { metaKey } from "./store-keys.ts";

const CHECKSUM_BYTES = 4;
/** Entries read from level at a time. */
const READ_COUNT = 1_000;
/** Record keys are printable text: everything below 0x7f. */
const EVERYTHING = { gte: new Uint8Array([0]), lt: new Uint8Array([0xff]) };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Opens the checkpoint of one agent. Throws MeshError DIRECTORY_LOCKED when
 * another process has it open, DIRECTORY_UNUSABLE when it cannot be written.
 */
export async function openCheckpointStore(directory: string): Promise<CheckpointStore> {
  try {
    // Earlier versions left it open to all users of the machine, tasks' among them. A new one is made so.
    await chmod(directory, 0o700).catch(() => {});
    const db = await LevelDatabase.open(directory);
    if ((await db.get(metaKey("format"))) === undefined) return new LevelCheckpointStore(directory, db);
    await db.close();
    const message = `Cannot open the checkpoint in "${directory}": it is the database of a master; choose another --work-dir`;
    throw new MeshError("DIRECTORY_UNUSABLE", message);
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    if (error.code === "LOG_DAMAGED") throw damaged(directory, error.message.split("; ")[0] ?? "");
    throw new MeshError(error.code, error.message.replaceAll("--data-dir", "--work-dir"));
  }
}

/**
 * The same when the checkpoint is damaged (AGT-7, --no-strict): a database
 * that cannot be read is repaired, or else put aside as `<directory>.damaged`,
 * and entries whose checksum is wrong are deleted. `lost` hears of each loss.
 */
export async function salvageCheckpointStore(
  directory: string,
  lost: (reason: string) => void,
): Promise<CheckpointStore> {
  const ways = [
    async () => {},
    async () => {
      await LevelDatabase.repair(directory);
      lost("its database was damaged and has been repaired: records may be missing");
    },
    async () => {
      const aside = `${directory}.damaged`;
      await rm(aside, { recursive: true, force: true });
      await rename(directory, aside);
      lost(`its database cannot be repaired: it is in "${aside}" now, and a new one begins`);
    },
  ];
  let problem: unknown;
  for (const prepare of ways) {
    try {
      await prepare();
      return await openReadable(directory, lost);
    } catch (error) {
      // Nothing of this is damage.
      const code = error instanceof MeshError ? error.code : undefined;
      if (code === "DIRECTORY_LOCKED" || code === "DIRECTORY_UNUSABLE") throw error;
      problem = error;
    }
  }
  throw problem;
}

/** Opens it and reads all of it once. */
async function openReadable(directory: string, lost: (reason: string) => void): Promise<CheckpointStore> {
  const store = (await openCheckpointStore(directory)) as LevelCheckpointStore;
  try {
    await store.deleteDamaged(lost);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

class LevelCheckpointStore implements CheckpointStore {
  readonly #directory: string;
  readonly #db: LevelDatabase;
  /** Settled when the newest write is through: writes are applied one after the other. */
  #tail: Promise<void> = Promise.resolve();

  constructor(directory: string, db: LevelDatabase) {
    this.#directory = directory;
    this.#db = db;
  }

  async readAll(): Promise<readonly CheckpointEntry[]> {
    const entries: CheckpointEntry[] = [];
    await this.#each((key, stored) => entries.push(this.#entry(key, stored)));
    return entries;
  }

  /** Deletes entries whose checksum is wrong. Throws CHECKPOINT_DAMAGED when not all can be read. */
  async deleteDamaged(lost: (reason: string) => void): Promise<void> {
    const damaged: LevelOperation[] = [];
    await this.#each((key, stored) => {
      if (isWhole(key, stored)) return;
      damaged.push({ type: "del", key });
      lost(`the checksum of record "${decoder.decode(key)}" was wrong: it has been deleted`);
    });
    if (damaged.length > 0) await this.#db.write(damaged, true);
  }

  async #each(take: (key: Uint8Array, stored: Uint8Array) => void): Promise<void> {
    await this.#tail;
    const view = this.#db.view();
    const iterator = view.iterate(EVERYTHING);
    try {
      for (;;) {
        const pairs = await iterator.next(READ_COUNT);
        if (pairs.length === 0) return;
        for (const [key, stored] of pairs) take(key, stored);
      }
    } catch (error) {
      throw error instanceof MeshError ? error : readError(this.#directory, reasonOf(error));
    } finally {
      await iterator.close();
      await view.close();
    }
  }

  #entry(key: Uint8Array, stored: Uint8Array): CheckpointEntry {
    const name = decoder.decode(key);
    const value = stored.slice(CHECKSUM_BYTES);
    if (!isWhole(key, stored)) {
      throw damaged(
        this.#directory,
        `the checksum of record "${name}" does not fit its ${value.length} bytes`,
      );
    }
    return { key: name, value };
  }

  write(changes: readonly CheckpointChange[]): Promise<void> {
    const operations = changes.map(operationOf);
    const written = this.#tail.then(() => this.#batch(operations));
    // A failed write must not keep `close` from closing; its caller hears of it.
    this.#tail = written.catch(() => {});
    return written;
  }

  async #batch(operations: LevelOperation[]): Promise<void> {
    try {
      await this.#db.write(operations, true);
    } catch (error) {
      throw new MeshError(
        "DIRECTORY_UNUSABLE",
        `Cannot write the checkpoint in "${this.#directory}": ${reasonOf(error)}; make room and start the agent again, its tasks run on`,
      );
    }
  }

  async close(): Promise<void> {
    await this.#tail;
    await this.#db.close();
  }
}

function operationOf({ key, value }: CheckpointChange): LevelOperation {
  const name = encoder.encode(key);
  if (value === undefined) return { type: "del", key: name };
  const stored = new Uint8Array(CHECKSUM_BYTES + value.length);
  new DataView(stored.buffer).setUint32(0, checksumOf(name, value));
  stored.set(value, CHECKSUM_BYTES);
  return { type: "put", key: name, value: stored };
}

function readError(directory: string, reason: string): MeshError {
  const wayOut = wayOutOf(reason)?.replaceAll("--data-dir", "--work-dir");
  if (wayOut === undefined) return damaged(directory, reason);
  const message = `Cannot read the checkpoint in "${directory}": ${reason}; ${wayOut}`;
  return new MeshError("DIRECTORY_UNUSABLE", message);
}

function damaged(directory: string, reason: string): MeshError {
  const wayOut = `start with --no-strict to leave out what is broken, or delete "${directory}" to start as a new agent`;
  const message = `Cannot read the checkpoint in "${directory}": ${reason}; ${wayOut}; tasks that are lost are ended`;
  return new MeshError("CHECKPOINT_DAMAGED", message);
}

function isWhole(key: Uint8Array, stored: Uint8Array): boolean {
  return (
    stored.length >= CHECKSUM_BYTES && readChecksum(stored) === checksumOf(key, stored.slice(CHECKSUM_BYTES))
  );
}

function readChecksum(stored: Uint8Array): number {
  return new DataView(stored.buffer, stored.byteOffset).getUint32(0);
}

function checksumOf(key: Uint8Array, value: Uint8Array): number {
  return Bun.hash.crc32(value, Bun.hash.crc32(key));
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}
