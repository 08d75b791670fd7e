/**
 * Door of src/isolation: how a container comes to run, as an ordered list of
 * steps that can be printed, compared and tested without a kernel. Pure; the
 * driver in src/isolation/linux/ carries the list out.
 *
 * A launch passes through four processes. Each step names the one that does it:
 *
 *     agent        bun, spawns the supervisor and never waits for it
 *      └ supervisor  unshare(1) in the host's pid namespace: waits
 *         └ init       /bin/sh as pid 1 of the new pid namespace: reaps, records the exit
 *            └ task       a fork of the shell above that becomes the program
 *
 * Without a pid namespace there is no init, and the supervisor is the shell
 * that records. The two cost about 0.3 MB; they outlive the agent, so the exit
 * status of a program is never lost across its restart. Executing a program is
 * most of what a launch costs, so no more are executed than these. The
 * agent itself never unshares: Bun aborts when it has to create a thread after
 * unshare(CLONE_NEWPID).
 *
 * The shells run with an environment that holds only numbered variables
 * (`mesh_env_0=NAME=value`): a user's LD_PRELOAD or PATH must not act on
 * programs that still run as root, and values do not show up in `ps`. The
 * task step turns them into the real table after the user was switched.
 */
import { assert } from "../base/assert.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { type CgroupFile, cgroupFiles, oomScoreAdjust } from "./cgroup-limits.ts";
import { type Confinement, outsideOwner, unkeptConfinement, unmappedUser } from "./confinement.ts";
import type { ContainerSpec, ContainerTerminal, ContainerVolume, FetchUri, Namespace } from "./container.ts";
import { type AllowDevicesStep, deviceSteps } from "./device-steps.ts";
import {
  type LimitDiskStep,
  type LimitVolumesStep,
  limitDiskSteps,
  limitVolumesSteps,
} from "./disk-steps.ts";
import { invalidSpec } from "./invalid-spec.ts";
import {
  type MountPointStep,
  type MountStep,
  mountPointSteps,
  mountSteps,
  unmountable,
} from "./mount-steps.ts";
import type { ContainerNetwork } from "./network.ts";
import { NETWORK_FILES } from "./network-script.ts";
import { type PlannedEnvironment, planEnvironment } from "./planned-environment.ts";
import {
  cgroupOf,
  hasOwnLimits,
  type LinkSandboxStep,
  podCgroupSteps,
  podLinkSteps,
  podSandboxSteps,
} from "./pod-steps.ts";
import { type RootEntry, rootEntry, rootProblem } from "./root.ts";
import type { LaunchError, Owner } from "./runtime.ts";
import { type JoinNamespacesStep, joinStep, sharingProblem } from "./shared-namespaces.ts";
import type { Host } from "./tools.ts";

export type AgentStep =
  | { readonly in: "agent"; readonly do: "make-sandbox"; readonly path: string }
  | {
      readonly in: "agent";
      readonly do: "link-volumes";
      readonly volumes: readonly ContainerVolume[];
      readonly owner: Owner | undefined;
    }
  | LimitDiskStep
  | LimitVolumesStep
  | MountPointStep
  | LinkSandboxStep
  /** Where the container has a root of its own, volumes are mounted and not linked. */
  | {
      readonly in: "agent";
      readonly do: "make-volumes";
      readonly volumes: readonly ContainerVolume[];
      readonly owner: Owner | undefined;
    }
  | { readonly in: "agent"; readonly do: "make-cgroup"; readonly path: string }
  | {
      readonly in: "agent";
      readonly do: "limit-cgroup";
      readonly path: string;
      readonly files: readonly CgroupFile[];
    }
  | AllowDevicesStep
  | { readonly in: "agent"; readonly do: "create-output"; readonly stdout: string; readonly stderr: string }
  | { readonly in: "agent"; readonly do: "fetch"; readonly uris: readonly FetchUri[] }
  | { readonly in: "agent"; readonly do: "join-networks"; readonly network: ContainerNetwork }
  | { readonly in: "agent"; readonly do: "own-sandbox"; readonly owner: Owner }
  | {
      readonly in: "agent";
      readonly do: "spawn";
      readonly cwd: string;
      readonly stdout: string;
      readonly stderr: string;
      /** The program's input and output are a terminal, which is copied to `stdout`. */
      readonly terminal?: ContainerTerminal;
    }
  /** Right after the spawn, where the supervisor is not a shell that could do it. */
  | { readonly in: "agent"; readonly do: "move-supervisor"; readonly path: string };

