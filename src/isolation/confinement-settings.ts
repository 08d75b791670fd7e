import type { CapabilitySet, UserRange } from "./privileges.ts";

/** What the operator wants of the machine to keep containers apart. */
export interface ConfinementSettings {
  /** A /dev of their own, and of /proc and /sys only what a task needs. */
  readonly privateFileSystems: boolean;
  /** Beside "default", by name: the text of a profile in Docker's form. */
  readonly seccompProfiles: ReadonlyMap<string, string>;
  /** The most that a container has, for what profiles make depend on it; absent: all. */
  readonly bounding?: CapabilitySet;
  readonly userRange?: UserRange;
  /** Devices of the host, by path, that a /dev of a container shows beside the usual ones. */
  readonly devices: readonly string[];
  /** For programs; on a file system that lets them be executed. */
  readonly programDirectory: string;
}
