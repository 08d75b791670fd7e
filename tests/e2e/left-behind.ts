/** What tasks, or the agent for them, left on the machine. */
import { expect } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chooseRuntimeDirectory } from "../../src/main/runtime-directory.ts";
import { eventually, type TestCluster } from "./test-cluster.ts";

/**
 * Stops the only agent of the cluster, which was killed before, once it is back.
 * @param cgroups file to which each task wrote its /proc/self/cgroup
 */
export async function expectNothingLeft(cluster: TestCluster, cgroups: string): Promise<void> {
  await eventually("the agent to be back", async () => (await cluster.activeAgents()) === 1);
  const runtimeDirectory = chooseRuntimeDirectory(join(cluster.directory, "a0"));
  await cluster.agents[0]?.kill("SIGTERM");
  expect(existsSync(runtimeDirectory)).toBeFalse();
  expect(cgroupsLeft(readFileSync(cgroups, "utf8"))).toEqual([]);
  expect(processesOf(cluster.directory)).toEqual([]);
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(cluster.directory);
}

/** Those that are still there, of the cgroups v2 that the tasks were in, and of the agent's around them. */
function cgroupsLeft(text: string): string[] {
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
function processesOf(directory: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, "utf8").includes(directory);
    } catch {
      return false; // It ended meanwhile.
    }
  });
}
