/** What a container uses, from the texts that the kernel gives, as Mesos' ResourceStatistics. */
import type { CgroupInfoBlkioThrottlingStatistics, CgroupInfoBlkioValue } from "../model/v1/containers.ts";
import type {
  PressureStatistics,
  PressureStatisticsPressure,
  PressureStatisticsStall,
  ResourceStatistics,
} from "../model/v1/statistics.ts";
import { cpusLimitMilli, memLimitBytes } from "./cgroup-limits.ts";
import { flatKeyed } from "./cgroup-memory.ts";
import type { ContainerResources } from "./container.ts";

const MILLI = 1_000;
const MICROS_PER_SECOND = 1_000_000;

/** Everything but the time of reading. */
export type Usage = Omit<ResourceStatistics, "timestamp">;

/** What the container was given: Mesos' `cpus_soft_limit` is the request. */
export function limitStatistics(resources: ContainerResources, cpuQuotas: boolean): Usage {
  const cpus = cpusLimitMilli(resources, cpuQuotas);
  const mem = memLimitBytes(resources);
  return {
    cpus_soft_limit: resources.cpusMilli / MILLI,
    ...(typeof cpus === "number" ? { cpus_limit: cpus / MILLI } : {}),
    mem_soft_limit_bytes: resources.memBytes,
    ...(typeof mem === "number" ? { mem_limit_bytes: mem } : {}),
  };
}

/** Texts of a cgroup's files by their names; those that are not there are left out. */
export type CgroupTexts = Readonly<Record<string, string | undefined>>;

/** The files that `cgroupStatistics` reads. */
export const STATISTICS_FILES = [
  "cgroup.procs",
  "cpu.pressure",
  "cpu.stat",
  "io.pressure",
  "io.stat",
  "memory.current",
  "memory.pressure",
  "memory.stat",
  "memory.swap.current",
  "pids.current",
] as const;

export function cgroupStatistics(texts: CgroupTexts): Usage {
  return {
    ...countStatistics(texts),
    ...cpuStatistics(texts["cpu.stat"]),
    ...memoryStatistics(texts),
    ...ioStatistics(texts["io.stat"]),
    ...pressureStatistics(texts),
  };
}

/** pids.current counts threads (kernel: Documentation/admin-guide/cgroup-v2.rst, "PID"). */
function countStatistics(texts: CgroupTexts): Usage {
  const processes = texts["cgroup.procs"];
  const threads = texts["pids.current"];
  return {
    ...(processes === undefined ? {} : { processes: processes.split("\n").filter(Boolean).length }),
    ...(threads === undefined ? {} : { threads: Number(threads) }),
  };
}

function cpuStatistics(text: string | undefined): Usage {
  if (text === undefined) return {};
  const values = flatKeyed(text);
  const seconds = (name: string): number => (values.get(name) ?? 0) / MICROS_PER_SECOND;
  const used = {
    cpus_user_time_secs: seconds("user_usec"),
    cpus_system_time_secs: seconds("system_usec"),
  };
  const periods = values.get("nr_periods");
  // There with the cpu controller only.
  if (periods === undefined) return used;
  return {
    ...used,
    cpus_nr_periods: periods,
    cpus_nr_throttled: values.get("nr_throttled") ?? 0,
    cpus_throttled_time_secs: seconds("throttled_usec"),
  };
}

function memoryStatistics(texts: CgroupTexts): Usage {
  const current = texts["memory.current"];
  const stat = texts["memory.stat"];
  if (current === undefined || stat === undefined) return {};
  const values = flatKeyed(stat);
  const of = (name: string): number => values.get(name) ?? 0;
  const swap = texts["memory.swap.current"];
  return {
    mem_total_bytes: Number(current),
    mem_rss_bytes: of("anon"),
    mem_anon_bytes: of("anon"),
    mem_cache_bytes: of("file"),
    mem_file_bytes: of("file"),
    mem_mapped_file_bytes: of("file_mapped"),
    mem_kmem_usage_bytes: of("kernel"),
    mem_kmem_tcp_usage_bytes: of("sock"),
    mem_unevictable_bytes: of("unevictable"),
    ...(swap === undefined
      ? {}
      : { mem_swap_bytes: Number(swap), mem_total_memsw_bytes: Number(current) + Number(swap) }),
  };
}

/** A line of io.stat: `8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0`. */
function ioStatistics(text: string | undefined): Usage {
  const throttling: CgroupInfoBlkioThrottlingStatistics[] = [];
  for (const line of (text ?? "").split("\n")) {
    const match = /^(\d+):(\d+) (.+)$/.exec(line);
    if (match === null) continue;
    const values = flatKeyed((match[3] ?? "").replaceAll(" ", "\n").replaceAll("=", " "));
    throttling.push({
      device: { major_number: Number(match[1]), minor_number: Number(match[2]) },
      io_serviced: ioValues(values, "ios"),
      io_service_bytes: ioValues(values, "bytes"),
    });
  }
  return throttling.length === 0 ? {} : { blkio_statistics: { throttling } };
}

function ioValues(values: ReadonlyMap<string, number>, unit: "ios" | "bytes"): CgroupInfoBlkioValue[] {
  const of = (letter: string): number => values.get(letter + unit) ?? 0;
  const [read, write, discard] = [of("r"), of("w"), of("d")];
  return [
    { op: "READ", value: read },
    { op: "WRITE", value: write },
    { op: "DISCARD", value: discard },
    { op: "TOTAL", value: read + write + discard },
  ];
}

/**
 * Where the kernel tells how long processes waited for a resource (kernel: Documentation/accounting/psi.rst).
 * Mesos has events of vmpressure instead, which only cgroup v1 gives: `mem_low_pressure_counter` and so on.
 */
function pressureStatistics(texts: CgroupTexts): Usage {
  const [cpu, memory, io] = [
    pressureOf(texts["cpu.pressure"]),
    pressureOf(texts["memory.pressure"]),
    pressureOf(texts["io.pressure"]),
  ];
  const pressure: PressureStatistics = {
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
    ...(io === undefined ? {} : { io }),
  };
  return Object.keys(pressure).length === 0 ? {} : { pressure };
}

function pressureOf(text: string | undefined): PressureStatisticsPressure | undefined {
  if (text === undefined) return undefined;
  const [some, full] = [stallOf(text, "some"), stallOf(text, "full")];
  if (some === undefined && full === undefined) return undefined;
  return { ...(some === undefined ? {} : { some }), ...(full === undefined ? {} : { full }) };
}

/** A line of it: `some avg10=0.12 avg60=0.05 avg300=0.01 total=4310`; percent, and microseconds. */
function stallOf(text: string, kind: "some" | "full"): PressureStatisticsStall | undefined {
  const match = new RegExp(`^${kind} (.+)$`, "m").exec(text);
  if (match === null) return undefined;
  const values = flatKeyed((match[1] ?? "").replaceAll(" ", "\n").replaceAll("=", " "));
  const of = (name: string): number => values.get(name) ?? 0;
  return {
    avg10: of("avg10"),
    avg60: of("avg60"),
    avg300: of("avg300"),
    total_secs: of("total") / MICROS_PER_SECOND,
  };
}
