/**
 * The command line that runs one more program in a container that is there:
 * in its cgroup and namespaces, as the user and with the environment of the
 * plan. It holds no value of a container, as in supervisor-script.ts.
 *
 * nsenter(1) starts outside, so that nothing of a task is read or executed
 * before its namespaces are entered. The supervisor could start programs too,
 * but would have to be more than a shell that waits: memory for each task,
 * against 4 ms of processor time for each check.
 */
import { present } from "../base/assert.ts";
import type { Namespace } from "./container.ts";
import type { Plan } from "./plan.ts";
import { enterRootScript, enterRootWords, type RootEntry } from "./root.ts";
import {
  lines,
  oomScore,
  programOf,
  rootVariables,
  type SupervisorCommand,
  shellEnvironment,
  stagedWords,
  terminalWords,
  word,
} from "./supervisor-script.ts";
import type { Host } from "./tools.ts";

/** What the container was given when it was launched. */
export interface EnteredContainer {
  /** A process in all of its namespaces: its pid 1. The program starts in the directory of that one. */
  readonly target: number;
  readonly namespaces: readonly Namespace[];
  readonly cgroup: string | undefined;
}

/** File descriptor that gets a byte once the container is entered and the program about to be executed. */
export const ENTERED_FD = 3;

const NSENTER_FLAGS: { readonly [K in Namespace]: string } = {
  pid: "--pid",
  mount: "--mount",
  ipc: "--ipc",
  uts: "--uts",
  net: "--net",
};

/** What differs between a check and a session. */
export interface EnteringFor {
  /** Names the shell outside, for `ps`. */
  readonly name: "mesh-check" | "mesh-session";
  /** Tells over {@link ENTERED_FD} that the container is entered. */
  readonly mark: boolean;
  /** Standard input is a terminal, which the program is to control. */
  readonly terminal: boolean;
}

/** @param plan of a launch of this program; what is done once for a container is left out of it */
export function enterCommand(
  plan: Plan,
  host: Host,
  container: EnteredContainer,
  entering: EnteringFor,
): SupervisorCommand {
  const rooted = plan.steps.find((step) => step.do === "enter-root");
  if (rooted !== undefined) return enterRootedCommand(plan, host, container, entering, rooted.entry);
  const { name, mark, terminal } = entering;
  const { cgroup } = container;
  const join = cgroup === undefined ? "" : 'echo 0 >"$cgroup/cgroup.procs" || exit\n';
  const adjust = oomScore(plan);
  const staged = stagedWords(plan, host, mark ? `echo >&${ENTERED_FD}; exec ${ENTERED_FD}>&-; ` : "");
  const session = terminal ? terminalWords(host) : [];
  return {
    argv: [
      host.tools.shell,
      "-c",
      `cgroup=$1; shift\n${join}${adjust === "" ? "" : `${adjust}\n`}exec ${[...enterWords(host, container), ...session, staged].join(" ")}`,
      name,
      cgroup ?? "",
      ...programOf(plan),
    ],
    environment: shellEnvironment(plan),
  };
}

/**
 * Where the container has a root of its own, the process of root.ts enters that, and the cgroup, last:
 * before it becomes the program it has more memory than the container may have.
 */
function enterRootedCommand(
  plan: Plan,
  host: Host,
  { target, namespaces, cgroup }: EnteredContainer,
  { name, mark, terminal }: EnteringFor,
  entry: RootEntry,
): SupervisorCommand {
  const { cgroup: _ofTheTask, ...others } = entry;
  const joining = { ...others, ...(cgroup === undefined ? {} : { cgroup }), join: { pid: target, mark } };
  const outside = { target, cgroup, namespaces: namespaces.filter((kind) => kind !== "mount") };
  const words = [...enterWords(host, outside, []), ...(terminal ? terminalWords(host) : [])];
  return {
    argv: [
      ...[host.tools.shell, "-c", lines(oomScore(plan), enterRootScript(words)), name],
      ...[...enterRootWords(host), ...programOf(plan)],
    ],
    environment: { ...shellEnvironment(plan), ...rootVariables(plan, joining) },
  };
}

/** @param more flags; `--wd` without a value is the directory of the target, seen from its namespaces */
function enterWords(host: Host, { target, namespaces }: EnteredContainer, more = ["--wd"]): string[] {
  if (namespaces.length === 0) return [];
  const nsenter = word(present(host.tools.nsenter, "Commands are run in namespaces only with nsenter"));
  const flags = namespaces.map((kind) => NSENTER_FLAGS[kind]);
  return [nsenter, `--target=${target}`, ...flags, ...more, "--"];
}
