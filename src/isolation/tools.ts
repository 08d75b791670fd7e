/**
 * What the machine offers for starting containers, as data: the answer of the
 * probe (src/isolation/linux/probe.ts) and an input of the plan.
 */
import type { CgroupSettings } from "./cgroup-settings.ts";
import type { GpuSettings } from "./gpus.ts";
import type { UserRange } from "./privileges.ts";
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
  readonly prlimit?: string;
  readonly mount?: string;
  /** Words that execute this agent's own program, to enter root file systems; see linux/enter-root.ts. */
  readonly self?: readonly string[];
  /** sleep(1), with which a pod's namespaces are held. */
  readonly sleep?: string;
  /** cat(1), which copies what terminals say. */
  readonly cat?: string;
  /** dd(1) and chown(1), which make files of secrets. */
  readonly dd?: string;
  readonly chown?: string;
}

export interface Host {
  readonly tools: Tools;
  readonly capabilities: RuntimeCapabilities;
  /** Containers can join networks: directory that holds one for each of them. */
  readonly networks?: string;
  /** /proc is there: start times come from it, else from ps(1). */
  readonly procfs: boolean;
  /** cgroup that supervisors move to, so that they outlive the agent's own service cgroup. */
  readonly supervisorsCgroup?: string;
  /** Names of the files that a cgroup of a container has here; absent: nothing can be limited. */
  readonly cgroupFiles?: ReadonlySet<string>;
  readonly cgroupSettings?: CgroupSettings;
  /** Sandboxes can be given projects with quotas. */
  readonly projectQuotas?: true;
  /** File of mounts that every container gets, as fstab(5). */
  readonly fixedMounts?: string;
  /** Absolute path of an empty directory, over which containers mount their secrets. */
  readonly secretsDirectory?: string;
  /** Users of tasks are these ones of the host, in a user namespace that an open file stands for. */
  readonly userNamespace?: { readonly range: UserRange; readonly file: number };
  /** By name of a profile the program that loads its filter and executes what follows. */
  readonly seccompFilters?: ReadonlyMap<string, string>;
  /** Handed out to containers, which have cgroups here; absent: GPUs are no more than a number. */
  readonly gpus?: GpuSettings;
  /** Memory of the machine; present where the score of the kernel's OOM killer can be set. */
  readonly oomScoreMemBytes?: number;
}
