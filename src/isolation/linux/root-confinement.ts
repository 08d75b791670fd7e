/**
 * What confinement.ts does by programs in front of the task's own, done in the
 * process that has entered a root, where those programs are out of reach:
 * limits, a filter of system calls, user, capabilities, no_new_privs.
 *
 * All of it holds for the calling thread, and with it for the program that
 * this thread executes. What comes after the filter must be allowed by it, as
 * for the programs of confinement.ts.
 */
import { readFileSync } from "node:fs";
import type { RESOURCE_LIMITS, ResourceLimit } from "../privileges.ts";
import type { RootEntry } from "../root.ts";
import { filterOf } from "../seccomp-loader.ts";
import type { Libc } from "./libc.ts";

/** Numbers of getrlimit(2), the same on x86-64 and arm64. */
const LIMIT_NUMBERS: { readonly [K in (typeof RESOURCE_LIMITS)[number]]: number } = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  rss: 5,
  nproc: 6,
  nofile: 7,
  memlock: 8,
  as: 9,
  locks: 10,
  sigpending: 11,
  msgqueue: 12,
  nice: 13,
  rtprio: 14,
  rttime: 15,
};
const UNLIMITED = 2n ** 64n - 1n;
/** Of prctl(2). */
const SET_KEEP_CAPABILITIES = 8;
const SET_SECCOMP = 22;
const SECCOMP_FILTER = 2;
const DROP_FROM_BOUNDING = 24;
const SET_SECURE_BITS = 28;
const NO_ROOT = 1;
const SET_NO_NEW_PRIVILEGES = 38;
const AMBIENT = 47;
const AMBIENT_RAISE = 2;
/** Above the last one that kernels have. */
const CAPABILITIES_MAX = 64;

/** Before the host's files are out of reach. */
export function readFilter({ filter }: RootEntry): Uint8Array | undefined {
  return filter === undefined ? undefined : filterOf(readFileSync(filter));
}

/** Without the size of files, which would be that of the container's record too. */
export function setLimits(libc: Libc, limits: readonly ResourceLimit[]): void {
  for (const limit of limits) if (limit.name !== "fsize") setLimit(libc, limit);
}

export function limitFileSize(libc: Libc, limits: readonly ResourceLimit[]): void {
  for (const limit of limits) if (limit.name === "fsize") setLimit(libc, limit);
}

function setLimit(libc: Libc, { name, soft, hard }: ResourceLimit): void {
  const bound = (value: ResourceLimit["soft"]): bigint => (value === "unlimited" ? UNLIMITED : BigInt(value));
  libc.setLimit(LIMIT_NUMBERS[name], bound(soft), bound(hard));
}

/** User and privileges, in the order of confinement.ts. */
export function confine(libc: Libc, { user, privileges }: RootEntry, filter: Uint8Array | undefined): void {
  const { bounding, effective, noNewPrivileges } = privileges;
  if (filter !== undefined) libc.loadFilter(SET_SECCOMP, SECCOMP_FILTER, filter);
  if (bounding !== undefined) dropFromBounding(libc, bounding);
  if (effective !== undefined) {
    // Root would get all in bounds besides what it is to have.
    const same =
      bounding?.length === effective.length && bounding.every((each, at) => each === effective[at]);
    if (!same) libc.prctl(SET_SECURE_BITS, NO_ROOT);
    libc.prctl(SET_KEEP_CAPABILITIES, 1);
  }
  if (user !== undefined) libc.switchUser(user.uid, user.gid);
  if (effective !== undefined) {
    libc.setCapabilities({ permitted: effective, inheritable: effective });
    for (const each of effective) libc.prctl(AMBIENT, AMBIENT_RAISE, each);
  } else if (bounding !== undefined) libc.setCapabilities({ inheritable: [] });
  if (noNewPrivileges === true) libc.prctl(SET_NO_NEW_PRIVILEGES, 1);
}

function dropFromBounding(libc: Libc, kept: readonly number[]): void {
  for (let each = 0; each < CAPABILITIES_MAX; each++) {
    // EINVAL: the kernel has no more.
    if (!kept.includes(each) && !libc.tryPrctl(DROP_FROM_BOUNDING, each)) break;
  }
}
