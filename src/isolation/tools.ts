/**
 * What the machine offers for starting containers, as data: the answer of the
 * probe (src/isolation/linux/probe.ts) and an input of the plan.
 */
import type { CgroupSettings } from "./cgroup-settings.ts";
import type { RuntimeCapabilities } from "./runtime.ts";

/** Absolute paths of programs; a missing one is absent. */
export interface Tools {
  /** POSIX shell of the supervisor. */
  readonly shell: string;
  /** env(1), for variables whose names a shell cannot hold. */
  readonly env?: string;
  /** bash(1), the only common program that can set argv[0]. */
  readonly bash?: string;
  /** util-linux. */
  readonly unshare?: string;
  readonly nsenter?: string;
  readonly setsid?: string;
  readonly setpriv?: string;
}

export interface Host {
  readonly tools: Tools;
  readonly capabilities: RuntimeCapabilities;
  /** /proc is there: start times come from it, else from ps(1). */
  readonly procfs: boolean;
  /** cgroup that supervisors move to, so that they outlive the agent's own service cgroup. */
  readonly supervisorsCgroup?: string;
  /** Names of the files that a cgroup of a container has here; absent: nothing can be limited. */
  readonly cgroupFiles?: ReadonlySet<string>;
  readonly cgroupSettings?: CgroupSettings;
  /** Memory of the machine; present where the score of the kernel's OOM killer can be set. */
  readonly oomScoreMemBytes?: number;
}
