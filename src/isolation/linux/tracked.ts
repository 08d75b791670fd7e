/** Which processes belong to a started container. */
import type { ContainerResources } from "../container.ts";
import type { Launched } from "../runtime.ts";
import { cgroupProcesses } from "./cgroup.ts";
import { descendants, isAlive, type ProcessTable, parseStat } from "./process-table.ts";
import type { ContainerLog, ContainerRecord } from "./records.ts";

/** A started container: its record, its supervisor, and its session where that is what holds it together. */
export interface Tracked {
  readonly record: ContainerRecord;
  readonly supervisor: Launched;
  readonly recordPath: string;
  /** Id and start time of the leader of the task's session; absent with a pid namespace. */
  readonly session?: { readonly id: number; readonly startTime: string };
  /** What it was given; unknown when an older version launched it. */
  readonly resources?: ContainerResources;
  /** The program that copies its terminal to the sandbox, and holds the terminal's master as its input. */
  readonly terminal?: Launched;
}

/** From what is on disk of a started container. */
export function trackedFromLog(log: ContainerLog, recordPath: string): Tracked | undefined {
  const { record, resources, terminal } = log;
  const given = {
    ...(resources === undefined ? {} : { resources }),
    ...(terminal === undefined ? {} : { terminal }),
  };
  const supervisor = identity(log.supervisor);
  if (supervisor === undefined) return undefined;
  const launched: Launched = { pid: supervisor.pid, startTime: supervisor.startTime };
  // With a pid namespace nothing but init's children is needed.
  if (record.namespaces.includes("pid")) return { record, recordPath, supervisor: launched, ...given };
  const leader = record.ownSession ? (identity(log.task) ?? supervisor) : supervisor;
  return {
    record,
    recordPath,
    supervisor: launched,
    session: { id: leader.pid, startTime: leader.startTime },
    ...given,
  };
}

/** A line of /proc/<pid>/stat, or "pid start date" as the script writes it where there is no /proc. */
function identity(line: string | undefined): { pid: number; startTime: string } | undefined {
  if (line === undefined || line === "") return undefined;
  const stat = parseStat(line);
  if (stat !== undefined) return stat;
  const match = /^(\d+) (.+)$/.exec(line);
  return match === null
    ? undefined
    : { pid: Number(match[1]), startTime: (match[2] ?? "").trim().replaceAll(/\s+/g, " ") };
}

export function supervisorAlive(table: ProcessTable, { supervisor }: Tracked): boolean {
  return isAlive(table, supervisor.pid, supervisor.startTime);
}

/** Pid 1 of the container's pid namespace as the host sees it; none once it ended. */
export function initOf(table: ProcessTable, tracked: Tracked): number | undefined {
  const { record, supervisor } = tracked;
  if (!record.namespaces.includes("pid")) return undefined;
  if (supervisorAlive(table, tracked)) return table.children(supervisor.pid)[0];
  // Somebody killed the supervisor. With a cgroup, init ends when its task is killed there.
  return record.cgroup === undefined ? initByCommandLine(table, tracked) : undefined;
}

/**
 * The process that the container was launched for; undefined where it is not told from those that it
 * started. Of init's children it is the oldest: those that it inherits come behind.
 */
export function programOf(table: ProcessTable, tracked: Tracked): number | undefined {
  const init = initOf(table, tracked);
  if (init !== undefined) return table.children(init)[0];
  const { record, session } = tracked;
  if (session === undefined || !record.ownSession) return undefined;
  return isAlive(table, session.id, session.startTime) ? session.id : undefined;
}

/** Whether a program can be run in it. */
export function containerLives(table: ProcessTable, tracked: Tracked): boolean {
  if (!supervisorAlive(table, tracked)) return false;
  if (!tracked.record.namespaces.includes("pid")) return true;
  const init = initOf(table, tracked);
  return init !== undefined && table.process(init)?.zombie === false;
}

/** Init's command line names the record, which no other container has. */
export function initByCommandLine(table: ProcessTable, { recordPath }: Tracked): number | undefined {
  return table.all().find(({ pid, zombie }) => !zombie && table.commandLine(pid).includes(recordPath))?.pid;
}

/** Live processes of the container, without the waiting shells. */
export function members(table: ProcessTable, tracked: Tracked): number[] {
  const { record, supervisor, session } = tracked;
  if (record.cgroup !== undefined) return cgroupProcesses(record.cgroup);
  const all = table.all();
  const found = new Set<number>();
  if (supervisorAlive(table, tracked)) {
    for (const process of descendants(all, supervisor.pid)) if (!process.zombie) found.add(process.pid);
  }
  if (session !== undefined) {
    const leader = all.find((process) => process.pid === session.id);
    // Another start time: the number was used again, the session is a stranger's.
    if (leader === undefined || leader.startTime === session.startTime) {
      for (const process of all) {
        if (process.session === session.id && !process.zombie) found.add(process.pid);
      }
    }
  }
  found.delete(supervisor.pid);
  const init = initOf(table, tracked);
  if (init !== undefined) found.delete(init);
  return [...found];
}
