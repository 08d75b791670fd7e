/**
 * Projects and their quotas, as XFS has them, and ext4 with the feature
 * `project` (kernel: include/uapi/linux/dqblk_xfs.h and fs.h; quotactl(2)).
 */
import { dlopen, FFIType, ptr, read } from "bun:ffi";
import { closeSync, constants, openSync } from "node:fs";
import { constants as os } from "node:os";

const PROJECT_QUOTA = 2;
/** Q_XGETQUOTA, Q_XSETQLIM and Q_XGETQSTAT. */
const COMMAND = { get: 0x5803, limit: 0x5804, state: 0x5805 } as const;
/** Quotas of projects are counted, and kept. */
const STATE_COUNTED = 1 << 4;
const STATE_ENFORCED = 1 << 5;
const STATE_FLAGS_AT = 2;
/** struct fs_disk_quota; of blocks there are 512 bytes. */
const QUOTA_BYTES = 112;
const BLOCK_BYTES = 512;
const AT = { version: 0, flags: 1, mask: 2, id: 4, hard: 8, soft: 16, blocks: 40, inodes: 48 } as const;
const OF_PROJECT = 2;
const MASK_BLOCKS = 0b1100;
/** FS_IOC_FSGETXATTR and FS_IOC_FSSETXATTR, on struct fsxattr. */
const GET_ATTRIBUTES = 0x801c581fn;
const SET_ATTRIBUTES = 0x401c5820n;
const ATTRIBUTES_BYTES = 28;
const FLAGS_AT = 0;
const PROJECT_AT = 12;
/** What is made in the directory is of its project. */
const INHERIT = 0x200;

const LIBRARIES = ["libc.so.6", `libc.musl-${process.arch === "x64" ? "x86_64" : "aarch64"}.so.1`];
const { i32, u64 } = FFIType;
const pointer = FFIType.ptr;
const FUNCTIONS = {
  __errno_location: { args: [], returns: pointer },
  ioctl: { args: [i32, u64, pointer], returns: i32 },
  quotactl: { args: [i32, pointer, i32, pointer], returns: i32 },
} as const;

export interface ProjectUsage {
  readonly usedBytes: number;
  readonly inodes: number;
  /** 0: none. */
  readonly limitBytes: number;
}

/** Throws when no C library can be opened. */
export class QuotaCalls {
  readonly #calls = openLibrary();

  /** Whether the file system on a block device keeps quotas of projects. */
  keepsProjects(device: string): boolean {
    const state = new DataView(new ArrayBuffer(256));
    if (this.#quota(COMMAND.state, device, 0, state) !== 0) return false;
    const wanted = STATE_COUNTED | STATE_ENFORCED;
    return (state.getUint16(STATE_FLAGS_AT, true) & wanted) === wanted;
  }

  /** What a project has; undefined when nothing was ever counted for it. Throws what quotactl(2) says. */
  usage(device: string, project: number): ProjectUsage | undefined {
    const quota = new DataView(new ArrayBuffer(QUOTA_BYTES));
    const errno = this.#quota(COMMAND.get, device, project, quota);
    if (errno === os.errno.ENOENT || errno === os.errno.ESRCH) return undefined;
    if (errno !== 0) throw new Error(`quotactl for project ${project} on ${device}: ${nameOf(errno)}`);
    return {
      usedBytes: Number(quota.getBigUint64(AT.blocks, true)) * BLOCK_BYTES,
      inodes: Number(quota.getBigUint64(AT.inodes, true)),
      limitBytes: Number(quota.getBigUint64(AT.soft, true)) * BLOCK_BYTES,
    };
  }

  /** Beyond `hardBytes` writes fail. Throws what quotactl(2) says. */
  limit(device: string, project: number, softBytes: number, hardBytes: number): void {
    const quota = new DataView(new ArrayBuffer(QUOTA_BYTES));
    quota.setInt8(AT.version, 1);
    quota.setInt8(AT.flags, OF_PROJECT);
    quota.setUint16(AT.mask, MASK_BLOCKS, true);
    quota.setUint32(AT.id, project, true);
    quota.setBigUint64(AT.hard, BigInt(Math.ceil(hardBytes / BLOCK_BYTES)), true);
    quota.setBigUint64(AT.soft, BigInt(Math.ceil(softBytes / BLOCK_BYTES)), true);
    const errno = this.#quota(COMMAND.limit, device, project, quota);
    if (errno !== 0) throw new Error(`quotactl for project ${project} on ${device}: ${nameOf(errno)}`);
  }

  /** Of a directory; 0 is none. Throws what open(2) or ioctl(2) says. */
  projectOf(directory: string): number {
    return this.#withAttributes(directory, (attributes) => attributes.getUint32(PROJECT_AT, true));
  }

  /** For a file, or a directory and all made in it from now on. Throws what open(2) or ioctl(2) says. */
  setProject(path: string, project: number): void {
    this.#withAttributes(path, (attributes, file) => {
      attributes.setUint32(PROJECT_AT, project, true);
      attributes.setUint32(FLAGS_AT, attributes.getUint32(FLAGS_AT, true) | INHERIT, true);
      this.#attributes(path, file, SET_ATTRIBUTES, attributes);
    });
  }

  #withAttributes<T>(path: string, use: (attributes: DataView, file: number) => T): T {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    const file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const attributes = new DataView(new ArrayBuffer(ATTRIBUTES_BYTES));
      this.#attributes(path, file, GET_ATTRIBUTES, attributes);
      return use(attributes, file);
    } finally {
      closeSync(file);
    }
  }

  #attributes(directory: string, file: number, request: bigint, attributes: DataView): void {
    const done = this.#calls.ioctl(file, request, ptr(new Uint8Array(attributes.buffer)));
    if (done !== 0) throw new Error(`ioctl for the project of ${directory}: ${nameOf(this.#errno())}`);
  }

  /** The number of an error, or 0. */
  #quota(command: number, device: string, id: number, data: DataView): number {
    const name = new TextEncoder().encode(`${device}\0`);
    const bytes = new Uint8Array(data.buffer);
    const done = this.#calls.quotactl((command << 8) | PROJECT_QUOTA, ptr(name), id, ptr(bytes));
    return done === 0 ? 0 : this.#errno();
  }

  #errno(): number {
    const where = this.#calls.__errno_location();
    return where === null ? -1 : read.i32(where);
  }
}

function nameOf(errno: number): string {
  const found = Object.entries(os.errno).find(([, number]) => number === errno);
  return found === undefined ? `errno ${errno}` : found[0];
}

function openLibrary() {
  let problem: unknown;
  for (const name of LIBRARIES) {
    try {
      return dlopen(name, FUNCTIONS).symbols;
    } catch (error) {
      problem = error;
    }
  }
  throw problem;
}
