/**
 * Namespaces that containers share with the one around them (Mesos
 * `share_pid_namespace` and the ipc_mode SHARE_PARENT), as data.
 *
 * A container inside another one joins those of that one's pid 1. A pod has
 * no process that could hold any: when one of its tasks asks to share, the
 * runtime starts a holder first, a shell that is pid 1 of the pod's pid
 * namespace, takes in orphans and does nothing else. It ends with the pod.
 *
 * Shared memory by name lies in /dev/shm. Where that of the other is not the
 * host's, the container starts from a copy of the other's mounts.
 */
import { present } from "../base/assert.ts";
import type { ContainerSpec, SharableNamespace } from "./container.ts";
import type { Host } from "./tools.ts";

/** What a container joins; in the supervisor, before it has namespaces of its own. */
export interface JoinNamespacesStep {
  readonly in: "supervisor";
  readonly do: "join-namespaces";
  /** The container or pod that has them. */
  readonly of: string;
  readonly namespaces: readonly SharableNamespace[];
  /** Starts from its mounts, too. */
  readonly mounts: boolean;
}

/** Open files that stand for the namespaces to join: paths that lead to them for every process. */
export type NamespaceFiles = { readonly [K in SharableNamespace | "mount"]?: string };

const JOIN_FLAGS = { pid: "--pid", ipc: "--ipc", mount: "--mount" } as const;

/** Undefined: nothing. What this machine does not keep apart is shared anyway. */
export function joinStep(
  { shared }: ContainerSpec,
  { capabilities, fixedMounts }: Host,
): JoinNamespacesStep | undefined {
  const namespaces = (shared?.namespaces ?? []).filter((kind) => capabilities.namespaces.includes(kind));
  if (shared === undefined || namespaces.length === 0) return undefined;
  // Private file systems have one, whoever asks.
  const ownShm = shared.ownShm === true || fixedMounts !== undefined;
  const mounts = namespaces.includes("ipc") && ownShm && capabilities.namespaces.includes("mount");
  return { in: "supervisor", do: "join-namespaces", of: shared.containerId, namespaces, mounts };
}

/** Why the machine cannot let the container share, or nothing. */
export function sharingProblem(spec: ContainerSpec, host: Host): string | undefined {
  const step = joinStep(spec, host);
  if (step === undefined) return undefined;
  const { tools, capabilities, fixedMounts } = host;
  const what = `Cannot share the ${step.namespaces.join(" and ")} namespace of "${step.of}"`;
  if (tools.nsenter === undefined) return `${what}: that needs nsenter (util-linux) on the agent's machine`;
  if (spec.pod !== undefined && tools.sleep === undefined)
    return `${what}: that needs sleep (coreutils) on the agent's machine`;
  if (step.mounts && tools.mount === undefined)
    return `${what}: that needs mount (util-linux) on the agent's machine`;
  // Its processes are not those of a pid namespace of its own, which the kernel would end as a whole.
  if (step.namespaces.includes("pid") && (capabilities.cgroupRoot === undefined || !spec.isolation.cgroup))
    return `${what}: that needs a cgroup2 file system on the agent's machine`;
  if (step.namespaces.includes("ipc") && fixedMounts !== undefined && spec.pod === undefined)
    return `${what}: with --private-file-systems only the tasks of a pod can share one`;
  return undefined;
}

/** Words in front of the supervisor's: one nsenter(1), which waits where it entered a pid namespace. */
export function joiningWords(
  network: string | undefined,
  files: NamespaceFiles | undefined,
  { tools }: Host,
): string[] {
  const flags = network === undefined ? [] : [`--net=${network}`];
  for (const kind of ["pid", "ipc", "mount"] as const) {
    const file = files?.[kind];
    if (file !== undefined) flags.push(`${JOIN_FLAGS[kind]}=${file}`);
  }
  if (flags.length === 0) return [];
  return [present(tools.nsenter, "Namespaces are joined only with nsenter"), ...flags, "--"];
}
