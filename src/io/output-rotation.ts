/**
 * Keeps the log files of containers small. A container writes straight into
 * its file, open for appending: no process stands in between, and none could
 * give it another file. So the file stays and what is in it moves: copied to
 * `stdout.1` (what was there is `stdout.2` from then on), then cut off its
 * front.
 *
 * Cutting off the front (FALLOC_FL_COLLAPSE_RANGE, fallocate(2): ext4 and xfs)
 * loses nothing that is written meanwhile. Elsewhere the file is truncated:
 * what was written between the last look at its end and the truncation, a few
 * microseconds, is lost.
 *
 * The file lies in a directory that the container may write to, and its name
 * can lead anywhere at any moment. So its directory is pinned, the file is
 * opened there once, without following a link; it must be an ordinary file
 * with no other name; and only what was opened is cut.
 */
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { OUTPUT_ROTATIONS_UNDER_WAY_MAX } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import { type Cut, CutFront } from "./cut-front.ts";
import { type PinnedDirectory, pinDirectory } from "./pinned-directory.ts";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;
const COPY_BYTES = 1024 * 1024;
const MOVED_AWAY = "its sandbox is no longer where the agent made it";
/** Less than any part has. */
const HEAD_BYTES = 2 * 1024;

export interface OutputFile {
  /** Absolute; its directory is the sandbox itself. */
  readonly path: string;
  /** A directory above the sandbox that no container can change. */
  readonly root: string;
  readonly maxBytes: number;
  /** Earlier parts to keep, 0 for none. */
  readonly parts: number;
}

export class OutputRotation {
  readonly #log: Log;
  readonly #cut: Cut;
  /** Paths being rotated. */
  readonly #underWay = new Map<string, Promise<void>>();
  /** Looked at for the last time while others were under way. */
  #waiting: OutputFile[] = [];
  /** Files that cannot be rotated, by path: each is said once. */
  readonly #refused = new Map<string, string>();
  #rotations = 0;
  #failedCopies = 0;

  /** @param cut how the front of a file is cut off */
  constructor(log: Log, cut: Cut = new CutFront()) {
    this.#log = log;
    this.#cut = cut;
  }

  /** Rotates the file if it is too large, in the background. Returns its size; 0 when it is not there. */
  look(file: OutputFile): number {
    const stat = statOf(file.path);
    if (stat === undefined || !stat.isFile()) return 0;
    if (stat.size <= file.maxBytes || !this.#hasTurn(file)) return stat.size;
    const rotation = this.#rotate(file).finally(() => {
      this.#underWay.delete(file.path);
      for (const waiting of this.#waiting.splice(0)) this.lookLast(waiting);
    });
    this.#underWay.set(file.path, rotation);
    return stat.size;
  }

  /** As `look`, of a file that is not looked at again: it waits for its turn. */
  lookLast(file: OutputFile): void {
    if (this.#hasTurn(file)) this.look(file);
    else this.#waiting.push(file);
  }

  /** Otherwise the next look comes for it. */
  #hasTurn({ path }: OutputFile): boolean {
    return !this.#underWay.has(path) && this.#underWay.size < OUTPUT_ROTATIONS_UNDER_WAY_MAX;
  }

  /**
   * Ends what a process that was killed left in the middle: whether it had cut
   * the file, the beginning of the file tells.
   */
  finish(file: OutputFile): void {
    let directory: PinnedDirectory | undefined;
    try {
      if (lstatSync(movingPath(file.path, 1), { throwIfNoEntry: false }) === undefined) return;
      directory = pinDirectory(file.root, dirname(file.path));
      if (directory === undefined) this.#refuse(file.path, MOVED_AWAY);
      else finishAt(`${directory.path}/${basename(file.path)}`, file.parts);
    } catch (error) {
      this.#refuse(file.path, `cannot finish its rotation: ${textOf(error)}`);
    } finally {
      directory?.close();
    }
  }

  /** These files are no longer looked at. */
  forget(paths: readonly string[]): void {
    for (const path of paths) this.#refused.delete(path);
  }

  metrics(): Readonly<Record<string, number>> {
    return {
      "mesh/agent/output_rotations": this.#rotations,
      "mesh/agent/output_rotations_failed": this.#failedCopies,
    };
  }

