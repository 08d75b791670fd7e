/**
 * Finds out once, at the start of the agent, what this machine and this user
 * can do for containers, by trying it. The answer is logged and stays the same
 * until the next start, so that all containers of an agent are alike.
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { MeshError } from "../../base/errors.ts";
import { type CgroupSettings, DEFAULT_CGROUP_SETTINGS } from "../cgroup-settings.ts";
import type { ConfinementSettings } from "../confinement-settings.ts";
import type { Namespace } from "../container.ts";
import { deviceProgram } from "../device-program.ts";
import { deviceRules } from "../device-steps.ts";
import type { GpuSettings } from "../gpus.ts";
import type { Host, Tools } from "../tools.ts";
import { attachDeviceProgram } from "./bpf.ts";
import { cgroup2Mounts, makeCgroup, removeAgentCgroup, SUPERVISORS } from "./cgroup.ts";
import { sharedDirectory } from "./confinement-files.ts";
import { probeConfinement } from "./confinement-probe.ts";
import { type Controllers, cgroupBases, setUpControllers } from "./controllers.ts";

export interface ProbeOptions {
  /** Below it the records of containers live; also names the agent's cgroup. */
  readonly runtimeDirectory: string;
  /** False: no namespaces and no cgroups are used, whatever the machine offers. Default true. */
  readonly isolate?: boolean;
  readonly cgroups?: CgroupSettings;
  readonly confinement?: ConfinementSettings;
  /** Memory that the agent offers: the kernel takes it last from containers as a whole. */
  readonly protectedMemBytes?: number;
  /** Words that execute this agent's own program. */
  readonly self?: readonly string[];
  /** To be handed out to containers. */
  readonly gpus?: GpuSettings;
}

/** What the machine offers, and what the operator asked for in vain (a sentence each). */
export interface Probed {
  readonly host: Host;
  readonly unmet: readonly string[];
}

/** What the machine offers. Throws MeshError BAD_FLAG for settings that it cannot keep. */
export function demandHost(options: ProbeOptions): Host {
  const { host, unmet } = probe(options);
  if (unmet.length === 0) return host;
  removeAgentCgroup(host.supervisorsCgroup);
  throw new MeshError("BAD_FLAG", unmet.join("; "));
}

const TOOL_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin";
const WANTED: readonly Namespace[] = ["pid", "mount", "ipc", "uts"];
const UNSHARE_FLAGS = { pid: "--pid", mount: "--mount", ipc: "--ipc", uts: "--uts", net: "--net" } as const;

