/**
 * The C library's calls that a process needs to become another program in
 * another root: mount(2), pivot_root(2), setuid(2), execve(2) and their kind.
 * Bun has no functions for them.
 */
import { dlopen, FFIType, ptr, read } from "bun:ffi";
import { constants } from "node:os";
import { FILTER_INSTRUCTION_BYTES } from "../seccomp-program.ts";

const LIBRARIES = ["libc.so.6", `libc.musl-${process.arch === "x64" ? "x86_64" : "aarch64"}.so.1`];
/** Number of pivot_root(2) by processor (arch/…/syscalls); the C library has no function for it. */
const PIVOT_ROOT: Partial<Record<string, number>> = { x64: 155, arm64: 41 };
const { i32, i64, u32, u64 } = FFIType;
const pointer = FFIType.ptr;

const FUNCTIONS = {
  __errno_location: { args: [], returns: pointer },
  mount: { args: [pointer, pointer, pointer, u64, pointer], returns: i32 },
  umount2: { args: [pointer, i32], returns: i32 },
  fchdir: { args: [i32], returns: i32 },
  unshare: { args: [i32], returns: i32 },
  setns: { args: [i32, i32], returns: i32 },
  mknod: { args: [pointer, u32, u64], returns: i32 },
  initgroups: { args: [pointer, u32], returns: i32 },
  setgid: { args: [u32], returns: i32 },
  setuid: { args: [u32], returns: i32 },
  setsid: { args: [], returns: i32 },
  setrlimit: { args: [i32, pointer], returns: i32 },
  prctl: { args: [i32, u64, u64, u64, u64], returns: i32 },
  capget: { args: [pointer, pointer], returns: i32 },
  capset: { args: [pointer, pointer], returns: i32 },
  setxattr: { args: [pointer, pointer, pointer, u64, i32], returns: i32 },
  signal: { args: [i32, u64], returns: i64 },
  sigprocmask: { args: [i32, pointer, pointer], returns: i32 },
  dup2: { args: [i32, i32], returns: i32 },
  ioctl: { args: [i32, u64, i64], returns: i32 },
  fcntl: { args: [i32, i32, i64], returns: i32 },
  execve: { args: [pointer, pointer, pointer], returns: i32 },
  memfd_create: { args: [pointer, u32], returns: i32 },
  syscall: { args: [i64, pointer, pointer], returns: i64 },
} as const;

/** A call that the kernel refused. */
export class CallError extends Error {
  constructor(call: string, errno: number) {
    super(`${call}: ${errnoName(errno)}`);
  }
}

function errnoName(errno: number): string {
  const found = Object.entries(constants.errno).find(([, number]) => number === errno);
  return found === undefined ? `errno ${errno}` : found[0];
}

const encoder = new TextEncoder();

/** Ends with a zero byte, as C has it. */
function zeroTerminated(text: string): Uint8Array {
  return encoder.encode(`${text}\0`);
}

/** Throws when no C library can be opened. */
export class Libc {
  readonly #calls = openLibrary();

  /** Data of file systems are their options; a page at most. */
  mount(source: string, target: string, type: string, flags: number, data = ""): void {
    const options = zeroTerminated(data);
    const [from, to, kind] = [zeroTerminated(source), zeroTerminated(target), zeroTerminated(type)];
    const done = this.#calls.mount(from, to, kind, BigInt(flags), options);
    this.#check(`mount ${type === "" ? source : type} on ${target}`, done);
  }

  umount(target: string, flags: number): void {
    this.#check(`umount ${target}`, this.#calls.umount2(zeroTerminated(target), flags));
  }

  pivotRoot(newRoot: string, putOld: string): void {
    const number = PIVOT_ROOT[process.arch];
    if (number === undefined) throw new Error(`pivot_root(2) is not known on ${process.arch}`);
    const done = this.#calls.syscall(number, zeroTerminated(newRoot), zeroTerminated(putOld));
    this.#check("pivot_root", Number(done));
  }

  /** Takes this thread into a mount namespace, to its root. */
  joinMounts(namespace: number): void {
    // CLONE_FS: threads that share their root cannot be taken elsewhere. CLONE_NEWNS.
    this.#check("unshare", this.#calls.unshare(0x200));
    this.#check("setns", this.#calls.setns(namespace, 0x20000));
  }

  fchdir(directory: number): void {
    this.#check("fchdir", this.#calls.fchdir(directory));
  }

  /** `mode` holds the type of the node too. */
  mknod(path: string, mode: number, major: number, minor: number): void {
    // makedev(3) for numbers below 4096 and 256.
    this.#check(`mknod ${path}`, this.#calls.mknod(zeroTerminated(path), mode, BigInt(major * 256 + minor)));
  }

