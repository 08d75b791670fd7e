/** What the runtime on real processes is opened with. */
import type { Log } from "../../base/log.ts";
import type { CgroupSettings } from "../cgroup-settings.ts";
import type { NetworkCheck } from "../check.ts";
import type { ConfinementSettings } from "../confinement-settings.ts";
import type { GpuSettings } from "../gpus.ts";
import type { Fetch, Images } from "../runtime.ts";
import type { Host } from "../tools.ts";
import type { NetworkSettings } from "./networks.ts";
import type { ProjectQuotas } from "./project-quotas.ts";

export interface LinuxRuntimeOptions {
  /** Holds records of live containers; best on a file system that a reboot empties, such as /run. */
  readonly runtimeDirectory: string;
  readonly fetch: Fetch;
  /** False: neither namespaces nor cgroups. Default true. */
  readonly isolate?: boolean;
  readonly cgroups?: CgroupSettings;
  readonly confinement?: ConfinementSettings;
  /** Absent: GPUs are no more than a number. */
  readonly gpus?: GpuSettings;
  /** Memory that the agent offers, see probe.ts. */
  readonly protectedMemBytes?: number;
  /** Absent: containers are on the host's network. */
  readonly networks?: NetworkSettings;
  /** Absent: nothing is checked over the network. */
  readonly checkNetwork?: NetworkCheck;
  /** Absent: nothing holds containers to their disk while they write. */
  readonly diskQuotas?: ProjectQuotas;
  /** Absent: no container can have an image. Needs `self`. */
  readonly images?: Images;
  /** Words that execute the program which calls enterRoot (enter-root.ts) for ENTER_ROOT_COMMAND. */
  readonly self?: readonly string[];
  readonly log?: Log;
  /** How often recovered containers are looked at, beside the events. */
  readonly sweepIntervalMs?: number;
  /** Instead of probing; for tests of what a poorer machine does. */
  readonly host?: Host;
}