export function probe(options: ProbeOptions): Probed {
  const missing: string[] = [];
  const settings = options.cgroups ?? DEFAULT_CGROUP_SETTINGS;
  const { isolate = true } = options;
  const tools = { ...findTools(), ...(options.self === undefined ? {} : { self: options.self }) };
  const linux = process.platform === "linux";
  const root = process.getuid?.() === 0;
  const namespaces = isolate ? probeNamespaces(tools, linux, root, missing) : [];
  const cgroup = isolate && linux ? probeCgroup(options, settings, tools, missing) : undefined;
  const cgroupRoot = cgroup?.path;
  const names = cgroup?.controllers.names ?? [];
  if (!isolate) missing.push("namespaces and cgroups: switched off");
  const switchUser = root && tools.setpriv !== undefined;
  if (!switchUser) {
    missing.push(
      root ? "users: setpriv (util-linux) is not installed" : "users: the agent does not run as root",
    );
  }
  const commandChecks = namespaces.length === 0 || tools.nsenter !== undefined;
  if (!commandChecks) missing.push("health checks by commands: nsenter (util-linux) is not installed");
  if (tools.setsid === undefined) missing.push("sessions of their own: setsid (util-linux) is not installed");
  const procfs = linux && existsSync("/proc/self/stat");
  // In a pid namespace /proc/self is only right with its own /proc.
  const ownProc = procfs && namespaces.includes("pid") === namespaces.includes("mount");
  const unmet = [...(cgroup?.controllers.unmet ?? unmetWithoutCgroups(settings))];
  const { gpus } = options;
  const open = cgroup === undefined ? "this agent can use no cgroup v2" : cgroup.devices;
  if (gpus !== undefined && open !== undefined) {
    unmet.push(`Cannot keep GPUs for those who hold them: ${open}; offer none with --resources 'gpus:0'`);
  }
  const host: Host = {
    tools,
    ...probeConfinement(options, tools, namespaces, missing, unmet),
    procfs,
    ...(namespaces.includes("mount")
      ? { secretsDirectory: `${sharedDirectory(options.runtimeDirectory)}/secrets` }
      : {}),
    ...(cgroupRoot === undefined ? {} : { supervisorsCgroup: `${cgroupRoot}/${SUPERVISORS}` }),
    ...(cgroup === undefined || names.length === 0 ? {} : { cgroupFiles: cgroup.controllers.files }),
    cgroupSettings: settings,
    ...(gpus === undefined ? {} : { gpus }),
    ...(root && ownProc ? { oomScoreMemBytes: totalmem() } : {}),
    capabilities: {
      form: namespaces.length > 0 || cgroupRoot !== undefined ? "linux" : "posix",
      namespaces,
      ...(cgroupRoot === undefined ? {} : { cgroupRoot }),
      ...(names.length === 0 ? {} : { controllers: names }),
      switchUser,
      commandChecks,
      missing,
    },
  };
  return { host, unmet };
}

function unmetWithoutCgroups(settings: CgroupSettings): string[] {
  const asked: readonly (readonly [flag: string, asked: boolean])[] = [
    ["cgroups-cpuset", settings.cpuset !== undefined],
    ["cgroups-io-max", settings.ioMax.length > 0],
    ["cgroups-hugetlb-max", settings.hugePagesMax !== undefined],
    ["cgroups-limit-swap", settings.limitSwap],
    ["cgroups-enable-cfs", settings.cpuQuota],
  ];
  return asked
    .filter(([, wanted]) => wanted)
    .map(([flag]) => `Flag --${flag} is given, but this agent can use no cgroup v2; leave the flag away`);
}

/** util-linux's unshare and setpriv have the options; BusyBox has programs of the same names without them. */
function findTools(): Tools {
  const find = (name: string): string | undefined => {
    const path = Bun.which(name, { PATH: TOOL_PATH }) ?? undefined;
    return path !== undefined && /^[A-Za-z0-9_/.+-]+$/.test(path) ? path : undefined;
  };
  const optional = (name: string, works: (path: string) => boolean = () => true) => {
    const path = find(name);
    return path !== undefined && works(path) ? { [name]: path } : {};
  };
  const utilLinux = (path: string) => run([path, "--version"]).output.includes("util-linux");
  return {
    shell: find("sh") ?? "/bin/sh",
    ...optional("env"),
    ...optional("bash"),
    ...optional("cat"),
    ...optional("dd"),
    ...optional("chown"),
    ...optional("sleep"),
    ...optional("setsid"),
    ...optional("setpriv", utilLinux),
    ...optional("unshare", utilLinux),
    ...optional("nsenter", utilLinux),
    ...optional("prlimit", utilLinux),
    ...optional("mount", utilLinux),
  };
}