  setXattr(path: string, name: string, value: string): void {
    const length = BigInt(encoder.encode(value).length);
    const done = this.#calls.setxattr(
      zeroTerminated(path),
      zeroTerminated(name),
      zeroTerminated(value),
      length,
      0,
    );
    this.#check(`setxattr ${name} of ${path}`, done);
  }

  /** Groups of the user as the host's databases have them. */
  initGroups(user: string, gid: number): void {
    this.#check(`initgroups ${user}`, this.#calls.initgroups(zeroTerminated(user), gid));
  }

  switchUser(uid: number, gid: number): void {
    this.#check(`setgid ${gid}`, this.#calls.setgid(gid));
    this.#check(`setuid ${uid}`, this.#calls.setuid(uid));
  }

  /** A process that leads its group already has none of its own to make. */
  newSession(): void {
    this.#check("setsid", this.#calls.setsid());
  }

  /** For the leader of a session, which has none yet. */
  controlTerminal(file: number): void {
    // TIOCSCTTY
    this.#check("ioctl TIOCSCTTY", this.#calls.ioctl(file, 0x540en, 0n));
  }

  /** Soft and hard limit. */
  setLimit(resource: number, soft: bigint, hard: bigint): void {
    const pair = new BigUint64Array([soft, hard]);
    this.#check(`setrlimit ${resource}`, this.#calls.setrlimit(resource, pair));
  }

  prctl(option: number, second: number, third = 0): void {
    this.#check(`prctl ${option}`, this.#calls.prctl(option, BigInt(second), BigInt(third), 0n, 0n));
  }

  /** False when the kernel does not know the value. */
  tryPrctl(option: number, second: number): boolean {
    return this.#calls.prctl(option, BigInt(second), 0n, 0n, 0n) === 0;
  }

  /** struct sock_fprog: the number of instructions, and where they are. */
  loadFilter(option: number, mode: number, filter: Uint8Array): void {
    const program = new DataView(new ArrayBuffer(16));
    program.setUint16(0, filter.length / FILTER_INSTRUCTION_BYTES, true);
    program.setBigUint64(8, BigInt(ptr(filter)), true);
    const address = BigInt(ptr(new Uint8Array(program.buffer)));
    this.#check("prctl PR_SET_SECCOMP", this.#calls.prctl(option, BigInt(mode), address, 0n, 0n));
  }

  /** Of this thread, by their numbers; without `permitted` these and the effective ones stay. */
  setCapabilities(sets: {
    readonly permitted?: readonly number[];
    readonly inheritable: readonly number[];
  }): void {
    // _LINUX_CAPABILITY_VERSION_3, and this thread.
    const head = new Uint32Array([0x20080522, 0]);
    // Effective, permitted, inheritable: numbers below 32, then those from 32 on.
    const data = new Uint32Array(6);
    this.#check("capget", this.#calls.capget(head, data));
    const put = (at: number, numbers: readonly number[]): void => {
      data[at] = data[at + 3] = 0;
      for (const each of numbers) {
        const index = at + (each < 32 ? 0 : 3);
        data[index] = ((data[index] ?? 0) | (1 << (each % 32))) >>> 0;
      }
    };
    if (sets.permitted !== undefined) for (const at of [0, 1]) put(at, sets.permitted);
    put(2, sets.inheritable);
    this.#check("capset", this.#calls.capset(head, data));
  }

  /** As after a fork of a program that did nothing about signals. */
  resetSignals(): void {
    // SIG_DFL is 0; SIGKILL and SIGSTOP refuse, which is fine. 64: the last one of Linux.
    for (let signal = 1; signal <= 64; signal++) this.#calls.signal(signal, 0n);
    const none = new BigUint64Array(16);
    // SIG_SETMASK is 2.
    this.#check("sigprocmask", this.#calls.sigprocmask(2, none, null));
  }

  /** An open file without a name, in memory; programs do not get it unless it is handed to them. */
  memoryFile(name: string): number {
    // MFD_CLOEXEC is 1.
    const file = this.#calls.memfd_create(zeroTerminated(name), 1);
    this.#check("memfd_create", file);
    return file;
  }

  dup2(from: number, to: number): void {
    this.#check(`dup2 ${from} ${to}`, this.#calls.dup2(from, to));
  }

  /** False for a descriptor that is not open. */
  closeOnExec(file: number): boolean {
    // F_SETFD is 2, FD_CLOEXEC is 1.
    return this.#calls.fcntl(file, 2, 1n) === 0;
  }

  /** Returns only when the program cannot be executed, with the error's number. */
  execute(path: string, argv: readonly string[], environment: readonly string[]): number {
    const held: Uint8Array[] = [];
    const table = (texts: readonly string[]): BigUint64Array => {
      const pointers = texts.map((text) => {
        const bytes = zeroTerminated(text);
        held.push(bytes);
        return BigInt(ptr(bytes));
      });
      return new BigUint64Array([...pointers, 0n]);
    };
    const [words, variables] = [table(argv), table(environment)];
    this.#calls.execve(zeroTerminated(path), words, variables);
    const errno = this.#errno();
    // The strings live until here.
    return held.length < 0 ? 0 : errno;
  }

  #check(call: string, result: number): void {
    if (result < 0) throw new CallError(call, this.#errno());
  }

  #errno(): number {
    const where = this.#calls.__errno_location();
    return where === null ? 0 : read.i32(where);
  }
}

function openLibrary() {
  let problem: unknown;
  for (const library of LIBRARIES) {
    try {
      return dlopen(library, FUNCTIONS).symbols;
    } catch (error) {
      problem = error;
    }
  }
  throw problem;
}
