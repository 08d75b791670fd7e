/** What tasks, or the agent for them, left on the machine. */
import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Those that are still there, of the cgroups v2 that the tasks were in, and of the agent's around them. */
export function cgroupsLeft(text: string): string[] {
  const own = new Set(text.split("\n").flatMap((line) => /^0::(\/mesh\/[^/]+)\//.exec(line)?.[1] ?? []));
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(" - cgroup2 "))
    .map((line) => line.split(" ")[4] ?? "");
  return mounts
    .flatMap((mount) => [...own].map((path) => `${mount}${path}`))
    .filter((path) => existsSync(path));
}

/** Pids of processes, but the cluster's own, whose environment names the directory. */
export function processesOf(directory: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, "utf8").includes(directory);
    } catch {
      return false; // It ended meanwhile.
    }
  });
}
