/**
 * How the kernel shares processors among threads: sched_getattr(2) and
 * sched_setattr(2). Neither Bun nor the C library has functions for them.
 */
import { dlopen, FFIType, read } from "bun:ffi";
import { constants } from "node:os";

/** Numbers of the two calls by processor (arch/…/syscalls). */
const NUMBERS: Partial<Record<string, { readonly set: number; readonly get: number }>> = {
  x64: { set: 314, get: 315 },
  arm64: { set: 274, get: 275 },
};
const LIBRARIES = ["libc.so.6", `libc.musl-${process.arch === "x64" ? "x86_64" : "aarch64"}.so.1`];
/** struct sched_attr as every kernel since 3.14 has it; newer ones accept it (SCHED_ATTR_SIZE_VER0). */
const BYTES = 48;
const AT = { size: 0, policy: 4, flags: 8, nice: 16, runtime: 24 } as const;
/** SCHED_FLAG_RESET_ON_FORK. It cannot be taken back without privileges. */
const RESET_ON_FORK = 1n;
const { i64 } = FFIType;
const pointer = FFIType.ptr;
const FUNCTIONS = {
  __errno_location: { args: [], returns: pointer },
  syscall: { args: [i64, i64, pointer, i64, i64], returns: i64 },
} as const;

/** SCHED_OTHER, the policy of all that asked for no other. */
export const POLICY_OTHER = 0;

export interface Scheduling {
  /** SCHED_OTHER is 0; only of that and of SCHED_BATCH the other fields mean anything. */
  readonly policy: number;
  /** -20 (first) to 19. */
  readonly nice: number;
  /**
   * How long it runs before others that wait get their turn, in nanoseconds: one that asks for less is
   * preferred when it wakes. 0: the kernel's default; also what kernels before 6.12 say, which ignore it.
   */
  readonly sliceNs: number;
  /** Threads and processes that it starts begin with the default slice, and with no nice value below 0. */
  readonly resetOnFork: boolean;
}

/** Throws where there are no such calls. */
export class SchedulingCalls {
  readonly #calls = openLibrary();
  readonly #numbers = numbers();
  readonly #bytes = new Uint8Array(BYTES);
  readonly #view = new DataView(this.#bytes.buffer);

  /** Undefined when there is no such thread (any more). Throws with the error's name. */
  get(thread: number): Scheduling | undefined {
    const number = this.#numbers.get;
    const done = this.#calls.syscall(number, thread, this.#bytes, BYTES, 0);
    if (Number(done) < 0) return this.#refused("sched_getattr", thread);
    return {
      policy: this.#view.getUint32(AT.policy, true),
      nice: this.#view.getInt32(AT.nice, true),
      sliceNs: Number(this.#view.getBigUint64(AT.runtime, true)),
      resetOnFork: (this.#view.getBigUint64(AT.flags, true) & RESET_ON_FORK) !== 0n,
    };
  }

  /** A thread that has ended meanwhile is left out. Throws with the error's name. */
  set(thread: number, { policy, nice, sliceNs, resetOnFork }: Scheduling): void {
    this.#bytes.fill(0);
    this.#view.setUint32(AT.size, BYTES, true);
    this.#view.setUint32(AT.policy, policy, true);
    this.#view.setBigUint64(AT.flags, resetOnFork ? RESET_ON_FORK : 0n, true);
    this.#view.setInt32(AT.nice, nice, true);
    this.#view.setBigUint64(AT.runtime, BigInt(sliceNs), true);
    const done = this.#calls.syscall(this.#numbers.set, thread, this.#bytes, 0, 0);
    if (Number(done) < 0) this.#refused("sched_setattr", thread);
  }

  #refused(call: string, thread: number): undefined {
    const where = this.#calls.__errno_location();
    const errno = where === null ? 0 : read.i32(where);
    if (errno === constants.errno.ESRCH) return undefined;
    const found = Object.entries(constants.errno).find(([, number]) => number === errno);
    throw new Error(`${call} of thread ${thread}: ${found?.[0] ?? `errno ${errno}`}`);
  }
}

function numbers(): { readonly set: number; readonly get: number } {
  const found = process.platform === "linux" ? NUMBERS[process.arch] : undefined;
  if (found === undefined) {
    throw new Error(`sched_setattr(2) is not known on ${process.platform}, ${process.arch}`);
  }
  return found;
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