export type SupervisorStep =
  | JoinNamespacesStep
  | {
      readonly in: "supervisor";
      readonly do: "enter-network";
      readonly owner: string;
      readonly path: string;
    }
  | {
      readonly in: "supervisor";
      readonly do: "unshare";
      readonly namespaces: readonly Namespace[];
      /** Mount a /proc that shows the new pid namespace. */
      readonly mountProc: boolean;
    }
  | { readonly in: "supervisor"; readonly do: "join-cgroup"; readonly path: string }
  | UseNetworkStep<"supervisor">
  | MountStep<"supervisor">
  | { readonly in: "supervisor"; readonly do: "record-exit" };

/** Takes the host name, and mounts files of its own over those in /etc. */
export interface UseNetworkStep<Where extends "init" | "supervisor"> {
  readonly in: Where;
  readonly do: "use-network";
  readonly owner: string;
}

export type InitStep =
  | UseNetworkStep<"init">
  | { readonly in: "init"; readonly do: "join-cgroup"; readonly path: string }
  | MountStep<"init">
  | { readonly in: "init"; readonly do: "record-exit" };

export type TaskStep =
  | { readonly in: "task"; readonly do: "join-cgroup"; readonly path: string }
  /** The agent's own, which it passes on, may spare it: a task must not be spared. */
  | { readonly in: "task"; readonly do: "set-oom-score"; readonly adjust: number }
  | { readonly in: "task"; readonly do: "enter-root"; readonly entry: RootEntry }
  | { readonly in: "task"; readonly do: "announce" }
  | { readonly in: "task"; readonly do: "new-session"; readonly terminal?: true }
  | { readonly in: "task"; readonly do: "switch-user"; readonly owner: Owner }
  | ({ readonly in: "task"; readonly do: "confine" } & Confinement)
  | { readonly in: "task"; readonly do: "set-environment"; readonly environment: PlannedEnvironment }
  | {
      readonly in: "task";
      readonly do: "execute";
      readonly argv0?: string;
      readonly argv: readonly string[];
    };

export type Step = AgentStep | SupervisorStep | InitStep | TaskStep;

export interface Plan {
  readonly containerId: string;
  readonly steps: readonly Step[];
}

/**
 * Plans a launch, or says why the machine cannot do what the container asks
 * for. `owner` is the looked-up `spec.user`; absent: no switch of users.
 */
export function planLaunch(
  spec: ContainerSpec,
  host: Host,
  owner: Owner | undefined,
): Result<Plan, LaunchError> {
  const problem = invalidSpec(spec, host) ?? sharingProblem(spec, host);
  if (problem !== undefined) return fail({ step: "validate", message: problem });
  const { capabilities } = host;
  if (owner !== undefined && !capabilities.switchUser) {
    const message = `Cannot run as user "${spec.user}": this agent may not switch users; run it as root with setpriv (util-linux) installed, or leave the user unset`;
    return fail({ step: "user", message });
  }
  const unkept = unkeptConfinement(spec, host) ?? unmountable(spec, host) ?? unmappedUser(spec, owner, host);
  if (unkept !== undefined) return fail({ step: "validate", message: unkept });
  const environment = planEnvironment(spec.environment);
  const odd = environment.byEnv[0];
  if (odd !== undefined && spec.root === undefined) {
    const name = JSON.stringify(spec.environment[odd]?.[0]);
    if (host.tools.env === undefined) {
      const message = `Cannot set the environment variable ${name}: that needs the program env (coreutils) on the agent's machine; install it`;
      return fail({ step: "validate", message });
    }
    if (spec.command.kind === "exec" && spec.command.file.includes("=")) {
      const message = `Cannot execute "${spec.command.file}" with the environment variable ${name}: env(1) would take the "=" for an assignment; rename one of them`;
      return fail({ step: "validate", message });
    }
  }
  const namespaces = spec.isolation.namespaces.filter((kind) => capabilities.namespaces.includes(kind));
  const joined = joinStep(spec, host);
  // A pid namespace has an init in any case: the shell that the supervisor waits for.
  const inside = [...namespaces, ...(joined?.namespaces ?? [])];
  const unrooted = spec.root === undefined ? undefined : rootProblem(spec, host, owner, inside);
  if (unrooted !== undefined) return fail({ step: "validate", message: unrooted });
  const cgroup = spec.isolation.cgroup ? capabilities.cgroupRoot : undefined;
  const outside = outsideOwner(spec, owner, host);
  return ok({
    containerId: spec.containerId,
    steps: [
      ...agentSteps(spec, host, outside, cgroup),
      ...networkSteps(spec, host, inside),
      ...(joined === undefined ? [] : [joined]),
      ...supervisorSteps(host, namespaces, joined),
      ...mountSteps(spec, host, inside, outside, joined),
      ...taskSteps(spec, host, owner, cgroup, environment),
      { in: inside.includes("pid") ? "init" : "supervisor", do: "record-exit" },
    ],
  });
}

