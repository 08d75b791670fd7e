/**
 * What files of a sandbox get from now on, as `tail -F` shows it: a file that
 * is cut starts over, one that was moved away is read to its end before the new
 * one of its name. The container owns its sandbox and may put anything there:
 * links, pipes and devices are passed over.
 */
import { constants, type FSWatcher, lstatSync, watch } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { FILE_EVENT_LOOK_AGAIN_MS } from "../base/limits.ts";
import type { OutputPiece, ProgramOutput } from "../isolation/session.ts";

export interface FollowedFile {
  readonly stream: OutputPiece["stream"];
  readonly path: string;
}

const PIECE_BYTES = 64 * 1024;
/** Beside the events of the kernel, which can be lost. */
const LOOK_INTERVAL_MS = 250;
/** Enough to tell the place in a log that says the time, or counts, or anything. */
const TAIL_BYTES = 512;
/** A cut ends where a block ends, whatever the file system. */
const CUT_GRAIN_BYTES = 512;
const MISSED = new TextEncoder().encode(
  "mesh: some output was moved away before it was read; see the sandbox\n",
);
const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

const NOTHING = new Uint8Array();

interface Place extends FollowedFile {
  file: FileHandle | undefined;
  inode: number;
  position: number;
  /** The last bytes before `position`, where they are known. */
  tail: Uint8Array;
}

