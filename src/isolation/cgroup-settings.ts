import type { Bound } from "./container.ts";
import { DEFAULT_DEVICES, type DeviceRule } from "./device-program.ts";

/** What the operator wants of all containers of an agent. */
export interface CgroupSettings {
  /** Path below the cgroup2 mount under which agents have their cgroups (Mesos --cgroups_root). */
  readonly root: string;
  /** A CPU quota also for containers that name no limit (Mesos --cgroups_enable_cfs). */
  readonly cpuQuota: boolean;
  /** Revocable CPUs weigh next to nothing (Mesos --revocable_cpu_low_priority). */
  readonly revocableLowPriority: boolean;
  /** No swap for containers (Mesos --cgroups_limit_swap). */
  readonly limitSwap: boolean;
  /** Processes and threads of one container. */
  readonly maxPids: Bound;
  /** CPUs on which containers may run, as in cpuset.cpus ("0-3,8"); all when absent. */
  readonly cpuset?: string;
  /** Lines of io.max ("8:0 rbps=1048576 wiops=100") for each container. */
  readonly ioMax: readonly string[];
  /** Bytes of huge pages that each container may have, by their sizes as the kernel names them ("2MB"). */
  readonly hugePagesMax?: readonly (readonly [size: string, bytes: number])[];
  /** Devices that containers may use (Mesos --allowed_devices). */
  readonly devices: readonly DeviceRule[];
}

export const DEFAULT_CGROUP_SETTINGS: CgroupSettings = {
  root: "mesh",
  cpuQuota: false,
  revocableLowPriority: true,
  limitSwap: false,
  maxPids: 8_192,
  ioMax: [],
  devices: DEFAULT_DEVICES,
};