  /** Resolves when nothing is under way and nothing waits. */
  async close(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay.values());
  }

  async #rotate(file: OutputFile): Promise<void> {
    let directory: PinnedDirectory | undefined;
    let handle: FileHandle | undefined;
    try {
      directory = pinDirectory(file.root, dirname(file.path));
      if (directory === undefined) {
        this.#refuse(file.path, MOVED_AWAY);
        return;
      }
      const at = `${directory.path}/${basename(file.path)}`;
      handle = await open(at, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
      const stat = await handle.stat();
      if (!stat.isFile() || stat.nlink !== 1)
        this.#refuse(file.path, "it is a link, or no file, or has other names");
      else if (stat.size > file.maxBytes) await this.#move(file, at, handle);
    } catch (error) {
      // Gone meanwhile, with its sandbox, or by its task.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") this.#refuse(file.path, textOf(error));
    } finally {
      await handle?.close();
      directory?.close();
    }
  }

  #refuse(path: string, reason: string): void {
    if (this.#refused.get(path) === reason) return;
    this.#refused.set(path, reason);
    this.#log.warn("Cannot bound a log file of a container", { file: path, reason });
  }

  /** @param at the file's path by way of its pinned directory */
  async #move(file: OutputFile, at: string, handle: FileHandle): Promise<void> {
    const { dev, size, blksize } = fstatSync(handle.fd);
    // The end of what is cut must be that of a block, and not of the file.
    const partBytes = Math.max(blksize, Math.floor(file.maxBytes / blksize) * blksize);
    const full = Math.floor((size - 1) / partBytes);
    // Blocks larger than the limit: a file has one at least.
    if (full <= 0) return;
    // Of what came between two looks, no more than is kept.
    const first = Math.max(0, full - file.parts);
    let drafts = 0;
    let last: FileHandle | undefined;
    try {
      for (let part = first; part < full; part++) {
        await last?.close();
        const draft = draftPath(at, drafts + 1);
        last = await this.#copy(file.path, draft, handle, part * partBytes, (part + 1) * partBytes);
        if (last === undefined) break;
        drafts++;
      }
      for (let draft = 1; draft <= drafts; draft++) {
        renameSync(draftPath(at, draft), movingPath(at, draft));
      }
      const cut = await this.#cut.front(handle.fd, dev, full * partBytes);
      if (!cut) truncate(handle.fd, last?.fd, full * partBytes);
      for (let draft = 1; draft <= drafts; draft++) shift(at, file.parts, draft);
      this.#rotations++;
    } finally {
      await last?.close();
    }
  }

  /** Copies a part of the file beside it. Undefined when that fails: a full disk must become emptier. */
  async #copy(
    path: string,
    target: string,
    handle: FileHandle,
    from: number,
    to: number,
  ): Promise<FileHandle | undefined> {
    let draft: FileHandle | undefined;
    try {
      await unlink(target).catch(() => {});
      draft = await open(target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
      const { gid, uid } = fstatSync(handle.fd);
      fchownSync(draft.fd, uid, gid);
      await copyRange(handle, draft, from, to);
      return draft;
    } catch (error) {
      this.#failedCopies++;
      this.#refuse(path, `cannot copy it to "${target}": ${textOf(error)}; its oldest output is dropped`);
      await draft?.close();
      if (draft !== undefined) await unlink(target).catch(() => {});
      return undefined;
    }
  }
}

/** Where a part is written before it gets its number; 1 is the oldest. */
function draftPath(path: string, draft: number): string {
  return `${path}.rotating.${draft}`;
}

/** Its name while the file is cut: whoever reads the file cannot know whether that is done. */
function movingPath(path: string, draft: number): string {
  return `${path}.moving.${draft}`;
}

async function copyRange(source: FileHandle, target: FileHandle, from: number, to: number): Promise<void> {
  const buffer = new Uint8Array(Math.min(COPY_BYTES, to - from));
  for (let at = from; at < to; ) {
    const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.length, to - at), at);
    if (bytesRead === 0) return; // Its task truncated it.
    await target.write(buffer, 0, bytesRead);
    at += bytesRead;
  }
}

/** Copies what came meanwhile, and empties the file. In one go: the shorter it takes, the less is lost. */
function truncate(fd: number, draft: number | undefined, copiedBytes: number): void {
  const buffer = new Uint8Array(64 * 1024);
  // A writer that is quicker than this must not keep it here for ever.
  for (let at = copiedBytes, rounds = 0; draft !== undefined && rounds < 256; rounds++) {
    const count = readSync(fd, buffer, 0, buffer.length, at);
    if (count === 0) break;
    writeSync(draft, buffer, 0, count);
    at += count;
  }
  ftruncateSync(fd, 0);
}

/** Undefined also for a path that cannot be, as one with a name that is too long: nothing of it can grow. */
function statOf(path: string) {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** `stdout.1` becomes `stdout.2` and so on, the oldest goes, and the draft is `stdout.1`. */
function shift(path: string, parts: number, draft: number): void {
  for (let number = parts - 1; number >= 1; number--) {
    if (lstatSync(`${path}.${number}`, { throwIfNoEntry: false }) === undefined) continue;
    renameSync(`${path}.${number}`, `${path}.${number + 1}`);
  }
  renameSync(movingPath(path, draft), `${path}.1`);
}

function finishAt(path: string, parts: number): void {
  const isCut = !sameHead(movingPath(path, 1), path);
  for (let draft = 1; draft <= parts; draft++) {
    const moving = movingPath(path, draft);
    if (lstatSync(moving, { throwIfNoEntry: false }) === undefined) return;
    if (isCut) shift(path, parts, draft);
    else unlinkSync(moving);
  }
}

function sameHead(a: string, b: string): boolean {
  return readHead(a).equals(readHead(b));
}

function readHead(path: string): Buffer {
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const buffer = Buffer.alloc(HEAD_BYTES);
    return buffer.subarray(0, readSync(fd, buffer, 0, HEAD_BYTES, 0));
  } finally {
    closeSync(fd);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
