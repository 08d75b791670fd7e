/**
 * Processes as /proc shows them (proc_pid_stat(5)), or ps(1) where there is no
 * /proc. A pid is used again after its process ended; together with the start
 * time it names one process for ever (until the next boot).
 */
import { readdirSync, readFileSync } from "node:fs";
import { notThere } from "./exhaustion.ts";

export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Clock ticks since boot, as text; from ps(1) the start date. */
  readonly startTime: string;
  /** Ended, but its parent has not asked for its status. */
  readonly zombie: boolean;
}

/** Throws when descriptors or memory are used up: what is not seen then may be there. */
export interface ProcessTable {
  process(pid: number): Process | undefined;
  all(): Process[];
  /** Direct children. */
  children(pid: number): number[];
  /** Command line as its words; empty for kernel threads and zombies. */
  commandLine(pid: number): string[];
}

/** One line of /proc/<pid>/stat, or undefined. The name in parentheses may hold anything, even ")". */
export function parseStat(line: string): Process | undefined {
  const open = line.indexOf("(");
  const close = line.lastIndexOf(")");
  if (open < 0 || close < open) return undefined;
  // fields[0] is field 3 of the manual page, the state; field 22 is the start time.
  const fields = line.slice(close + 2).split(" ");
  const [state, parent, group, session] = fields;
  const startTime = fields[19];
  const pid = Number.parseInt(line.slice(0, open), 10);
  if (state === undefined || startTime === undefined || Number.isNaN(pid)) return undefined;
  return {
    pid,
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    startTime: startTime.trimEnd(),
    zombie: state === "Z" || state === "X",
  };
}

export const procTable: ProcessTable = {
  process(pid) {
    const line = read(`/proc/${pid}/stat`);
    return line === undefined ? undefined : parseStat(line);
  },
  all() {
    const found: Process[] = [];
    for (const name of readdirSync("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      const process = procTable.process(Number(name));
      if (process !== undefined) found.push(process);
    }
    return found;
  },
  children(pid) {
    // Needs CONFIG_PROC_CHILDREN, which the kernels of all large distributions have.
    const direct = read(`/proc/${pid}/task/${pid}/children`);
    if (direct !== undefined) return direct.trim().split(" ").filter(Boolean).map(Number);
    if (procTable.process(pid) === undefined) return [];
    return procTable
      .all()
      .filter((process) => process.parent === pid)
      .map((process) => process.pid);
  },
  commandLine(pid) {
    return (read(`/proc/${pid}/cmdline`) ?? "").split("\0").slice(0, -1);
  },
};

/** For systems without /proc, such as macOS. Slow: each call runs ps(1). */
export const psTable: ProcessTable = {
  process(pid) {
    return psRows(["-p", String(pid)])[0];
  },
  all() {
    return psRows(["-A"]);
  },
  children(pid) {
    return psTable
      .all()
      .filter((process) => process.parent === pid)
      .map((process) => process.pid);
  },
  commandLine(pid) {
    return ps(["-o", "command=", "-p", String(pid)])
      .trim()
      .split(" ");
  },
};

/**
 * One row of `ps -o pid=,ppid=,pgid=,stat=,lstart=`. The group stands for the
 * session, which macOS does not tell.
 */
export function parsePsRow(row: string): Process | undefined {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(row);
  if (match === null) return undefined;
  const [, pid, parent, group, state = "", startTime = ""] = match;
  return {
    pid: Number(pid),
    parent: Number(parent),
    group: Number(group),
    session: Number(group),
    startTime: startTime.replaceAll(/\s+/g, " "),
    zombie: state.startsWith("Z"),
  };
}

function psRows(selection: readonly string[]): Process[] {
  const found: Process[] = [];
  for (const row of ps(["-o", "pid=,ppid=,pgid=,stat=,lstart=", ...selection]).split("\n")) {
    const process = parsePsRow(row);
    if (process !== undefined) found.push(process);
  }
  return found;
}

function ps(words: readonly string[]): string {
  return Bun.spawnSync(["/bin/ps", ...words], { env: { LC_ALL: "C" } }).stdout.toString();
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    return notThere(error); // The process ended meanwhile.
  }
}

/** True while exactly this process runs; false for a zombie and for another process with its pid. */
export function isAlive(table: ProcessTable, pid: number, startTime: string): boolean {
  const process = table.process(pid);
  return process !== undefined && !process.zombie && process.startTime === startTime;
}

/** Everything below `pid`, without it. */
export function descendants(processes: readonly Process[], pid: number): Process[] {
  const byParent = Map.groupBy(processes, (process) => process.parent);
  const found: Process[] = [];
  const waiting = [...(byParent.get(pid) ?? [])];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    found.push(next);
    waiting.push(...(byParent.get(next.pid) ?? []));
  }
  return found;
}

/** Sends a signal; false when the process is gone already. */
export function sendSignal(pid: number, signal: "SIGTERM" | "SIGKILL" | "SIGCONT" | number): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