function probeNamespaces(
  tools: Tools,
  linux: boolean,
  root: boolean,
  missing: string[],
): readonly Namespace[] {
  if (!linux) missing.push(`namespaces: ${process.platform} has none`);
  else if (!root) missing.push("namespaces: the agent does not run as root");
  else if (tools.unshare === undefined) missing.push("namespaces: unshare (util-linux) is not installed");
  else {
    const { unshare, shell } = tools;
    const usable = WANTED.filter((kind) => {
      const tried = run([unshare, UNSHARE_FLAGS[kind], shell, "-c", ":"]);
      if (!tried.ok) missing.push(`${kind} namespace: ${tried.output}`);
      return tried.ok;
    });
    if (!usable.includes("pid") || !usable.includes("mount")) return usable;
    const flags = ["--fork", "--pid", "--mount", "--propagation", "slave", "--mount-proc"];
    const tried = run([unshare, ...flags, shell, "-c", ":"]);
    if (tried.ok) return usable;
    // A container that sees the host's /proc with foreign pids would be misled.
    missing.push(`pid and mount namespaces: cannot mount /proc in them: ${tried.output}`);
    return usable.filter((kind) => kind !== "pid" && kind !== "mount");
  }
  return [];
}

/** Of machines that have cgroup v1 alone, or none. */
const NO_CGROUPS =
  "cgroups: no cgroup2 file system is mounted (cgroup v1 is not used): nothing holds tasks to their cpus and mem; " +
  "mount -t cgroup2 cgroup2 /sys/fs/cgroup, or start the kernel with cgroup_no_v1=all";

/** The agent's own cgroup, in which containers have theirs. */
interface AgentCgroup {
  readonly path: string;
  readonly controllers: Controllers;
  /** Why containers cannot be kept from devices. */
  readonly devices: string | undefined;
}

/** Makes the agent's own cgroup and moves a process there and into a child of it. */
function probeCgroup(
  options: ProbeOptions,
  settings: CgroupSettings,
  tools: Tools,
  missing: string[],
): AgentCgroup | undefined {
  const mounts = cgroup2Mounts(readFileSync("/proc/self/mountinfo", "utf8"));
  if (mounts.length === 0) missing.push(NO_CGROUPS);
  const ownCgroup = readFileSync("/proc/self/cgroup", "utf8");
  const name = agentName(options.runtimeDirectory);
  const problems: string[] = [];
  for (const mount of mounts) {
    for (const base of cgroupBases(mount, settings, ownCgroup)) {
      const path = `${base}/${name}`;
      const problem = tryCgroup(path, tools);
      if (problem === undefined) {
        const controllers = setUpControllers(mount, path, settings, options.protectedMemBytes);
        missing.push(...controllers.missing);
        // Once for all containers below: nothing is left to do at a launch.
        const yields = options.gpus !== undefined;
        const rules = deviceRules([], { cgroupSettings: settings, ...(yields && { gpus: options.gpus }) });
        const attached = attachDeviceProgram(path, deviceProgram(rules), yields);
        const devices = attached.ok ? undefined : attached.error;
        if (!attached.ok) missing.push(`devices: tasks may use all that their user may: ${attached.error}`);
        return { path, controllers, devices };
      }
      problems.push(`cgroups: ${problem}`);
    }
  }
  missing.push(...problems);
  return undefined;
}

function tryCgroup(path: string, tools: Tools): string | undefined {
  try {
    makeCgroup(`${path}/${SUPERVISORS}`);
  } catch (error) {
    return `cannot make ${path}: ${error instanceof Error ? error.message : String(error)}`;
  }
  const procs = `${path}/${SUPERVISORS}/cgroup.procs`;
  const tried = run([tools.shell, "-c", 'echo 0 >"$1"', "sh", procs]);
  return tried.ok ? undefined : `cannot move a process to ${path}/${SUPERVISORS}: ${tried.output}`;
}

/** The same runtime directory gives the same name for ever. */
export function agentName(runtimeDirectory: string): string {
  return Bun.hash.xxHash64(runtimeDirectory).toString(36);
}

function run(argv: readonly string[]): { readonly ok: boolean; readonly output: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...argv], { stdin: "ignore", env: {} });
  const output = `${stdout.toString()}${stderr.toString()}`.trim();
  return { ok: exitCode === 0, output: output === "" ? `exit status ${exitCode}` : output };
}

/** Makes the runtime directory, so that its name can be resolved. Throws what mkdir(2) says. */
export function makeRuntimeDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}
