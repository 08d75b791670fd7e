/**
 * Pseudo-terminals, pty(7). Bun.Terminal has no way to stop reading, so a
 * program that writes faster than its reader takes would fill the memory; here
 * both ends are file descriptors that streams and programs can be given.
 */
import { CString, dlopen, FFIType, ptr, read } from "bun:ffi";
import { closeSync, constants, fchownSync, openSync } from "node:fs";
import { fail, ok, type Result } from "../../base/result.ts";
import type { WindowSize } from "../container.ts";
import type { Owner } from "../runtime.ts";

/** Of include/uapi/asm-generic/ioctls.h. */
const TIOCSWINSZ = 0x5414n;
/** The same on all processors (arch/…/syscalls). */
const PIDFD_OPEN = 434n;
const PIDFD_GETFD = 438n;
const O_CLOEXEC = 0o2000000;
const PATH_BYTES = 128;
/** Rows and columns are 16 bits wide in struct winsize. */
const WINDOW_SIDE_MAX = 65_535;
const LIBRARIES = ["libc.so.6", `libc.musl-${process.arch === "x64" ? "x86_64" : "aarch64"}.so.1`];

export interface Terminal {
  /** The side of whoever looks at the terminal. */
  readonly master: number;
  /** The side of the programs in it. */
  readonly slave: number;
}

/**
 * @param owner of the programs, who may open it by its name
 * @param nonBlocking for a master that this process reads and writes itself
 */
export function openTerminal(
  size: WindowSize | undefined,
  owner: Owner | undefined,
  nonBlocking: boolean,
): Result<Terminal> {
  const calls = library();
  if (calls === undefined) return fail("the C library has no pseudo-terminals");
  const { O_RDWR, O_NOCTTY, O_NONBLOCK } = constants;
  const mode = O_RDWR | O_NOCTTY | O_CLOEXEC | (nonBlocking ? O_NONBLOCK : 0);
  const master = calls.posix_openpt(mode);
  if (master < 0) return fail("no pseudo-terminal can be opened: see /proc/sys/kernel/pty/max");
  try {
    const name = new Uint8Array(PATH_BYTES);
    const usable =
      calls.grantpt(master) === 0 &&
      calls.unlockpt(master) === 0 &&
      calls.ptsname_r(master, ptr(name), BigInt(PATH_BYTES)) === 0;
    if (!usable) throw new Error("its other side cannot be unlocked");
    const slave = openSync(new CString(ptr(name)).toString(), O_RDWR | O_NOCTTY);
    if (owner !== undefined) fchownSync(slave, owner.uid, owner.gid);
    if (size !== undefined) resizeTerminal(master, size);
    return ok({ master, slave });
  } catch (error) {
    closeSync(master);
    const why = error instanceof Error ? error.message : String(error);
    return fail(`no pseudo-terminal can be opened: ${why}`);
  }
}

/** Programs in it are told by SIGWINCH. False when the descriptor is no terminal. */
export function resizeTerminal(descriptor: number, { rows, columns }: WindowSize): boolean {
  const side = (cells: number): number => Math.min(cells, WINDOW_SIDE_MAX);
  const size = new Uint16Array([side(rows), side(columns), 0, 0]);
  return library()?.ioctl(descriptor, TIOCSWINSZ, ptr(size)) === 0;
}

/**
 * A descriptor of another process, as one of this process (pidfd_getfd(2),
 * Linux 5.6): the master of a terminal cannot be opened a second time.
 */
export function borrowDescriptor(pid: number, descriptor: number): Result<number> {
  const calls = library();
  if (calls === undefined) return fail("the C library has no system calls");
  const call = (number: bigint, first: number, second: number): number => {
    const result = Number(calls.syscall(number, BigInt(first), BigInt(second), 0n));
    if (result >= 0) return result;
    const where = calls.__errno_location();
    throw new Error(`errno ${where === null ? "?" : read.i32(where)}`);
  };
  let process: number | undefined;
  try {
    process = call(PIDFD_OPEN, pid, 0);
    return ok(call(PIDFD_GETFD, process, descriptor));
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  } finally {
    if (process !== undefined) closeSync(process);
  }
}

type Calls = NonNullable<ReturnType<typeof openLibrary>>;
let opened: Calls | undefined;

function library(): Calls | undefined {
  opened ??= openLibrary();
  return opened;
}

function openLibrary() {
  for (const library of LIBRARIES) {
    try {
      const { i32, u64, i64, ptr: pointer } = FFIType;
      return dlopen(library, {
        posix_openpt: { args: [i32], returns: i32 },
        grantpt: { args: [i32], returns: i32 },
        unlockpt: { args: [i32], returns: i32 },
        ptsname_r: { args: [i32, pointer, u64], returns: i32 },
        ioctl: { args: [i32, u64, pointer], returns: i32 },
        syscall: { args: [i64, i64, i64, i64], returns: i64 },
        __errno_location: { args: [], returns: pointer },
      }).symbols;
    } catch {
      // Another C library.
    }
  }
  return undefined;
}