function agentSteps(
  spec: ContainerSpec,
  host: Host,
  owner: Owner | undefined,
  cgroup: string | undefined,
): AgentStep[] {
  const steps: AgentStep[] = [
    ...podSandboxSteps(spec),
    ...(spec.pod === undefined ? [] : limitDiskSteps(spec, host)),
    { in: "agent", do: "make-sandbox", path: spec.sandbox },
    ...(spec.pod === undefined ? limitDiskSteps(spec, host) : []),
    ...podLinkSteps(spec),
  ];
  // Into the empty sandbox: nothing fetched can lead them elsewhere.
  if (spec.volumes !== undefined) {
    const how = spec.root === undefined ? "link-volumes" : "make-volumes";
    steps.push({ in: "agent", do: how, volumes: spec.volumes, owner });
  }
  steps.push(...limitVolumesSteps([...(spec.pod?.volumes ?? []), ...(spec.volumes ?? [])], host));
  steps.push(...mountPointSteps(spec, host, owner));
  if (cgroup !== undefined) {
    const path = cgroupOf(spec, cgroup);
    steps.push(...podCgroupSteps(spec, cgroup, host), { in: "agent", do: "make-cgroup", path });
    const files = hasOwnLimits(spec) ? cgroupFiles(spec.resources, host) : [];
    if (files.length > 0) steps.push({ in: "agent", do: "limit-cgroup", path, files });
    steps.push(...deviceSteps(spec, path, host));
  }
  const [stdout, stderr] = [`${spec.sandbox}/${spec.stdoutName}`, `${spec.sandbox}/${spec.stderrName}`];
  // Before the fetch: an unpacked archive must not be able to put a link in their place.
  if (spec.uris.length > 0 || owner !== undefined) {
    steps.push({ in: "agent", do: "create-output", stdout, stderr });
  }
  if (spec.uris.length > 0) steps.push({ in: "agent", do: "fetch", uris: spec.uris });
  if (owner !== undefined) steps.push({ in: "agent", do: "own-sandbox", owner });
  // Last, as others may wait for an address.
  if (spec.network !== undefined) steps.push({ in: "agent", do: "join-networks", network: spec.network });
  // Where a root is changed, pid 1 must not stay in a directory of the host: who can read its
  // /proc/1/cwd would go up from there. The kernel takes those at the old root to the new one.
  const cwd = spec.root === undefined ? spec.sandbox : "/";
  const terminal = spec.terminal === undefined ? {} : { terminal: spec.terminal };
  steps.push({ in: "agent", do: "spawn", cwd, stdout, stderr, ...terminal });
  return steps;
}

function networkSteps(
  { network }: ContainerSpec,
  { networks }: Host,
  namespaces: readonly Namespace[],
): Step[] {
  if (network === undefined || networks === undefined) return [];
  const { owner } = network;
  const path = `${networks}/${owner}/${NETWORK_FILES.namespace}`;
  return [
    { in: "supervisor", do: "enter-network", owner, path },
    { in: namespaces.includes("pid") ? "init" : "supervisor", do: "use-network", owner },
  ];
}

