/**
 * From the resources of a container to the files of its cgroup (kernel:
 * Documentation/admin-guide/cgroup-v2.rst, "CPU Interface Files" and so on).
 * Requests are shares that hold under contention; limits hold always.
 *
 * | file             | value                                                          |
 * |------------------|----------------------------------------------------------------|
 * | cpu.weight       | 100 for each CPU requested, 1 for a revocable one, as Mesos    |
 * | cpu.max          | the cpus limit; else the request, if quotas are switched on    |
 * | memory.max       | the mem limit, else the request; at least 32 MB                |
 * | memory.low       | the request: reclaimed last, which matters for who bursts      |
 * | memory.oom.group | 1: the kernel ends a container whole, never half of it         |
 * | memory.swap.max  | 0 with limitSwap: memory.max then bounds memory and swap       |
 * | pids.max         | the agent's setting: fork bombs end there                      |
 * | io.max           | the agent's setting, a line for each device                    |
 * | hugetlb.*.max    | the agent's setting, for each size of page                     |
 *
 * memory.high stays open: it slows a container down without end instead of
 * telling its framework that it needs more.
 */
import { CONTAINER_MEMORY_MIN_BYTES } from "../base/limits.ts";
import { type CgroupSettings, DEFAULT_CGROUP_SETTINGS } from "./cgroup-settings.ts";
import type { Bound, ContainerResources } from "./container.ts";
import type { Host } from "./tools.ts";

export interface CgroupFile {
  /** Name inside the container's cgroup. */
  readonly file: string;
  readonly value: string;
}

/** cpu.weight goes from 1 to 10000. */
const WEIGHT_PER_CPU = 100;
const WEIGHT_MAX = 10_000;
const CPU_PERIOD_US = 100_000;
/** The kernel refuses less (kernel/sched/core.c, min_cfs_quota_period). */
const CPU_QUOTA_MIN_US = 1_000;
const MILLI = 1_000;

/** What to write into the container's new cgroup, in order; only files that this machine has. */
export function cgroupFiles(resources: ContainerResources, host: Host): readonly CgroupFile[] {
  const { cgroupFiles: present, cgroupSettings: settings = DEFAULT_CGROUP_SETTINGS } = host;
  if (present === undefined) return [];
  const files: CgroupFile[] = [...resourceFiles(resources, settings)];
  files.push({ file: "memory.oom.group", value: "1" });
  if (settings.limitSwap) files.push({ file: "memory.swap.max", value: "0" });
  if (settings.maxPids !== "unlimited") files.push({ file: "pids.max", value: `${settings.maxPids}` });
  for (const value of settings.ioMax) files.push({ file: "io.max", value });
  for (const [size, bytes] of settings.hugePagesMax ?? []) {
    // Of what is reserved, too (Linux 5.7): mmap(2) then fails, where a touch would end in SIGBUS.
    for (const counted of ["", ".rsvd"])
      files.push({ file: `hugetlb.${size}${counted}.max`, value: `${bytes}` });
  }
  return files.filter(({ file }) => present.has(file));
}

/** The files that follow from the resources alone: what changes when a container gets more or less. */
export function resourceFiles(resources: ContainerResources, settings: CgroupSettings): CgroupFile[] {
  const perCpu = resources.cpusRevocable === true && settings.revocableLowPriority ? 1 : WEIGHT_PER_CPU;
  const files: CgroupFile[] = [{ file: "cpu.weight", value: `${cpuWeight(resources.cpusMilli, perCpu)}` }];
  const cpus = cpusLimitMilli(resources, settings.cpuQuota);
  if (cpus !== undefined) files.push({ file: "cpu.max", value: `${cpuQuota(cpus)} ${CPU_PERIOD_US}` });
  const mem = memLimitBytes(resources);
  files.push({ file: "memory.max", value: mem === "unlimited" ? "max" : `${mem}` });
  files.push({ file: "memory.low", value: `${resources.memBytes}` });
  return files;
}

/** What to write when a running container is given other resources; its memory limit may only grow. */
export function updateFiles(resources: ContainerResources, host: Host): readonly CgroupFile[] {
  const { cgroupFiles: present, cgroupSettings: settings = DEFAULT_CGROUP_SETTINGS } = host;
  if (present === undefined) return [];
  const files = resourceFiles(resources, settings);
  // A limit that is no more must be taken away.
  if (!files.some(({ file }) => file === "cpu.max"))
    files.push({ file: "cpu.max", value: `max ${CPU_PERIOD_US}` });
  return files.filter(({ file }) => present.has(file));
}

function cpuWeight(cpusMilli: number, perCpu: number): number {
  return Math.min(WEIGHT_MAX, Math.max(1, Math.round((cpusMilli * perCpu) / MILLI)));
}

function cpuQuota(milli: Bound): string {
  if (milli === "unlimited") return "max";
  return `${Math.max(CPU_QUOTA_MIN_US, Math.round((milli / MILLI) * CPU_PERIOD_US))}`;
}

/** Undefined: only the weight counts. */
export function cpusLimitMilli(resources: ContainerResources, cpuQuotas: boolean): Bound | undefined {
  return resources.cpusLimitMilli ?? (cpuQuotas ? resources.cpusMilli : undefined);
}

export function memLimitBytes({ memBytes, memLimitBytes: limit }: ContainerResources): Bound {
  if (limit === "unlimited") return limit;
  return Math.max(CONTAINER_MEMORY_MIN_BYTES, limit ?? memBytes);
}

const OOM_SCORE_MAX = 1_000;

/**
 * oom_score_adj (proc_pid_oom_score_adj(5)) of a container's processes: 0, and
 * more for one that may use more memory than it requests, the more the less
 * it requests (Mesos 1.10, calculateOOMScoreAdj). Undefined: not to be set here.
 */
export function oomScoreAdjust(resources: ContainerResources, host: Host): number | undefined {
  const total = host.oomScoreMemBytes;
  if (total === undefined) return undefined;
  const limit = resources.memLimitBytes;
  if (limit === undefined || (limit !== "unlimited" && limit <= resources.memBytes)) return 0;
  const share = Math.floor((OOM_SCORE_MAX * resources.memBytes) / total);
  // 1000 would make it the first victim whatever it uses, 0 is for those who do not burst.
  return Math.min(OOM_SCORE_MAX - 1, Math.max(1, OOM_SCORE_MAX - share));
}
