/**
 * Finds out once, at the start of the agent, what this machine and this user
 * can do for containers, by trying it. The answer is logged and stays the same
 * until the next start, so that all containers of an agent are alike.
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import type { Namespace } from "../container.ts";
import type { Host, Tools } from "../tools.ts";
import { cgroup2Mounts, makeCgroup, SUPERVISORS } from "./cgroup.ts";

export interface ProbeOptions {
  /** Below it the records of containers live; also names the agent's cgroup. */
  readonly runtimeDirectory: string;
  /** False: no namespaces and no cgroups are used, whatever the machine offers. */
  readonly isolate: boolean;
}

const TOOL_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin";
const WANTED: readonly Namespace[] = ["pid", "mount", "ipc", "uts"];
const UNSHARE_FLAGS = { pid: "--pid", mount: "--mount", ipc: "--ipc", uts: "--uts" } as const;

export function probe(options: ProbeOptions): Host {
  const missing: string[] = [];
  const tools = findTools();
  const linux = process.platform === "linux";
  const root = process.getuid?.() === 0;
  const namespaces = options.isolate ? probeNamespaces(tools, linux, root, missing) : [];
  const cgroupRoot =
    options.isolate && linux ? probeCgroup(options.runtimeDirectory, tools, missing) : undefined;
  if (!options.isolate) missing.push("namespaces and cgroups: switched off");
  const switchUser = root && tools.setpriv !== undefined;
  if (!switchUser) {
    missing.push(
      root ? "users: setpriv (util-linux) is not installed" : "users: the agent does not run as root",
    );
  }
  if (tools.setsid === undefined) missing.push("sessions of their own: setsid (util-linux) is not installed");
  return {
    tools,
    procfs: linux && existsSync("/proc/self/stat"),
    ...(cgroupRoot === undefined ? {} : { supervisorsCgroup: `${cgroupRoot}/${SUPERVISORS}` }),
    capabilities: {
      form: namespaces.length > 0 || cgroupRoot !== undefined ? "linux" : "posix",
      namespaces,
      ...(cgroupRoot === undefined ? {} : { cgroupRoot }),
      switchUser,
      missing,
    },
  };
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
    ...optional("setsid"),
    ...optional("setpriv", utilLinux),
    ...optional("unshare", utilLinux),
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

/** Makes the agent's own cgroup and moves a process there and into a child of it. */
function probeCgroup(runtimeDirectory: string, tools: Tools, missing: string[]): string | undefined {
  const mounts = cgroup2Mounts(readFileSync("/proc/self/mountinfo", "utf8"));
  if (mounts.length === 0) missing.push("cgroups: no cgroup2 file system is mounted");
  for (const mount of mounts) {
    const root = `${mount}/mesh/${agentName(runtimeDirectory)}`;
    try {
      makeCgroup(`${root}/${SUPERVISORS}`);
    } catch (error) {
      missing.push(`cgroups: cannot make ${root}: ${error instanceof Error ? error.message : String(error)}`);
      continue;
    }
    const tried = run([tools.shell, "-c", 'echo 0 >"$1"', "sh", `${root}/${SUPERVISORS}/cgroup.procs`]);
    if (tried.ok) return root;
    missing.push(`cgroups: cannot move a process to ${root}/${SUPERVISORS}: ${tried.output}`);
  }
  return undefined;
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
