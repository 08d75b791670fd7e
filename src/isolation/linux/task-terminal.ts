/**
 * The terminal of a container. Its master must outlive the agent process, or
 * the kernel would hang the terminal up: cat(1) holds it, which copies what
 * the programs say to the sandbox (0.5 MB, for containers with a terminal
 * only). It ends by itself with the last program that has the terminal open.
 * Whoever gives input or another size borrows the master from it.
 */
import { closeSync, writeFileSync } from "node:fs";
import { present } from "../../base/assert.ts";
import { TERMINAL_DRAIN_MAX_MS } from "../../base/limits.ts";
import { fail, ok, type Result } from "../../base/result.ts";
import type { ContainerTerminal, WindowSize } from "../container.ts";
import type { Launched, Owner } from "../runtime.ts";
import type { ProgramInput } from "../session.ts";
import type { Host } from "../tools.ts";
import { isAlive, type ProcessTable, procTable } from "./process-table.ts";
import { borrowDescriptor, openTerminal, resizeTerminal } from "./terminal.ts";

/** Which of the copier's descriptors is the master. */
const MASTER_FD = 0;
const DRAIN_POLL_MS = 5;

export interface StartedTerminal {
  /** For the programs; the caller closes it. */
  readonly slave: number;
  readonly copier: Launched;
}

/** @param stdout file that gets everything the terminal shows. Throws when there is none to be had. */
export function startTerminal(
  host: Host,
  wanted: ContainerTerminal,
  owner: Owner | undefined,
  stdout: number,
): StartedTerminal {
  const terminal = openTerminal(wanted.size, owner, false);
  if (!terminal.ok) throw new Error(terminal.error);
  const { master, slave } = terminal.value;
  try {
    const child = Bun.spawn([present(host.tools.cat, "The plan checked for cat")], {
      cwd: "/",
      env: {},
      stdio: [master, stdout, "ignore"],
      detached: true,
    });
    child.unref();
    const startTime = procTable.process(child.pid)?.startTime ?? "";
    moveToSupervisors(host, child.pid);
    return { slave, copier: { pid: child.pid, startTime } };
  } catch (error) {
    closeSync(slave);
    throw error;
  } finally {
    closeSync(master);
  }
}

/** Out of the cgroup of the agent's service, with which it would end. */
function moveToSupervisors({ supervisorsCgroup }: Host, pid: number): void {
  if (supervisorsCgroup === undefined) return;
  try {
    writeFileSync(`${supervisorsCgroup}/cgroup.procs`, `${pid}`);
  } catch {
    // The kernel ends it with the agent's service; the task is told by SIGHUP.
  }
}

/** The programs have ended: lets the copier write their last words. */
export async function drainTerminal(table: ProcessTable, copier: Launched | undefined): Promise<void> {
  if (copier === undefined) return;
  const deadline = performance.now() + TERMINAL_DRAIN_MAX_MS;
  while (isAlive(table, copier.pid, copier.startTime) && performance.now() < deadline) {
    await Bun.sleep(DRAIN_POLL_MS);
  }
}

/**
 * Input by way of a program of its own, as writing to a terminal that nobody
 * reads would block this process.
 */
export function giveTerminal(host: Host, copier: Launched): Result<ProgramInput> {
  const master = borrowMaster(copier);
  if (!master.ok) return master;
  try {
    const child = Bun.spawn([present(host.tools.cat, "A terminal was made by cat")], {
      cwd: "/",
      env: {},
      stdio: ["pipe", master.value, "ignore"],
      detached: true,
    });
    child.unref();
    return ok(inputBy(child, copier));
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  } finally {
    closeSync(master.value);
  }
}

function inputBy(child: Bun.Subprocess<"pipe", number, "ignore">, copier: Launched): ProgramInput {
  return {
    terminal: true,
    async write(bytes) {
      // Once the programs are gone the kernel would take it for the next one to open the terminal.
      if (!isAlive(procTable, copier.pid, copier.startTime)) return false;
      try {
        child.stdin.write(bytes);
        await child.stdin.flush();
        return true;
      } catch {
        return false;
      }
    },
    end() {},
    resize: (size) => resize(copier, size),
    release() {
      // What was given still goes to the terminal.
      Promise.resolve(child.stdin.end()).catch(() => {});
    },
  };
}

function resize(copier: Launched, size: WindowSize): boolean {
  const master = borrowMaster(copier);
  if (!master.ok) return false;
  const done = resizeTerminal(master.value, size);
  closeSync(master.value);
  return done;
}

function borrowMaster({ pid, startTime }: Launched): Result<number> {
  if (!isAlive(procTable, pid, startTime)) return fail("its terminal is gone");
  const borrowed = borrowDescriptor(pid, MASTER_FD);
  if (borrowed.ok) return borrowed;
  return fail(`its terminal cannot be reached (pidfd_getfd(2), Linux 5.6 or later): ${borrowed.error}`);
}