export class FollowedOutput implements ProgramOutput {
  readonly #places: Place[];
  readonly #ended: AbortSignal;
  readonly #watchers: FSWatcher[] = [];
  #begun = false;
  #closed = false;
  #changed = Promise.withResolvers<void>();
  /** Something was told, and it was not looked once more since. */
  #told = false;
  readonly #lookIntervalMs: number;
  readonly #wake = (): void => this.#changed.resolve();
  readonly #tell = (): void => {
    this.#told = true;
    this.#wake();
  };

  /**
   * @param ended aborts when nothing more will be written: the output ends with what there is then
   * @param lookIntervalMs how often it looks without being told
   */
  constructor(files: readonly FollowedFile[], ended: AbortSignal, lookIntervalMs = LOOK_INTERVAL_MS) {
    this.#lookIntervalMs = lookIntervalMs;
    this.#places = files.map((file) => {
      const position = lstatSync(file.path, { throwIfNoEntry: false })?.size ?? 0;
      return { ...file, file: undefined, inode: 0, position, tail: NOTHING };
    });
    this.#ended = ended;
    ended.addEventListener("abort", this.#wake);
    for (const directory of new Set(files.map(({ path }) => dirname(path)))) {
      try {
        this.#watchers.push(watch(directory, this.#tell));
      } catch {
        // It is gone; what is open can still be read.
      }
    }
  }

  async next(): Promise<OutputPiece | undefined> {
    if (!this.#begun) {
      this.#begun = true;
      for (const place of this.#places) await begin(place);
    }
    while (!this.#closed) {
      this.#changed = Promise.withResolvers();
      // Asked before the look: what is written before the end is seen.
      const last = this.#ended.aborted;
      for (const place of this.#places) {
        const bytes = await readOn(place).catch(() => undefined);
        if (bytes !== undefined) return { stream: place.stream, bytes };
      }
      if (last) break;
      await this.#change();
    }
    await this.#release();
    return undefined;
  }

  /** Waits for an event; once for a moment after each, which may hide another; else for the next look. */
  async #change(): Promise<void> {
    const again = this.#told;
    const look = (): void => {
      if (again) this.#told = false;
      this.#wake();
    };
    const timer = setTimeout(look, again ? FILE_EVENT_LOOK_AGAIN_MS : this.#lookIntervalMs);
    await this.#changed.promise;
    clearTimeout(timer);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#wake();
    void this.#release();
  }

  async #release(): Promise<void> {
    this.#ended.removeEventListener("abort", this.#wake);
    for (const watcher of this.#watchers.splice(0)) watcher.close();
    for (const place of this.#places) await closePlace(place);
  }
}

async function closePlace(place: Place): Promise<void> {
  const { file } = place;
  place.file = undefined;
  await file?.close().catch(() => {});
}

/** Opens the file where it ended when it began to be followed. */
async function begin(place: Place): Promise<void> {
  const end = place.position;
  if (!(await openPlace(place)) || place.file === undefined) return;
  place.position = end;
  const from = Math.max(0, end - TAIL_BYTES);
  place.tail = await readAt(place.file, from, end - from);
}

/** False when there is no other file of the name that can be read. */
async function openPlace(place: Place): Promise<boolean> {
  const file = await openFile(place.path);
  if (file === undefined) return false;
  const { ino } = await file.stat();
  if (ino === place.inode) {
    await file.close();
    return false;
  }
  await closePlace(place);
  Object.assign(place, { file, inode: ino, position: 0, tail: NOTHING });
  return true;
}

async function openFile(path: string): Promise<FileHandle | undefined> {
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(() => undefined);
  if (file === undefined || (await file.stat()).isFile()) return file;
  await file.close();
  return undefined;
}

/** The next bytes; undefined when there are none now. */
async function readOn(place: Place): Promise<Uint8Array | undefined> {
  for (;;) {
    const bytes = place.file === undefined ? NOTHING : await readNext(place, place.file);
    if (bytes.length > 0) return bytes;
    if (!(await openPlace(place))) return undefined;
  }
}

async function readNext(place: Place, file: FileHandle): Promise<Uint8Array> {
  const { tail } = place;
  const read = await readAt(file, place.position - tail.length, tail.length + PIECE_BYTES);
  if (Buffer.compare(read.subarray(0, tail.length), tail) !== 0) return await afterCut(place, file);
  return taken(place, read.subarray(tail.length));
}

/** The bytes were read at the position. */
function taken(place: Place, bytes: Uint8Array): Uint8Array {
  place.position += bytes.length;
  place.tail = Buffer.concat([place.tail, bytes]).subarray(-TAIL_BYTES);
  return bytes;
}

/** What was read last stands elsewhere: in the part that was moved away, further to the front, or nowhere. */
async function afterCut(place: Place, file: FileHandle): Promise<Uint8Array> {
  const { tail, position } = place;
  const moved = await restOfMoved(place);
  if (moved !== undefined) {
    Object.assign(place, { position: 0, tail: NOTHING });
    if (moved.length > 0) return moved;
    return taken(place, await readAt(file, 0, PIECE_BYTES));
  }
  const { size } = await file.stat();
  for (let at = position - CUT_GRAIN_BYTES; at >= 0; at -= CUT_GRAIN_BYTES) {
    // Of what was read last a part may have been moved.
    const left = tail.subarray(Math.max(0, tail.length - at));
    if (at > size || left.length === 0) continue;
    if (Buffer.compare(await readAt(file, at - left.length, left.length), left) !== 0) continue;
    Object.assign(place, { position: at, tail: left });
    return taken(place, await readAt(file, at, PIECE_BYTES));
  }
  Object.assign(place, { position: 0, tail: NOTHING });
  return MISSED;
}

/** What follows in the part that was moved away last; undefined when the place is not in it. */
async function restOfMoved({ path, position, tail }: Place): Promise<Uint8Array | undefined> {
  const part = await openFile(`${path}.1`);
  if (part === undefined) return undefined;
  try {
    const { size } = await part.stat();
    const read = await readAt(part, position - tail.length, Math.max(0, size - position) + tail.length);
    return Buffer.compare(read.subarray(0, tail.length), tail) === 0 ? read.subarray(tail.length) : undefined;
  } finally {
    await part.close();
  }
}

async function readAt(file: FileHandle, position: number, maxBytes: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(maxBytes);
  const { bytesRead } = maxBytes === 0 ? { bytesRead: 0 } : await file.read(buffer, 0, maxBytes, position);
  return buffer.subarray(0, bytesRead);
}
