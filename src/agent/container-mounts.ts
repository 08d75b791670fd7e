/** From the volumes of a ContainerInfo to mounts: host, sandbox, images, secrets (ISO-36 to ISO-39). */
import { CONTAINER_VOLUMES_MAX, SECRET_MAX_BYTES } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { BindMount, ContainerMount, ContainerSpec } from "../isolation/container.ts";
import type { Volume } from "../model/v1/containers.ts";
import type { Secret } from "../model/v1/tasks.ts";
import { wantedImage } from "./container-image.ts";
import type { ContainerPolicy } from "./container-policy.ts";
import { unusablePath, unusableTarget } from "./container-volumes.ts";

export const PRIVATE_TMP = ["/tmp", "/var/tmp"];
/** Holds /tmp of a container, where it is private. */
const TMP = ".tmp";
const TMP_MODE = 0o1777;

export interface MountsOwner {
  /** Runs as root, or can become nobody else: to hide files of the host from it gives it nothing. */
  readonly mayCoverHost: boolean;
  /** Sandbox of the container that this one is nested in. */
  readonly parentSandbox?: string;
}

export type VolumeMounts = Required<Pick<ContainerSpec, "mounts" | "secrets">>;

export function volumeMounts(
  volumes: readonly Volume[],
  policy: ContainerPolicy,
  owner: MountsOwner,
): Result<VolumeMounts> {
  if (volumes.length > CONTAINER_VOLUMES_MAX) {
    const most = `it can have ${CONTAINER_VOLUMES_MAX} at most`;
    return fail(`the container asks for ${volumes.length} volumes; ${most}`);
  }
  const mounts: ContainerMount[] = [];
  const secrets: Uint8Array[] = [];
  for (const volume of volumes) {
    const mount = volumeMount(volume, policy, owner);
    if (!mount.ok) return fail(`the volume at "${volume.container_path}" ${mount.error}`);
    mounts.push(mount.value);
    if (mount.value.kind === "secret") secrets.push(secretBytes(volume));
  }
  return ok({ mounts, secrets });
}

/** Before volumes, which may lie below. */
export function tmpMounts(policy: ContainerPolicy): readonly ContainerMount[] {
  if (!policy.privateTmp) return [];
  return PRIVATE_TMP.map((target, at) => ({
    kind: "bind",
    source: `${TMP}/${at}`,
    sourceMode: TMP_MODE,
    target,
    readOnly: false,
  }));
}

function volumeMount(volume: Volume, policy: ContainerPolicy, owner: MountsOwner): Result<ContainerMount> {
  const target = volume.container_path;
  const reason = unusableTarget(target, owner.mayCoverHost);
  if (reason !== undefined) return fail(reason);
  const readOnly = volume.mode === "RO";
  if (volume.image !== undefined) {
    const image = wantedImage(volume.image);
    return image.ok ? ok({ kind: "image", image: image.value, target, readOnly }) : image;
  }
  if (volume.source?.type === "SECRET") {
    const problem = secretProblem(volume.source.secret);
    if (problem !== undefined) return fail(problem);
    return ok({ kind: "secret", bytes: secretBytes(volume).length, target, readOnly });
  }
  const from = sourceOf(volume, policy, owner);
  if (!from.ok) return from;
  return ok({ kind: "bind", ...from.value, target, readOnly });
}

type Source = Pick<BindMount, "source" | "sourceBase" | "recursive" | "create">;

function sourceOf(volume: Volume, policy: ContainerPolicy, owner: MountsOwner): Result<Source> {
  const { host_path: hostPath, source } = volume;
  // The old field, relative: a path in the sandbox (Mesos: volume/sandbox_path).
  if (hostPath !== undefined && !hostPath.startsWith("/")) return sandboxPath(hostPath, undefined);
  if (hostPath !== undefined) return fromHost(hostPath, volume, policy);
  switch (source?.type) {
    case "HOST_PATH": {
      const { path = "", mount_propagation: propagation } = source.host_path ?? {};
      if (!path.startsWith("/")) return fail(`has the host path "${path}", which is not absolute`);
      if (propagation?.mode === "BIDIRECTIONAL") return fail("asks for bidirectional propagation of mounts");
      return fromHost(path, volume, policy);
    }
    case "SANDBOX_PATH": {
      const { path = "", type = "SELF" } = source.sandbox_path ?? {};
      if (type !== "PARENT") return sandboxPath(path, undefined);
      if (owner.parentSandbox === undefined) return fail("is of its parent's sandbox, and it has no parent");
      return sandboxPath(path, owner.parentSandbox);
    }
    default:
      return fail(`is of the type ${source?.type ?? "UNKNOWN"}, which is not there`);
  }
}

function secretProblem(secret: Secret | undefined): string | undefined {
  if (secret?.value === undefined) {
    return "is a secret by reference, which needs a store of secrets that agents do not have: give it by value";
  }
  const bytes = secret.value.data.length;
  if (bytes <= SECRET_MAX_BYTES) return undefined;
  return `is a secret of ${bytes} bytes; there may be ${SECRET_MAX_BYTES}`;
}

function secretBytes({ source }: Volume): Uint8Array {
  return source?.secret?.value?.data ?? new Uint8Array();
}

function sandboxPath(path: string, base: string | undefined): Result<Source> {
  const reason = unusablePath(path);
  if (reason !== undefined) return fail(`has the sandbox path "${path}", which ${reason}`);
  return ok({ source: path, ...(base === undefined ? {} : { sourceBase: base }) });
}

/** Mounts below come along, unless they could be written through a volume that may not. */
function fromHost(path: string, { mode }: Volume, { hostPathCreation }: ContainerPolicy): Result<Source> {
  if (path.includes("\0")) return fail("has a zero byte in its host path");
  const parts = path.split("/");
  const create =
    !parts.includes("..") &&
    hostPathCreation.some((prefix) => path === prefix || path.startsWith(`${prefix.replace(/\/+$/, "")}/`));
  return ok({
    source: path,
    ...(mode === "RO" ? {} : { recursive: true }),
    ...(create ? { create: true } : {}),
  });
}
