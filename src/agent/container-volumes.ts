/** The persistent volumes of a task's resources, as its container sees them. */
import { fail, ok, type Result } from "../base/result.ts";
import type { ContainerVolume } from "../isolation/container.ts";
import { diskOf } from "../model/disk-source.ts";
import { reservationsOf } from "../model/resource-identity.ts";
import { ANY_ROLE } from "../model/roles.ts";
import type { Resource } from "../model/v1/resources.ts";
import { volumePath } from "./paths.ts";
import type { Volumes } from "./volumes.ts";

const BYTES_PER_MEGABYTE = 1024 * 1024;

export function containerVolumes(
  workDir: string,
  resources: readonly Resource[],
  known: Volumes,
  mayCoverHost: boolean,
): Result<readonly ContainerVolume[]> {
  const volumes: ContainerVolume[] = [];
  for (const resource of resources) {
    const { disk } = resource;
    if (disk?.persistence === undefined) continue;
    const persistenceId = disk.persistence.id;
    const role = reservationsOf(resource).at(-1)?.role ?? ANY_ROLE;
    if (!known.isReady({ role, persistenceId })) {
      return fail(
        `the volume "${persistenceId}" of role "${role}" is not there, or holds data of an earlier one`,
      );
    }
    const target = disk.volume?.container_path ?? "";
    const reason = unusableTarget(target, mayCoverHost);
    if (reason !== undefined) {
      return fail(`the container_path "${target}" of the volume "${persistenceId}" ${reason}`);
    }
    const place = diskOf(disk.source);
    const source = volumePath(workDir, { role, persistenceId, ...place });
    const bytes = Math.round((resource.scalar?.value ?? 0) * BYTES_PER_MEGABYTE);
    volumes.push({ source, target, ...(place.wholeDisk === true ? {} : { bytes }) });
  }
  return ok(volumes);
}

/** Volumes are links in the sandbox, as with Mesos' filesystem/posix, or mounted at absolute paths. */
/** Why nothing can be mounted or linked there, or nothing. */
export function unusableTarget(target: string, mayCoverHost: boolean): string | undefined {
  if (!target.startsWith("/")) return unusablePath(target);
  return mayCoverHost ? unusablePath(target.slice(1)) : COVERS_HOST;
}

/** Covering /etc gives a user who may execute setuid programs the rights of root. */
const COVERS_HOST =
  "would cover a directory of the host, with which setuid programs can be misled; " +
  "give a path inside the sandbox, run the task as root, or the agent with --forbid-new-privileges";

/** Why it is no path inside a directory, or nothing. */
export function unusablePath(path: string): string | undefined {
  if (path.includes("\0")) return "holds a zero byte";
  const parts = path.split("/");
  if (parts.some((part) => part === "" || part === "." || part === "..")) {
    return "must be plain names joined by slashes";
  }
  return undefined;
}