function supervisorSteps(
  host: Host,
  namespaces: readonly Namespace[],
  joined: JoinNamespacesStep | undefined,
): Step[] {
  const steps: Step[] = [];
  const joinsPid = joined?.namespaces.includes("pid") === true;
  const pid = namespaces.includes("pid") || joinsPid;
  const path = host.supervisorsCgroup;
  if (pid && path !== undefined) steps.push({ in: "agent", do: "move-supervisor", path });
  if (namespaces.length > 0) {
    // The same /proc cannot be mounted over itself.
    const mountProc = pid && namespaces.includes("mount") && !(joinsPid && joined.mounts);
    steps.push({ in: "supervisor", do: "unshare", namespaces, mountProc });
  }
  // Both, as init may be forked before or after the supervisor was moved.
  if (path !== undefined) steps.push({ in: pid ? "init" : "supervisor", do: "join-cgroup", path });
  return steps;
}

/** Undefined: nothing but its user holds the task. */
function confinementOf({ limits = [], privileges = {} }: ContainerSpec, host: Host): Confinement | undefined {
  const userNamespace = host.userNamespace !== undefined;
  if (limits.length === 0 && Object.keys(privileges).length === 0 && !userNamespace) return undefined;
  return { limits, privileges, userNamespace };
}

function taskSteps(
  spec: ContainerSpec,
  host: Host,
  owner: Owner | undefined,
  cgroup: string | undefined,
  environment: PlannedEnvironment,
): TaskStep[] {
  const steps: TaskStep[] = [];
  const path = cgroup === undefined ? undefined : cgroupOf(spec, cgroup);
  const adjust = oomScoreAdjust(spec.resources, host);
  if (spec.root !== undefined) {
    if (adjust !== undefined) steps.push({ in: "task", do: "set-oom-score", adjust });
    // What the other containers have steps for is done in there, in this order.
    const entry = rootEntry(spec, spec.root, { path, owner, host });
    steps.push({ in: "task", do: "enter-root", entry });
    steps.push({ in: "task", do: "set-environment", environment });
    steps.push(executeStep(spec, host));
    return steps;
  }
  if (path !== undefined) steps.push({ in: "task", do: "join-cgroup", path });
  if (adjust !== undefined) steps.push({ in: "task", do: "set-oom-score", adjust });
  steps.push({ in: "task", do: "announce" });
  if (host.tools.setsid !== undefined) {
    const terminal = spec.terminal === undefined ? {} : { terminal: true as const };
    steps.push({ in: "task", do: "new-session", ...terminal });
  }
  if (owner !== undefined) steps.push({ in: "task", do: "switch-user", owner });
  const confinement = confinementOf(spec, host);
  if (confinement !== undefined) steps.push({ in: "task", do: "confine", ...confinement });
  steps.push({ in: "task", do: "set-environment", environment });
  steps.push(executeStep(spec, host));
  return steps;
}

function executeStep(spec: ContainerSpec, host: Host): TaskStep {
  const { command } = spec;
  if (command.kind === "shell") {
    const shell = spec.root === undefined ? host.tools.shell : "/bin/sh";
    return { in: "task", do: "execute", argv: [shell, "-c", command.script] };
  }
  assert(command.kind === "exec", "A command for an image was joined with it, see invalid-spec.ts");
  const argv = [command.file, ...command.argv.slice(1)];
  const argv0 = command.argv[0] ?? command.file;
  return argv0 === command.file
    ? { in: "task", do: "execute", argv }
    : { in: "task", do: "execute", argv0, argv };
}

/** One line for each step, for logs, golden tests and people. */
export function describePlan(plan: Plan): string {
  return plan.steps.map(describeStep).join("\n");
}

function describeStep(step: Step): string {
  const { in: where, do: what, ...rest } = step.do === "set-environment" ? withoutValues(step) : step;
  const details = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return [where.padEnd(10), what, ...details].join(" ").trimEnd();
}

/** Values are often secrets. */
function withoutValues({ environment, ...step }: Extract<Step, { do: "set-environment" }>): Step {
  const variables = environment.variables.map(([name]) => [name, "…"] as const);
  return { ...step, environment: { ...environment, variables } };
}
