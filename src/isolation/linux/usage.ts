/** Reads what a container uses; only when somebody asks. */
import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { SECOND_MS } from "../../base/time.ts";
import type { ResourceStatistics } from "../../model/v1/statistics.ts";
import { networkStatistics, snmpStatistics } from "../network-statistics.ts";
import {
  type CgroupTexts,
  cgroupStatistics,
  limitStatistics,
  STATISTICS_FILES,
  type Usage,
} from "../statistics.ts";
import type { Host } from "../tools.ts";
import { cgroupProcesses } from "./cgroup.ts";
import type { ProcessTable } from "./process-table.ts";
import { initOf, members, type Tracked } from "./tracked.ts";

/** sysconf(_SC_CLK_TCK): 100 for every program on Linux. */
const TICKS_PER_SECOND = 100;
const BYTES_PER_KB = 1_024;

/** The supervisors, which are mesh's own, do not count. */
export async function containerUsage(
  table: ProcessTable,
  tracked: Tracked,
  { cgroupSettings }: Host,
): Promise<ResourceStatistics> {
  const { record, resources } = tracked;
  const limits = resources === undefined ? {} : limitStatistics(resources, cgroupSettings?.cpuQuota === true);
  const used =
    record.cgroup === undefined
      ? processUsage(members(table, tracked), true)
      : await cgroupUsage(record.cgroup);
  const network = record.namespaces.includes("net") ? await networkUsage(table, tracked) : {};
  return { timestamp: Date.now() / SECOND_MS, ...limits, ...used, ...network };
}

/** Of a network of its own; on the host's nobody can tell whose packets they are. */
async function networkUsage(table: ProcessTable, tracked: Tracked): Promise<Usage> {
  // The supervisor was in that network from its beginning.
  const directory = `/proc/${initOf(table, tracked) ?? tracked.supervisor.pid}/net`;
  const [interfaces, snmp] = [await readText(`${directory}/dev`), await readText(`${directory}/snmp`)];
  return {
    ...(interfaces === undefined ? {} : networkStatistics(interfaces)),
    ...(snmp === undefined ? {} : { net_snmp_statistics: snmpStatistics(snmp) }),
  };
}

/** Of all containers of a pod; undefined when it has no cgroup. */
export async function podUsage(cgroup: string): Promise<ResourceStatistics | undefined> {
  if (!existsSync(cgroup)) return undefined;
  const used = await cgroupUsage(cgroup);
  // cgroup.procs lists what is directly in it: here, nothing.
  return { timestamp: Date.now() / SECOND_MS, ...used, processes: cgroupProcesses(cgroup).length };
}

async function cgroupUsage(cgroup: string): Promise<Usage> {
  const texts: Record<string, string | undefined> = {};
  // One after the other: five hundred containers must not take as many descriptors each.
  for (const name of STATISTICS_FILES) texts[name] = await readText(`${cgroup}/${name}`);
  const usage = cgroupStatistics(texts as CgroupTexts);
  // Without the memory controller the processes themselves tell.
  return usage.mem_total_bytes === undefined
    ? { ...processUsage(cgroupProcesses(cgroup), false), ...usage }
    : usage;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return undefined;
  }
}

/** As Mesos' posix isolators: sums over the processes that live (proc_pid_stat(5), proc_pid_status(5)). */
function processUsage(pids: readonly number[], withCpu: boolean): Usage {
  let [rssBytes, userTicks, systemTicks, threads, processes] = [0, 0, 0, 0, 0];
  for (const pid of pids) {
    const text = readNow(`/proc/${pid}/status`);
    if (text === undefined) continue;
    processes++;
    rssBytes += Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * BYTES_PER_KB;
    threads += Number(/^Threads:\s+(\d+)/m.exec(text)?.[1] ?? 1);
    if (!withCpu) continue;
    const stat = readNow(`/proc/${pid}/stat`) ?? "";
    // Fields 14 to 17, of itself and of children it waited for; the first here is field 3.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    userTicks += Number(fields[11] ?? 0) + Number(fields[13] ?? 0);
    systemTicks += Number(fields[12] ?? 0) + Number(fields[14] ?? 0);
  }
  // Where there is no /proc nothing is known.
  if (processes === 0) return {};
  return {
    processes,
    threads,
    mem_rss_bytes: rssBytes,
    ...(withCpu
      ? {
          cpus_user_time_secs: userTicks / TICKS_PER_SECOND,
          cpus_system_time_secs: systemTicks / TICKS_PER_SECOND,
        }
      : {}),
  };
}

function readNow(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // The process ended meanwhile.
  }
}
