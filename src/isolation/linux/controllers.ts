/**
 * Where an agent's cgroups are, and the controllers in them (kernel:
 * Documentation/admin-guide/cgroup-v2.rst, "Controlling Controllers").
 *
 *     <mount>                  root of the tree: processes may stay in it
 *     <mount>/mesh             no processes: it hands its controllers on
 *     <mount>/mesh/<agent>     the same; cpuset.cpus and memory.low of all containers
 *     <mount>/mesh/<agent>/…   supervisors and containers: processes, and nothing below
 *
 * A cgroup with processes cannot hand controllers on. Beside systemd the tree
 * holds: what systemd takes from the root's cgroup.subtree_control stays there
 * while a child uses it. Who may not write at the root (no root rights, a
 * container) can be given a part: Delegate=yes and DelegateSubgroup=agent in
 * the unit; the agent then stands in <unit>/agent and works beside it.
 */
import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { CgroupSettings } from "../cgroup-settings.ts";
import { makeCgroup, SUPERVISORS } from "./cgroup.ts";

/** What limits and statistics are made of; without one of them something is missing. */
const WANTED = ["cpu", "memory", "pids", "io"] as const;
/** DelegateSubgroup= of the agent's unit. */
const DELEGATED_AGENT = "agent";
/** No container's id begins with a dot. */
const PROBE = ".probe";

/** Places for cgroups of an agent below one mount, best first. `ownCgroup`: text of /proc/self/cgroup. */
export function cgroupBases(mount: string, settings: CgroupSettings, ownCgroup: string): string[] {
  const bases = [`${mount}/${settings.root}`];
  const own = /^0::(\/.*)$/m.exec(ownCgroup)?.[1];
  if (own?.endsWith(`/${DELEGATED_AGENT}`)) bases.push(`${mount}${dirname(own)}/${settings.root}`);
  return bases;
}

export interface Controllers {
  /** Names of the files of a container's cgroup; empty without controllers. */
  readonly files: ReadonlySet<string>;
  readonly names: readonly string[];
  /** One line for each thing that is missing and why. */
  readonly missing: readonly string[];
  /** Settings the operator asked for that cannot be had, as a sentence each. */
  readonly unmet: readonly string[];
}

/** Hands controllers down from the mount to the children of the agent's cgroup, which must exist. */
export function setUpControllers(
  mount: string,
  agentCgroup: string,
  settings: CgroupSettings,
  protectedMemBytes: number | undefined,
): Controllers {
  const wanted = [
    ...WANTED,
    ...(settings.cpuset === undefined ? [] : ["cpuset"]),
    ...(settings.hugePagesMax === undefined ? [] : ["hugetlb"]),
  ];
  const path = pathFrom(mount, agentCgroup);
  const missing: string[] = [];
  const names = wanted.filter((name) => {
    const problem = handDown(name, path);
    if (problem !== undefined) missing.push(`${name} of cgroups: ${problem}`);
    return problem === undefined;
  });
  if (names.length === 0) missing.splice(0, missing.length, withoutControllers(mount));
  if (names.includes("memory") && protectedMemBytes !== undefined) {
    // Children's memory.low counts for no more than their ancestors'. Further up is not the agent's.
    for (const directory of path.slice(-2)) tryWrite(`${directory}/memory.low`, `${protectedMemBytes}`);
  }
  const unmet = applySettings(agentCgroup, settings);
  return { names, missing, unmet, files: names.length === 0 ? new Set() : filesOf(agentCgroup) };
}

function withoutControllers(mount: string): string {
  const controllers = WANTED.join(", ");
  return (
    `limits: the cgroup2 file system at ${mount} has no controllers (${controllers}), as cgroup v1 holds them: ` +
    "tasks are counted, but nothing holds them to their cpus and mem; start the kernel with cgroup_no_v1=all"
  );
}

/** The mount, what is between, and the cgroup, parents first. */
function pathFrom(mount: string, cgroup: string): string[] {
  const found = [mount];
  for (const name of cgroup.slice(mount.length + 1).split("/")) found.push(`${found.at(-1)}/${name}`);
  return found;
}

function handDown(controller: string, path: readonly string[]): string | undefined {
  for (const directory of path) {
    const file = `${directory}/cgroup.subtree_control`;
    if (words(file).includes(controller)) continue;
    if (!words(`${directory}/cgroup.controllers`).includes(controller)) {
      return `the kernel or ${dirname(directory)} does not offer it in ${directory}`;
    }
    const error = tryWrite(file, `+${controller}`);
    if (error !== undefined) return `cannot switch it on in ${file}: ${error}${inTheWay(error)}`;
  }
  return undefined;
}

function inTheWay(error: string): string {
  return error.includes("EBUSY") ? "; move the processes in that cgroup to one below it" : "";
}

function applySettings(agentCgroup: string, settings: CgroupSettings): string[] {
  const unmet: string[] = [];
  const attempt = (flag: string, value: string, file: string, hint: string, text = value): void => {
    const error = tryWrite(file, text);
    if (error !== undefined) unmet.push(`Flag --${flag} has the value '${value}': ${error}; ${hint}`);
  };
  if (settings.cpuset !== undefined) {
    const hint = "expected CPUs of this machine such as 0-3,8, and cgroup v2 with the cpuset controller";
    attempt("cgroups-cpuset", settings.cpuset, `${agentCgroup}/cpuset.cpus`, hint);
  } else {
    // An earlier start may have set it.
    tryWrite(`${agentCgroup}/cpuset.cpus`, "\n");
  }
  const probe = `${agentCgroup}/${PROBE}`;
  makeCgroup(probe);
  for (const line of settings.ioMax) {
    const hint = "expected a line of io.max such as 8:0 rbps=1048576, and cgroup v2 with the io controller";
    attempt("cgroups-io-max", line, `${probe}/io.max`, hint);
  }
  for (const [size, bytes] of settings.hugePagesMax ?? []) {
    const hint =
      "expected sizes of huge pages of this machine such as 2MB, and cgroup v2 with the hugetlb controller";
    attempt("cgroups-hugetlb-max", `${size}=${bytes}B`, `${probe}/hugetlb.${size}.max`, hint, `${bytes}`);
  }
  if (settings.limitSwap && !existsSync(`${probe}/memory.swap.max`)) {
    unmet.push("Flag --cgroups-limit-swap is set, but the kernel does not count swap here; leave it away");
  }
  if (settings.cpuQuota && !existsSync(`${probe}/cpu.max`)) {
    unmet.push("Flag --cgroups-enable-cfs is set, but there is no cpu controller; leave it away");
  }
  rmdirSync(probe);
  return unmet;
}

function filesOf(agentCgroup: string): ReadonlySet<string> {
  return new Set(readdirSync(`${agentCgroup}/${SUPERVISORS}`));
}

function words(file: string): string[] {
  try {
    return readFileSync(file, "utf8").trim().split(" ").filter(Boolean);
  } catch {
    return [];
  }
}

/** What the kernel says against it, if anything. Creates no file: cgroupfs knows no new ones. */
function tryWrite(file: string, value: string): string | undefined {
  try {
    writeFileSync(file, value, { flag: "r+" });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
