/**
 * Room at the end of LevelDB's write-ahead file. While a file grows with every
 * write, each fdatasync waits for the file system's journal to write down the
 * new length, and for all that others put into that journal; within a length
 * that the file has already, only the data goes to the disk. Measured on ext4
 * beside others that sync, for 700 bytes: 0.14 instead of 0.51 ms on average,
 * 0.3 instead of 5 ms for the slowest in a hundred.
 *
 *   records of LevelDB │ zeros that were appended │
 *                      ▲ the next record goes here
 *
 * LevelDB takes zeros behind its last record for the end of the file
 * (log_reader.cc, kZeroType), and so does raft-store-wal.ts. They are appended
 * through a descriptor of their own: at the end of the file is nothing that
 * LevelDB wrote before, and what it writes later it writes over them.
 */
import { constants } from "node:fs";
import { open, readFile, truncate } from "node:fs/promises";
import { join } from "node:path";
import { WAL_ROOM_MAX_BYTES } from "../base/limits.ts";
import type { LevelOperation, WriteRoom } from "./level.ts";
import { endOfRecords, walNames } from "./raft-store-wal.ts";

/** Without O_CREAT: LevelDB may just have removed the file. */
const APPEND = constants.O_WRONLY | constants.O_APPEND;
const ZEROS = new Uint8Array(WAL_ROOM_MAX_BYTES);
/** The first time; then twice as much each time, so that a master that idles writes little. */
const FIRST_BYTES = 64 * 1024;

/** Head of a batch and of its record (LevelDB doc/log_format.md, write_batch.cc); about. */
const WRITE_BYTES = 12 + 7;
/** Tag and lengths of one operation in the file; and beside them its node in the table in memory. */
const OPERATION_BYTES = 5;
const NODE_BYTES = 24;

/** LevelDB begins another file when its table in memory holds 4 MiB: from here on it is looked for. */
const LOOK_FROM_BYTES = 3.5 * 1024 * 1024;
const LOOK_EACH_BYTES = 8 * 1024;

export class WalRoom implements WriteRoom {
  readonly #directory: string;
  /** The newest file, its length, and about how much of it is used. */
  #name = "";
  #length = 0;
  #used = 0;
  /** Appended last. */
  #room = FIRST_BYTES / 2;
  /** About the size of the table in memory. */
  #table = 0;
  #lookAt = 0;
  #work: Promise<void> | null = null;
  #closed = false;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** To be called with each write once it is on its way. */
  wrote(operations: readonly LevelOperation[]): void {
    let bytes = 0;
    for (const operation of operations) {
      bytes += operation.key.length + (operation.type === "put" ? operation.value.length : 0);
    }
    const used = bytes + WRITE_BYTES + OPERATION_BYTES * operations.length;
    this.#used += used;
    this.#table += bytes + NODE_BYTES * operations.length;
    if (this.#work !== null || this.#closed) return;
    const mayBeOld = this.#table > LOOK_FROM_BYTES && this.#used >= this.#lookAt;
    if (!this.#short && !mayBeOld) return;
    this.#lookAt = this.#used + LOOK_EACH_BYTES;
    this.#work = this.#look().finally(() => {
      this.#work = null;
    });
  }

  get #short(): boolean {
    return this.#used + this.#room / 2 > this.#length;
  }

  /** Nothing is appended after it. */
  async stop(): Promise<void> {
    this.#closed = true;
    await this.#work;
  }

  /** Cuts the zeros, once the database is closed. Those that stay do no harm. */
  async trim(): Promise<void> {
    try {
      const name = await this.#newest();
      if (name === undefined) return;
      const path = join(this.#directory, name);
      const bytes = await readFile(path);
      const end = endOfRecords(bytes);
      if (end !== undefined && end < bytes.length) await truncate(path, end);
    } catch {
      // The directory may be gone.
    }
  }

  /** Without room everything works as well, only slower: on a full disk, say. */
  async #look(): Promise<void> {
    try {
      // Writes may overtake a slow disk.
      for (let name = await this.#newest(); name !== undefined; name = await this.#newest()) {
        if (this.#closed || (name === this.#name && !this.#short)) return;
        await this.#append(name);
      }
    } catch {
      this.#length = this.#used + this.#room;
    }
  }

  async #append(name: string): Promise<void> {
    const file = await open(join(this.#directory, name), APPEND);
    try {
      if (name !== this.#name) {
        this.#name = name;
        this.#used = (await file.stat()).size;
        this.#table = this.#used;
        this.#lookAt = 0;
      }
      this.#room = Math.min(2 * this.#room, WAL_ROOM_MAX_BYTES);
      await file.write(ZEROS, 0, this.#room);
      await file.datasync();
      this.#length = (await file.stat()).size;
    } finally {
      await file.close();
    }
  }

  async #newest(): Promise<string | undefined> {
    return (await walNames(this.#directory)).at(-1);
  }
}
