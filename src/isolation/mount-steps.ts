/** The steps of a plan that make mounts, and what these need before. */
import type { ContainerSpec, Namespace, ReadyMount } from "./container.ts";
import { readyMounts } from "./mounts.ts";
import type { Owner } from "./runtime.ts";
import { type SecretFiles, secretFiles } from "./secret-files.ts";
import type { JoinNamespacesStep } from "./shared-namespaces.ts";
import type { Host } from "./tools.ts";

export type MountPointStep =
  /** Directories and files inside the sandbox that mounts need; those of the host must be there. */
  | { readonly in: "agent"; readonly do: "make-mount-points"; readonly mounts: readonly ReadyMount[] }
  | { readonly in: "agent"; readonly do: "make-secrets-directory"; readonly path: string };

/** In the mount namespace of the container, before its task is there. */
export interface MountStep<Where extends "init" | "supervisor"> {
  readonly in: Where;
  readonly do: "mount";
  /** File of mounts that all containers get. */
  readonly fixed: string | undefined;
  /** Made before the others, which bind them. */
  readonly secrets?: SecretFiles;
  readonly mounts: readonly ReadyMount[];
  /** For the relative paths among them. */
  readonly sandbox: string;
  /** What is at /dev/shm before stays there. */
  readonly keepShm?: true;
}

/** Before anything is fetched. */
export function mountPointSteps(
  spec: ContainerSpec,
  host: Host,
  owner: Owner | undefined,
): readonly MountPointStep[] {
  const all = readyMounts(spec);
  const steps: MountPointStep[] = [];
  const mounts = all.filter(needsMaking);
  if (mounts.length > 0) steps.push({ in: "agent", do: "make-mount-points", mounts });
  const { secrets } = secretFiles(all, host, owner);
  if (secrets !== undefined)
    steps.push({ in: "agent", do: "make-secrets-directory", path: secrets.directory });
  return steps;
}

/** Of what is bound, the source at least is looked for, which gives a better message than mount(8). */
function needsMaking({ kind, target }: ReadyMount): boolean {
  return kind === "bind" || !target.startsWith("/");
}

/** Volumes at absolute paths are mounted there. */
function allMounts(spec: ContainerSpec): readonly ReadyMount[] {
  const { volumes = [] } = spec;
  const absolute = volumes.filter(({ target }) => target.startsWith("/"));
  return [
    ...absolute.map((each) => ({ kind: "bind" as const, ...each, readOnly: false })),
    ...readyMounts(spec),
  ];
}

export function mountSteps(
  spec: ContainerSpec,
  host: Host,
  namespaces: readonly Namespace[],
  owner: Owner | undefined,
  joined: JoinNamespacesStep | undefined,
): readonly (MountStep<"init"> | MountStep<"supervisor">)[] {
  // In a root of its own the process that enters it mounts them.
  if (spec.root !== undefined) return [];
  const mounts = allMounts(spec);
  const { fixedMounts: fixed } = host;
  if (!namespaces.includes("mount") || (mounts.length === 0 && fixed === undefined)) return [];
  const where = namespaces.includes("pid") ? "init" : "supervisor";
  const secrets = secretFiles(mounts, host, owner);
  const keep = joined?.mounts === true && fixed !== undefined ? { keepShm: true as const } : {};
  return [{ in: where, do: "mount", fixed, ...secrets, mounts, sandbox: spec.sandbox, ...keep }];
}

/** Why the mounts that the container asks for cannot be made here, or nothing. */
export function unmountable(spec: ContainerSpec, host: Host): string | undefined {
  const mounts = allMounts(spec);
  const { isolation } = spec;
  if (mounts.length === 0) return undefined;
  const own = isolation.namespaces.includes("mount") && host.capabilities.namespaces.includes("mount");
  if (own && (host.tools.mount !== undefined || spec.root !== undefined)) return undefined;
  const what = own ? "mount (util-linux)" : "a mount namespace, which it cannot make (see its log)";
  return `Cannot mount anything at "${mounts[0]?.target}": the agent needs ${what}`;
}
