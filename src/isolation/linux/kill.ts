/** Ending containers: everything of them, for sure. */
import { CONTAINER_KILL_TIMEOUT_MS } from "../../base/limits.ts";
import { fail, ok, type Result } from "../../base/result.ts";
import { killCgroup, removeCgroup } from "./cgroup.ts";
import { type ProcessTable, sendSignal } from "./process-table.ts";
import { initOf, members, programOf, supervisorAlive, type Tracked } from "./tracked.ts";

const POLL_FIRST_MS = 1;
const POLL_MAX_MS = 50;
/** How long init may take to see its program dead and record it. */
const INIT_RECORDS_MAX_MS = 500;
/** A supervisor that has nothing to wait for and still lives is stuck (stopped by a debugger, for one). */
const SUPERVISOR_ALONE_MAX_MS = 2_000;

/** To each process of the container but the waiting shells; as a number to its program alone. */
export function signalContainer(
  table: ProcessTable,
  tracked: Tracked,
  signal: "SIGTERM" | "SIGKILL" | number,
): void {
  const program = typeof signal === "number" ? programOf(table, tracked) : undefined;
  for (const pid of program === undefined ? members(table, tracked) : [program]) sendSignal(pid, signal);
}

/**
 * SIGKILL until no process is left, the supervisor included. The one that
 * records the exit, which is init or else the supervisor, is spared for the
 * moment that takes. With init the kernel ends all of a pid namespace, also
 * what forks too fast or has left the cgroup.
 */
export async function killAll(table: ProcessTable, tracked: Tracked): Promise<Result<void>> {
  const begin = performance.now();
  const deadline = begin + CONTAINER_KILL_TIMEOUT_MS;
  let aloneSince: number | undefined;
  for (let wait = POLL_FIRST_MS; ; wait = Math.min(wait * 2, POLL_MAX_MS)) {
    // Without its supervisor init has nobody to tell, and nothing that would end it but this.
    const patient = supervisorAlive(table, tracked) && performance.now() - begin <= INIT_RECORDS_MAX_MS;
    killMembers(table, tracked, !patient);
    const left = members(table, tracked);
    const lost = !supervisorAlive(table, tracked);
    if (lost && left.length === 0 && initOf(table, tracked) === undefined) return ok(undefined);
    const now = performance.now();
    if (left.length > 0 || initOf(table, tracked) !== undefined) aloneSince = undefined;
    else aloneSince ??= now;
    if (aloneSince !== undefined && now - aloneSince > SUPERVISOR_ALONE_MAX_MS) {
      sendSignal(tracked.supervisor.pid, "SIGKILL");
    }
    if (now > deadline) return fail(stillThere(tracked, left));
    await Bun.sleep(wait);
  }
}

function killMembers(table: ProcessTable, tracked: Tracked, initToo: boolean): void {
  const { record, supervisor } = tracked;
  const init = initOf(table, tracked);
  if (init !== undefined) sendSignal(init, initToo ? "SIGKILL" : "SIGCONT");
  if (record.cgroup !== undefined) killCgroup(record.cgroup);
  else signalContainer(table, tracked, "SIGKILL");
  if (supervisorAlive(table, tracked)) sendSignal(supervisor.pid, "SIGCONT");
}

/**
 * Ends what a container that has ended left behind, and removes its cgroup.
 * `recorded`: the supervisor saw the end, so init is dead and with it, by the
 * kernel's word, everything in the pid namespace.
 */
export async function killStragglers(
  table: ProcessTable,
  tracked: Tracked,
  recorded: boolean,
): Promise<Result<void>> {
  const { cgroup, namespaces } = tracked.record;
  if (recorded && cgroup === undefined && namespaces.includes("pid") && !supervisorAlive(table, tracked)) {
    return ok(undefined);
  }
  // The usual end, in one system call: a cgroup with processes cannot be removed.
  if (cgroup !== undefined && removeCgroup(cgroup) && !supervisorAlive(table, tracked)) return ok(undefined);
  const killed = await killAll(table, tracked);
  if (!killed.ok || cgroup === undefined) return killed;
  return removeEmptyCgroup(cgroup);
}

/** Ends every process of a cgroup whose supervisor is not known, and removes it. */
export async function killCgroupAndRemove(cgroup: string): Promise<Result<void>> {
  if (removeCgroup(cgroup)) return ok(undefined);
  killCgroup(cgroup);
  return removeEmptyCgroup(cgroup);
}

/** Processes leave a cgroup a moment after they ended. */
async function removeEmptyCgroup(cgroup: string): Promise<Result<void>> {
  const deadline = performance.now() + CONTAINER_KILL_TIMEOUT_MS;
  for (let wait = POLL_FIRST_MS; !removeCgroup(cgroup); wait = Math.min(wait * 2, POLL_MAX_MS)) {
    if (performance.now() > deadline) {
      return fail(`Cannot remove the cgroup ${cgroup}: processes stay in it; look at its cgroup.procs`);
    }
    killCgroup(cgroup);
    await Bun.sleep(wait);
  }
  return ok(undefined);
}

function stillThere(tracked: Tracked, left: readonly number[]): string {
  const pids = [...left.slice(0, 10), tracked.supervisor.pid].join(", ");
  return (
    `Cannot end container ${tracked.record.containerId}: after ${CONTAINER_KILL_TIMEOUT_MS} ms of SIGKILL ` +
    `processes are left (${pids}); a process in uninterruptible sleep waits for a device or network file system`
  );
}
