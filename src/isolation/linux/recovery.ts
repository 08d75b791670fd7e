/** Finding containers that an earlier agent process started. */
import { type ProcessTable, procTable } from "./process-table.ts";
import type { Records } from "./records.ts";
import { type Tracked, trackedFromRecord } from "./tracked.ts";

/** By its records; undefined when it never got as far as its start record. */
export function readTracked(records: Records, containerId: string): Tracked | undefined {
  const record = records.read(containerId);
  const lines = records.started(containerId);
  if (record === undefined || lines === undefined) return undefined;
  const noted = records.supervisor(containerId);
  const tracked = trackedFromRecord(record, records.paths(containerId).started, lines, noted);
  // The agent died between the start and its note of it.
  return tracked ?? findSupervisor(procTable, records, containerId);
}

/**
 * A supervisor that has not announced its task yet: the agent died in the
 * middle of the launch. Its command line names the exit record, which is unique.
 */
export function findSupervisor(
  table: ProcessTable,
  records: Records,
  containerId: string,
): Tracked | undefined {
  const record = records.read(containerId);
  if (record === undefined) return undefined;
  const { exit: exitRecord, started: startRecord } = records.paths(containerId);
  const named = table.all().filter(({ pid }) => table.commandLine(pid).includes(exitRecord));
  const pids = new Set(named.map(({ pid }) => pid));
  for (const process of named) {
    // init and the task before its program bear the same words.
    if (pids.has(process.parent)) continue;
    const supervisor = { pid: process.pid, startTime: process.startTime };
    const session = { id: process.session, startTime: process.startTime };
    const found = { record, startRecord, supervisor };
    return record.namespaces.includes("pid") ? found : { ...found, session };
  }
  return undefined;
}
