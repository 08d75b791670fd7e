/**
 * Whose a directory below /run/mesh or /dev/shm/mesh is. An agent that is killed, and whose work directory is
 * deleted then, leaves it there; the next agent on the machine clears it.
 */
import {
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { runtimeDirectory } from "../agent/paths.ts";
import type { Log } from "../base/log.ts";
import { cgroupProcesses, removeCgroup } from "../isolation/linux/cgroup.ts";
import { agentName } from "../isolation/linux/probe.ts";
import { isAlive, procTable } from "../isolation/linux/process-table.ts";
import { Records } from "../isolation/linux/records.ts";
import { findSupervisor, readTracked } from "../isolation/linux/recovery.ts";
import { supervisorAlive } from "../isolation/linux/tracked.ts";

const OWNER_FILE = "owner";

interface Owner {
  readonly workDir: string;
  /** Number of the disk that the work directory is on. */
  readonly device: number;
  readonly pid: number;
  readonly startTime: string;
}

/**
 * Names the owner in a directory that is not in the work directory, and clears what other agents left.
 * @param cgroupRoot of this agent; those of others are beside it
 */
export function ownRuntimeDirectory(
  directory: string,
  workDir: string,
  cgroupRoot: string | undefined,
  log: Log,
): void {
  if (directory === runtimeDirectory(workDir)) return;
  try {
    const startTime = procTable.process(process.pid)?.startTime ?? "";
    const owner: Owner = { workDir, device: statSync(workDir).dev, pid: process.pid, startTime };
    const path = ownerFile(directory);
    writeFileSync(`${path}.new`, JSON.stringify(owner), { mode: 0o600 });
    renameSync(`${path}.new`, path);
    clearAbandoned(directory, cgroupRoot, log);
  } catch (error) {
    // Without it nothing is lost but room.
    log.warn("Cannot look after directories of other agents", { directory, reason: String(error) });
  }
}

export function ownerFile(directory: string): string {
  return join(directory, OWNER_FILE);
}

/** Removes directories whose agents cannot come back, and of which no container lives. */
function clearAbandoned(own: string, cgroupRoot: string | undefined, log: Log): void {
  const parent = dirname(own);
  for (const name of readdirSync(parent)) {
    const directory = join(parent, name);
    if (name === basename(own)) continue;
    const owner = readOwner(directory);
    if (owner === undefined || mayComeBack(owner) || isUsed(directory)) continue;
    const cgroup = agentName(realpathSync(directory));
    // An agent that begins now makes it anew.
    const aside = join(parent, `.${name}.${process.pid}`);
    renameSync(directory, aside);
    rmSync(aside, { recursive: true, force: true });
    // Without processes, as nothing of it lives.
    if (cgroupRoot !== undefined) removeCgroup(join(dirname(cgroupRoot), cgroup));
    log.info("Cleared what an agent left", { directory, workDir: owner.workDir });
  }
}

function readOwner(directory: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(ownerFile(directory), "utf8")) as Owner;
  } catch {
    return undefined; // Of an older version, or made just now.
  }
}

/** It runs, or its work directory is there; on a disk that is not mounted now, it may be. */
function mayComeBack({ workDir, device, pid, startTime }: Owner): boolean {
  if (isAlive(procTable, pid, startTime)) return true;
  let found = workDir;
  while (!existsSync(found)) found = dirname(found);
  return found === workDir || statSync(found).dev !== device;
}

function isUsed(directory: string): boolean {
  const networks = join(directory, "networks");
  if (existsSync(networks) && readdirSync(networks).length > 0) return true;
  const records = new Records(directory);
  return records.ids().some((id) => {
    const tracked = readTracked(records, id) ?? findSupervisor(procTable, records, id);
    if (tracked !== undefined && supervisorAlive(procTable, tracked)) return true;
    const cgroup = records.read(id)?.record.cgroup;
    return cgroup !== undefined && cgroupProcesses(cgroup).length > 0;
  });
}
