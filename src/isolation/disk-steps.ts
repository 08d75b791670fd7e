/**
 * The step that holds what a container writes to its disk (Mesos isolator
 * disk/xfs): its sandbox gets a project of the file system's quotas, and all
 * that comes to be in there belongs to it.
 */
import type { ContainerSpec, ContainerVolume } from "./container.ts";
import { readyMounts } from "./mounts.ts";
import type { Host } from "./tools.ts";

export interface LimitDiskStep {
  readonly in: "agent";
  readonly do: "limit-disk";
  /** The sandbox, of a pod that of the pod: it is made, and empty unless it has a project already. */
  readonly path: string;
  /** Absolute paths of empty directories that count as well. */
  readonly beside: readonly string[];
  readonly bytes: number;
}

export interface LimitVolumesStep {
  readonly in: "agent";
  readonly do: "limit-volumes";
  readonly volumes: readonly { readonly path: string; readonly bytes: number }[];
}

/** After the volumes were made. */
export function limitVolumesSteps(
  volumes: readonly ContainerVolume[] = [],
  host: Host,
): readonly LimitVolumesStep[] {
  if (host.projectQuotas !== true) return [];
  const limited = volumes.flatMap(({ source, bytes }) =>
    bytes === undefined ? [] : { path: source, bytes },
  );
  return limited.length === 0 ? [] : [{ in: "agent", do: "limit-volumes", volumes: limited }];
}

/** Containers inside others write to those's sandboxes. */
export function limitDiskSteps(spec: ContainerSpec, host: Host): readonly LimitDiskStep[] {
  const { pod, containerId, sandbox, resources, root } = spec;
  if (host.projectQuotas !== true || (pod === undefined && containerId.includes("."))) return [];
  const bytes = (pod?.resources ?? resources).diskBytes;
  // As in Mesos: who asks for no disk has no limit.
  if (bytes === 0) return [];
  const volumes = readyMounts(spec).flatMap((mount) => (mount.kind === "overlay" ? [mount.source] : []));
  const overlays = root?.source.kind === "overlay" ? [root.source, ...volumes] : volumes;
  const beside = overlays.flatMap(({ upper, work }) => [upper, work]);
  return [{ in: "agent", do: "limit-disk", path: pod?.sandbox ?? sandbox, beside, bytes }];
}
