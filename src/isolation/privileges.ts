/** What a container may do beyond what its user may, as data; confinement.ts makes it so. */

/** Capabilities by their numbers (include/uapi/linux/capability.h), ascending. */
export type CapabilitySet = readonly number[];

export interface Privileges {
  /** What the container may ever have; absent: all that the agent has. */
  readonly bounding?: CapabilitySet;
  /** What it has from its start, its user whoever he be; absent: root all in bounds, others none. */
  readonly effective?: CapabilitySet;
  readonly noNewPrivileges?: boolean;
  /** Name of a profile of system calls; absent: all of them. */
  readonly seccompProfile?: string;
}

/** One limit of getrlimit(2), in its units. */
export interface ResourceLimit {
  readonly name: ResourceLimitName;
  /** A word and not Infinity, which JSON cannot hold. */
  readonly soft: number | "unlimited";
  readonly hard: number | "unlimited";
}

/** As prlimit(1) names its options. */
export const RESOURCE_LIMITS = [
  "as",
  "core",
  "cpu",
  "data",
  "fsize",
  "locks",
  "memlock",
  "msgqueue",
  "nice",
  "nofile",
  "nproc",
  "rss",
  "rtprio",
  "rttime",
  "sigpending",
  "stack",
] as const;
export type ResourceLimitName = (typeof RESOURCE_LIMITS)[number];

/** Users of a container are `count` numbers of the host from `first` on: root is `first`. */
export interface UserRange {
  readonly first: number;
  readonly count: number;
}
