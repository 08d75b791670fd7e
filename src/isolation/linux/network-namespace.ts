/**
 * Network namespaces that have a name in the file system and no process.
 *
 * A network namespace belongs to a thread, not to a process (setns(2)): the
 * agent's only JavaScript thread goes into one and comes back within one turn
 * of the event loop, and nothing else notices. Sockets stay where they were
 * made. So no program is executed for a namespace, nor for a check in it.
 */
import { CString, dlopen, FFIType, ptr, read } from "bun:ffi";
import { closeSync, constants, openSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { fail, ok, type Result } from "../../base/result.ts";

/** Of include/uapi/linux/sched.h, mount.h, sockios.h and if.h. */
const CLONE_NEWNET = 0x40000000;
const MS_BIND = 4_096;
const MNT_DETACH = 2;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;
const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
/** f_type of statfs(2) for files of namespaces. */
const NSFS_MAGIC = 0x6e736673;
/** struct ifreq: a name of 16 bytes, then the flags. */
const IFREQ_BYTES = 40;
const IFREQ_FLAGS_OFFSET = 16;
const OWN = "/proc/thread-self/ns/net";
const LIBRARIES = ["libc.so.6", `libc.musl-${process.arch === "x64" ? "x86_64" : "aarch64"}.so.1`];

export class NetworkNamespaces {
  readonly #libc = openLibrary();
  /** Where the thread belongs. */
  readonly #own = openSync(OWN, constants.O_RDONLY);
  #closed = false;

  /** Throws what dlopen or open(2) says: then there are none to be had here. */
  static open(): Result<NetworkNamespaces> {
    try {
      return ok(new NetworkNamespaces());
    } catch (error) {
      return fail(error instanceof Error ? error.message : String(error));
    }
  }

  /** Makes a namespace in which nothing but the loopback interface is up. Throws what the kernel says. */
  create(path: string): void {
    this.#mustBeOpen();
    writeFileSync(path, "", { mode: 0o600, flag: "wx" });
    try {
      this.#must("make a network namespace", this.#libc.unshare(CLONE_NEWNET));
      try {
        this.#startLoopback();
        openLowPorts();
        const mounted = this.#libc.mount(text(OWN), text(path), text("none"), MS_BIND, null);
        this.#must(`give the network namespace the name ${path}`, mounted);
      } finally {
        this.#comeBack();
      }
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    }
  }

  /** Takes the name away; the namespace goes with its last process. Nothing happens when there is none. */
  remove(path: string): void {
    // Not mounted after a reboot, or when an agent died while it made it.
    this.#libc.umount2(text(path), MNT_DETACH);
    rmSync(path, { force: true });
  }

  exists(path: string): boolean {
    try {
      return statfsSync(path).type === NSFS_MAGIC;
    } catch {
      return false;
    }
  }

  /** Runs what opens sockets, synchronously, in a namespace. Throws what open(2) or setns(2) says. */
  within<T>(path: string, run: () => T): T {
    this.#mustBeOpen();
    const file = openSync(path, constants.O_RDONLY);
    try {
      this.#must(`enter the network namespace ${path}`, this.#libc.setns(file, CLONE_NEWNET));
      try {
        return run();
      } finally {
        this.#comeBack();
      }
    } finally {
      closeSync(file);
    }
  }

  /** Nobody enters a namespace afterwards: there would be no way back. */
  close(): void {
    if (!this.#closed) closeSync(this.#own);
    this.#closed = true;
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new Error("Cannot enter a network namespace: the agent stops");
  }

  #startLoopback(): void {
    const socket = this.#libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    this.#must("open a socket", socket);
    try {
      const request = Buffer.alloc(IFREQ_BYTES);
      request.write("lo");
      request.writeInt16LE(IFF_UP, IFREQ_FLAGS_OFFSET);
      this.#must("start the loopback interface", this.#libc.ioctl(socket, SIOCSIFFLAGS, ptr(request)));
    } finally {
      closeSync(socket);
    }
  }

  /** A thread in the wrong network would make the whole agent deaf: better none. */
  #comeBack(): void {
    if (this.#libc.setns(this.#own, CLONE_NEWNET) === 0) return;
    process.stderr.write(`mesh: cannot come back to the host's network: ${this.#reason()}\n`);
    process.abort();
  }

  #must(action: string, result: number): void {
    if (result < 0) throw new Error(`Cannot ${action}: ${this.#reason()}`);
  }

  #reason(): string {
    const where = this.#libc.__errno_location();
    const number = where === null ? 0 : read.i32(where);
    const words = this.#libc.strerror(number);
    return words === null ? `errno ${number}` : new CString(words).toString();
  }
}

/**
 * Nobody else's programs are in a namespace of a container, so port 80 needs no right of root's there; root
 * in a user namespace would not have it, as the network belongs to the host's (ip-sysctl.rst).
 */
function openLowPorts(): void {
  try {
    writeFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
  } catch {
    // The agent may be in a container itself, with settings that nobody can change: as on the host then.
  }
}

/** A string as C has it. Lives as long as the call that it is made for. */
function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

function openLibrary() {
  const { i32, ptr: pointer, u64 } = FFIType;
  let problem: unknown;
  for (const library of LIBRARIES) {
    try {
      return dlopen(library, {
        unshare: { args: [i32], returns: i32 },
        setns: { args: [i32, i32], returns: i32 },
        mount: { args: [pointer, pointer, pointer, u64, pointer], returns: i32 },
        umount2: { args: [pointer, i32], returns: i32 },
        socket: { args: [i32, i32, i32], returns: i32 },
        ioctl: { args: [i32, u64, pointer], returns: i32 },
        strerror: { args: [i32], returns: pointer },
        __errno_location: { args: [], returns: pointer },
      }).symbols;
    } catch (error) {
      problem = error;
    }
  }
  throw problem;
}
