/**
 * Reads below an attached root and nowhere else. A task owns its sandbox and
 * may put links there at any moment, so a path is opened first and what was
 * opened is checked: the kernel tells its real path under /proc/self/fd.
 */
import { constants } from "node:fs";
import { type FileHandle, lstat, open, readdir, readlink, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import { FILE_READ_MAX_BYTES } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { FileSpace } from "./file-space.ts";

/** `status` is the answer's: 400 for what cannot be read, 404 for what is not there, 500 for the rest. */
export interface FileError {
  readonly status: 400 | 404 | 500;
  readonly message: string;
}

export interface FileEntry {
  /** Virtual path. */
  readonly path: string;
  readonly nlink: number;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  /** `st_mode`, type bits included. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface FilePart {
  readonly offset: number;
  readonly sizeBytes: number;
  readonly data: Uint8Array;
}

const HAS_PROC = process.platform === "linux";

export interface OpenedFile {
  readonly handle: FileHandle;
  /** Leads to what was opened, whatever happens to the path it was opened by. */
  readonly realPath: string;
}

/** open(2): only the place of a file; nothing happens to the file itself. Node has no name for it. */
const O_PATH = 0o10000000;

/** Opens a file or directory for reading; the caller closes it. Never blocks on a pipe. */
export async function openBelow(
  space: FileSpace,
  virtualPath: string,
): Promise<Result<OpenedFile, FileError>> {
  if (virtualPath.split("/").includes("..") || virtualPath.includes("\0")) {
    return fail({ status: 400, message: `Cannot resolve path '${virtualPath}': it must not contain '..'` });
  }
  const resolved = space.resolveFile(virtualPath);
  if (resolved === undefined) return fail(missing(virtualPath));
  try {
    const root = await realpath(resolved.root);
    const path = join(root, resolved.relative);
    const handle = await openChecked(root, path);
    if (handle === undefined) return fail(missing(virtualPath));
    return ok({ handle, realPath: HAS_PROC ? `/proc/self/fd/${handle.fd}` : path });
  } catch (error) {
    return fail(describe(virtualPath, error));
  }
}

/**
 * The file, undefined when it lies outside of `root`. Where Linux tells what a
 * path leads to before it is opened, a file outside is never opened: for a
 * device or a pipe that alone does something.
 */
async function openChecked(root: string, path: string): Promise<FileHandle | undefined> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const place = await open(path, HAS_PROC ? O_PATH : flags);
  let keep = false;
  try {
    const real = await openedPath(place, path);
    if (real !== root && !real.startsWith(root + sep)) return undefined;
    if (HAS_PROC) return await open(`/proc/self/fd/${place.fd}`, flags);
    keep = true;
    return place;
  } finally {
    if (!keep) await place.close();
  }
}

/** Where an open file lies. Without /proc, by its path, if that still leads to the same inode. */
async function openedPath(handle: FileHandle, path: string): Promise<string> {
  if (HAS_PROC) return readlink(`/proc/self/fd/${handle.fd}`);
  const real = await realpath(path);
  const [opened, now] = [await handle.stat(), await lstat(real)];
  return opened.dev === now.dev && opened.ino === now.ino ? real : "";
}

/** Entries of a directory, sorted by path; none for a file. */
export async function listDirectory(
  space: FileSpace,
  virtualPath: string,
): Promise<Result<readonly FileEntry[], FileError>> {
  const opened = await openBelow(space, virtualPath);
  if (!opened.ok) return opened;
  const { handle, realPath } = opened.value;
  try {
    if (!(await handle.stat()).isDirectory()) return ok([]);
    const names = (await readdir(realPath)).sort();
    const entries = await Promise.all(
      names.map((name) => entry(join(realPath, name), join(virtualPath, name))),
    );
    return ok(entries.filter((item) => item !== undefined));
  } catch (error) {
    return fail(describe(virtualPath, error));
  } finally {
    await handle.close();
  }
}

/** Undefined when it vanished meanwhile. Links are shown as themselves. */
async function entry(real: string, path: string): Promise<FileEntry | undefined> {
  const stat = await lstat(real).catch(() => undefined);
  if (stat === undefined) return undefined;
  const { nlink, size, mtimeMs, mode, uid, gid } = stat;
  return { path, nlink, sizeBytes: size, mtimeMs, mode, uid, gid };
}

/**
 * At most FILE_READ_MAX_BYTES from `offset`; `offset` -1 asks for the size
 * only. Beyond the end there is nothing.
 */
export async function readPart(
  space: FileSpace,
  virtualPath: string,
  offset: number,
  lengthBytes: number | undefined,
): Promise<Result<FilePart, FileError>> {
  const opened = await openBelow(space, virtualPath);
  if (!opened.ok) return opened;
  const { handle } = opened.value;
  try {
    const stat = await handle.stat();
    if (stat.isDirectory()) return fail({ status: 400, message: "Cannot read a directory" });
    if (!stat.isFile()) return fail({ status: 400, message: `Cannot read '${virtualPath}': it is no file` });
    const from = offset === -1 ? stat.size : offset;
    const wanted = Math.min(lengthBytes ?? stat.size, Math.max(stat.size - from, 0), FILE_READ_MAX_BYTES);
    const buffer = new Uint8Array(wanted);
    const { bytesRead } = await handle.read(buffer, 0, wanted, from);
    return ok({ offset: from, sizeBytes: stat.size, data: buffer.subarray(0, bytesRead) });
  } catch (error) {
    return fail(describe(virtualPath, error));
  } finally {
    await handle.close();
  }
}

function missing(virtualPath: string): FileError {
  return { status: 404, message: `Failed to find '${virtualPath}': no such file or directory is attached` };
}

function describe(virtualPath: string, error: unknown): FileError {
  const { code = "", message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return missing(virtualPath);
  if (code === "ELOOP" || code === "ENXIO") {
    return { status: 400, message: `Cannot read '${virtualPath}': ${message}` };
  }
  return { status: 500, message: `Failed to read '${virtualPath}': ${message}` };
}
