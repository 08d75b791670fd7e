/** Finding containers that an earlier agent process started. */
import { type ProcessTable, procTable } from "./process-table.ts";
import type { Records } from "./records.ts";
import { type Tracked, trackedFromLog } from "./tracked.ts";

/** By its record; undefined when it never got as far as its start. */
export function readTracked(records: Records, containerId: string): Tracked | undefined {
  const log = records.read(containerId);
  if (log?.started !== true) return undefined;
  // The second when the agent died between the start and its note of it.
  return trackedFromLog(log, records.path(containerId)) ?? findSupervisor(procTable, records, containerId);
}

/**
 * A supervisor that has not announced its task yet: the agent died in the
 * middle of the launch. Its command line names the record, which is unique.
 */
export function findSupervisor(
  table: ProcessTable,
  records: Records,
  containerId: string,
): Tracked | undefined {
  const record = records.read(containerId)?.record;
  if (record === undefined) return undefined;
  const recordPath = records.path(containerId);
  const named = table.all().filter(({ pid }) => table.commandLine(pid).includes(recordPath));
  const pids = new Set(named.map(({ pid }) => pid));
  for (const process of named) {
    // init and the task before its program bear the same words.
    if (pids.has(process.parent)) continue;
    const supervisor = { pid: process.pid, startTime: process.startTime };
    const session = { id: process.session, startTime: process.startTime };
    const found = { record, recordPath, supervisor };
    return record.namespaces.includes("pid") ? found : { ...found, session };
  }
  return undefined;
}
