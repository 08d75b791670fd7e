/**
 * cgroup v2 directories (kernel: Documentation/admin-guide/cgroup-v2.rst).
 *
 *     <cgroup2 mount>/mesh/<agent>/supervisors     the waiting shells
 *     <cgroup2 mount>/mesh/<agent>/<container>     a container's processes, and what cgroups it makes itself
 *
 * <agent> is made from the runtime directory, so that several agents on one
 * machine keep apart and a restarted agent finds its own. On machines with
 * cgroup v1 the v2 tree is mounted beside it, without controllers; it then
 * serves to find and end processes. Limits are files of the same directories,
 * where controllers.ts found some.
 */
import { type Dirent, existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fail, ok, type Result } from "../../base/result.ts";
import type { CgroupFile } from "../cgroup-limits.ts";
import { memoryLimitation } from "../cgroup-memory.ts";
import type { Limitation } from "../container.ts";
import { makeDirectory } from "./directory.ts";
import { sendSignal } from "./process-table.ts";

export const SUPERVISORS = "supervisors";

/** Mount points of cgroup2 in the text of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export function cgroup2Mounts(mountinfo: string): string[] {
  const found: string[] = [];
  for (const line of mountinfo.split("\n")) {
    const [before, after] = line.split(" - ");
    if (!after?.startsWith("cgroup2 ")) continue;
    const mountPoint = before?.split(" ")[4];
    if (mountPoint !== undefined) found.push(unescapeMountPath(mountPoint));
  }
  return found;
}

function unescapeMountPath(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** Makes the directory; an existing one is fine. Throws what mkdir(2) says. */
export function makeCgroup(path: string): void {
  makeDirectory(path);
}

/** Writes the files of limits in their order. The error says which one the kernel refused. */
export function limitCgroup(path: string, files: readonly CgroupFile[]): Result<void> {
  for (const { file, value } of files) {
    try {
      writeFileSync(`${path}/${file}`, value);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return fail(
        `Cannot limit the cgroup ${path}: the kernel refuses ${JSON.stringify(value)} in ${file}: ${why}`,
      );
    }
  }
  return ok(undefined);
}

/** The same where processes are: below what they use the kernel would end them, so memory only grows. */
export function limitRunning(path: string, files: readonly CgroupFile[]): Result<void> {
  const growing = files.filter(
    ({ file, value }) => file !== "memory.max" || !isBelow(value, `${path}/${file}`),
  );
  return limitCgroup(path, growing);
}

function isBelow(value: string, file: string): boolean {
  if (value === "max") return false;
  try {
    const present = readFileSync(file, "utf8").trim();
    return present === "max" || Number(value) < Number(present);
  } catch {
    // The processes have ended, and the write tells of it.
    return false;
  }
}

/** One that a pod's tasks share: it may run, and have more than was planned, as when an image took long. */
export function limitShared(path: string, files: readonly CgroupFile[]): Result<void> {
  const isPopulated = /^populated 1$/m.test(readFileSync(`${path}/cgroup.events`, "utf8"));
  return isPopulated ? limitRunning(path, files) : limitCgroup(path, files);
}

/** Why the kernel ended something of the cgroup, if it did so for the cgroup's own memory limit. */
export function memoryLimitationOf(path: string): Limitation | undefined {
  const read = (file: string): string | undefined => {
    try {
      return readFileSync(`${path}/${file}`, "utf8");
    } catch {
      return undefined;
    }
  };
  const events = read("memory.events");
  // The usual end costs one read.
  if (events === undefined || /^oom_kill 0$/m.test(events)) return undefined;
  return memoryLimitation({
    events,
    ownEvents: read("memory.events.local"),
    max: read("memory.max"),
    peak: read("memory.peak"),
    stat: read("memory.stat"),
  });
}

/** Every process of the cgroup and those below it. */
export function cgroupProcesses(path: string): number[] {
  return tree(path).flatMap(ownProcesses);
}

/** Processes of the cgroup itself. */
export function ownProcesses(path: string): number[] {
  try {
    return readFileSync(`${path}/cgroup.procs`, "utf8").split("\n").filter(Boolean).map(Number);
  } catch {
    return []; // Removed meanwhile.
  }
}

/**
 * SIGKILL to all of it: at once by cgroup.kill (Linux 5.14), else one by one.
 * The caller repeats it until the cgroup is empty.
 */
export function killCgroup(path: string): void {
  const file = `${path}/cgroup.kill`;
  try {
    // Never created by the write: cgroupfs knows no new files.
    if (existsSync(file)) {
      writeFileSync(file, "1");
      return;
    }
  } catch {
    // Fall through to the slow way.
  }
  for (const pid of cgroupProcesses(path)) sendSignal(pid, "SIGKILL");
}

/** Removes the cgroup and those below it. False while processes are in it. */
export function removeCgroup(path: string): boolean {
  // Containers rarely make cgroups themselves: most often this is all.
  const code = tryRemove(path);
  if (code === undefined || code === "ENOENT") return true;
  for (const directory of tree(path).reverse()) {
    const problem = tryRemove(directory);
    if (problem !== undefined && problem !== "ENOENT") return false;
  }
  return true;
}

/** Error code of rmdir(2), if any. */
function tryRemove(directory: string): string | undefined {
  try {
    rmdirSync(directory);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "unknown";
  }
}

/** Removes one cgroup that has no processes and no children; leaves any other. */
export function removeEmptyCgroupDirectory(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // In use.
  }
}

/** Names of the cgroups directly below. */
export function cgroupChildren(path: string): string[] {
  return directories(path).map((entry) => entry.name);
}

/** The directory and all below it, parents first; empty when it does not exist. */
function tree(path: string): string[] {
  if (!existsSync(path)) return [];
  const found = [path];
  for (let index = 0; index < found.length; index++) {
    const directory = found[index] as string;
    for (const entry of directories(directory)) found.push(`${directory}/${entry.name}`);
  }
  return found;
}

function directories(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  } catch {
    return [];
  }
}

/** Only when no container lives on: the kernel refuses to remove a cgroup in use. */
export function removeAgentCgroup(supervisors: string | undefined): void {
  if (supervisors !== undefined && removeCgroup(supervisors))
    removeEmptyCgroupDirectory(dirname(supervisors));
}
