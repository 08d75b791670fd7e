/**
 * The agent's checkpoint on level, below `<work_dir>/meta`. Every write is one
 * atomic, synced batch. A value is stored behind a checksum over key and
 * value, since level checks whole blocks only when it happens to read them.
 */
import type { CheckpointChange, CheckpointEntry, CheckpointStore } from "../agent/checkpoint.ts";
import { MeshError } from "../base/errors.ts";
import { LevelDatabase, type LevelOperation } from "./level.ts";

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
    return new LevelCheckpointStore(directory, await LevelDatabase.open(directory));
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    throw new MeshError(error.code, error.message.replaceAll("--data-dir", "--work-dir"));
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
    await this.#tail;
    const view = this.#db.view();
    const iterator = view.iterate(EVERYTHING);
    try {
      const entries: CheckpointEntry[] = [];
      for (;;) {
        const pairs = await iterator.next(READ_COUNT);
        if (pairs.length === 0) return entries;
        for (const [key, stored] of pairs) entries.push(this.#entry(key, stored));
      }
    } catch (error) {
      throw error instanceof MeshError ? error : this.#damaged(reasonOf(error));
    } finally {
      await iterator.close();
      await view.close();
    }
  }

  #entry(key: Uint8Array, stored: Uint8Array): CheckpointEntry {
    const name = decoder.decode(key);
    const value = stored.slice(CHECKSUM_BYTES);
    const checksum = stored.length < CHECKSUM_BYTES ? undefined : readChecksum(stored);
    if (checksum !== checksumOf(key, value)) {
      throw this.#damaged(`the checksum of record "${name}" does not fit its ${value.length} bytes`);
    }
    return { key: name, value };
  }

  #damaged(reason: string): MeshError {
    const wayOut = `delete "${this.#directory}" to start as a new agent; its tasks will be ended`;
    return new MeshError(
      "CHECKPOINT_DAMAGED",
      `Cannot read the checkpoint in "${this.#directory}": ${reason}; ${wayOut}`,
    );
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
