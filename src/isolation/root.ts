/**
 * A root file system of a container's own, as data, and how the supervisor's
 * script comes to enter it: by the agent's own program, executed once more
 * (src/isolation/linux/enter-root.ts), which then becomes the task. An image
 * may hold no shell and no tool that could do it, and the host's programs are
 * out of reach once the root is another.
 */
import { present } from "../base/assert.ts";
import type { ContainerRoot, ContainerSpec, Namespace, ReadyMount } from "./container.ts";
import type { DeviceNode } from "./gpus.ts";
import { readyMounts } from "./mounts.ts";
import type { Privileges, ResourceLimit } from "./privileges.ts";
import type { Owner } from "./runtime.ts";
import { type SecretFiles, secretFiles } from "./secret-files.ts";
import type { Host } from "./tools.ts";

/** Everything for one start, in JSON. */
export interface RootEntry {
  readonly root: ContainerRoot;
  /** On the host. */
  readonly sandbox: string;
  readonly mounts: readonly ReadyMount[];
  readonly secrets?: SecretFiles;
  readonly cgroup?: string;
  readonly user?: Owner & { readonly name: string };
  readonly limits: readonly ResourceLimit[];
  readonly privileges: Privileges;
  /** The root is there already: that of process `pid`, as the host numbers it. `mark`: see ENTERED_FD. */
  readonly join?: { readonly pid: number; readonly mark: boolean };
  /** Shares its ipc namespace, and with it the /dev/shm of the mounts that it starts from. */
  readonly keepShm?: true;
  /** Standard input is a terminal, which the program is to control. */
  readonly terminal?: true;
  /** Path of the program of confinement.ts that holds the filter of system calls. */
  readonly filter?: string;
  /** Its /dev gets them beside the usual ones. */
  readonly devices?: readonly DeviceNode[];
}

/** What else that process is told: the numbered variables of the container, and the words of its program. */
export interface RootProgram {
  readonly prefix: string;
  readonly variables: number;
  /** The first word is only the name under which the second is executed. */
  readonly renamed: boolean;
}

/** First word after the agent's own program on the command line of the process that enters a root. */
export const ENTER_ROOT_COMMAND = "enter-root";
/** Variables of that process, beside the numbered ones: RootEntry and RootProgram in JSON. */
export const ROOT_ENTRY_VARIABLE = "mesh_root";
export const ROOT_PROGRAM_VARIABLE = "mesh_program";
/** The soft limit of open files, which Bun raises for itself. */
export const OPEN_FILES_VARIABLE = "mesh_open_files";

/** Why no container can have a root of its own here, or nothing. */
export function rootProblem(
  spec: ContainerSpec,
  host: Host,
  owner: Owner | undefined,
  namespaces: readonly Namespace[],
): string | undefined {
  if (host.tools.self === undefined) return "Cannot use an image: this agent is set up without images";
  if (!namespaces.includes("pid") || !namespaces.includes("mount")) {
    return "Cannot use an image: that needs pid and mount namespaces, and with them Linux and an agent that runs as root with --isolation auto";
  }
  return host.userNamespace === undefined ? undefined : unheld(spec, owner);
}

/**
 * The user namespace of tasks does not hold for images, whose files belong to
 * users of the host. The rest of confinement must, then; and their root, who
 * is the host's in all but his capabilities, must get at no files of the host.
 */
function unheld(
  { mounts = [], privileges = {} }: ContainerSpec,
  owner: Owner | undefined,
): string | undefined {
  const { bounding, effective = [], noNewPrivileges, seccompProfile } = privileges;
  if (bounding === undefined || noNewPrivileges !== true || seccompProfile === undefined) {
    return "Cannot use an image: --userns-range does not hold for its files; the agent needs --hardened, or bounding capabilities, --forbid-new-privileges and a seccomp profile";
  }
  const weak = owner !== undefined && owner.uid !== 0 && effective.length === 0;
  const path = mounts.find((mount) => mount.kind === "bind" && mount.source.startsWith("/"))?.target;
  if (weak || path === undefined) return undefined;
  return `Cannot mount a path of the host at "${path}" of an image on this hardened agent: --userns-range does not hold for it; run the task as another user than root, without capabilities`;
}

export function rootEntry(
  spec: ContainerSpec,
  root: ContainerRoot,
  from: { readonly path: string | undefined; readonly owner: Owner | undefined; readonly host: Host },
): RootEntry {
  const { limits = [], privileges = {} } = spec;
  const filter = from.host.seccompFilters?.get(privileges.seccompProfile ?? "");
  const volumes = (spec.volumes ?? []).map(
    (volume): ReadyMount => ({ kind: "bind", ...volume, readOnly: false, recursive: true }),
  );
  const mounts = [...volumes, ...readyMounts(spec)];
  return {
    root,
    sandbox: spec.sandbox,
    mounts,
    ...secretFiles(mounts, from.host, from.owner),
    limits,
    privileges,
    ...(spec.terminal === undefined ? {} : { terminal: true }),
    ...(spec.isolation.namespaces.includes("ipc") ? {} : { keepShm: true }),
    ...(filter === undefined ? {} : { filter }),
    ...(spec.devices === undefined ? {} : { devices: spec.devices }),
    ...(from.path === undefined ? {} : { cgroup: from.path }),
    ...(from.owner === undefined ? {} : { user: { ...from.owner, name: spec.user ?? "" } }),
  };
}

/** Words before those of the program. */
export function enterRootWords(host: Host): readonly string[] {
  return [...present(host.tools.self, "The plan checked for it"), ENTER_ROOT_COMMAND];
}

/** Variables of the process that enters, beside the numbered ones. */
export function rootEnvironment(entry: RootEntry, program: RootProgram): Readonly<Record<string, string>> {
  return {
    [ROOT_ENTRY_VARIABLE]: JSON.stringify(entry),
    [ROOT_PROGRAM_VARIABLE]: JSON.stringify(program),
  };
}

/**
 * The words are the positional parameters. Not in the sandbox: Bun would look for its settings there.
 * @param before words of a program that executes them
 */
export function enterRootScript(before: readonly string[] = []): string {
  return `export ${OPEN_FILES_VARIABLE}="$(ulimit -S -n)"\ncd / && exec ${[...before, '"$@"'].join(" ")}`;
}
