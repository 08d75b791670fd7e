/**
 * Reads below an attached root and nowhere else. A task owns its sandbox and
 * may put links there at any moment, so a path is opened first and what was
 * opened is checked: the kernel tells its real path under /proc/self/fd.
 */
import { constants } from "node:fs";
import { type FileHandle, lstat, open, readdir, readlink, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import { FILE_READ_MAX_BYTES, FILES_LISTED_MAX } from "../base/limits.ts";
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

/** Entries of a directory that are looked at together: none of them has a descriptor for long. */
const LISTED_AT_ONCE = 256;
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
    if (handle === "outside") return fail(missing(virtualPath));
    if (handle === "special") return fail(noFile(virtualPath));
    return ok({ handle, realPath: HAS_PROC ? `/proc/self/fd/${handle.fd}` : path });
  } catch (error) {
    return fail(describe(virtualPath, error));
  }
}

/**
 * The file or directory below `root`. Where Linux tells what a path leads to
 * before it is opened, nothing else is opened: for a device or a pipe that
 * alone does something.
 */
async function openChecked(root: string, path: string): Promise<FileHandle | "outside" | "special"> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const place = await open(path, HAS_PROC ? O_PATH : flags);
  let keep = false;
  try {
    const real = await openedPath(place, path);
    if (real !== root && !real.startsWith(root + sep)) return "outside";
    const stat = await place.stat();
    if (!stat.isFile() && !stat.isDirectory()) return "special";
    if (stat.isFile() && stat.nlink > 1 && real !== root && !(await isOwn(root, stat.uid))) return "outside";
    if (HAS_PROC) return await open(`/proc/self/fd/${place.fd}`, flags);
    keep = true;
    return place;
  } finally {
    if (!keep) await place.close();
  }
}

/**
 * Another name of a file can lead a task's user to what it may not read, as
 * links do (where the sysctl fs.protected_hardlinks is off).
 */
async function isOwn(root: string, uid: number): Promise<boolean> {
  return (await lstat(root)).uid === uid;
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
    if (names.length > FILES_LISTED_MAX) return fail(tooMany(virtualPath, names.length));
    const entries: FileEntry[] = [];
    for (let at = 0; at < names.length; at += LISTED_AT_ONCE) {
      const some = names.slice(at, at + LISTED_AT_ONCE);
      const found = await Promise.all(
        some.map((name) => entry(join(realPath, name), join(virtualPath, name))),
      );
      entries.push(...found.filter((item) => item !== undefined));
    }
    return ok(entries);
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
    if (!stat.isFile()) return fail(noFile(virtualPath));
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

function tooMany(virtualPath: string, count: number): FileError {
  const most = `${FILES_LISTED_MAX} can be listed; name one of them`;
  return { status: 400, message: `Cannot list '${virtualPath}': it has ${count} entries, and ${most}` };
}

function noFile(virtualPath: string): FileError {
  return { status: 400, message: `Cannot read '${virtualPath}': it is no file` };
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
