import type { ResourceDiskInfoSource } from "./v1/resources.ts";

/** Where a persistent volume on such a disk is. */
export interface DiskPlace {
  /** Of a PATH or MOUNT disk; undefined: the work directory of the agent. */
  readonly root: string | undefined;
  /** A MOUNT disk cannot be divided: the volume is all of it, at its root. */
  readonly wholeDisk?: true;
}

export function diskOf(source: ResourceDiskInfoSource | undefined): DiskPlace {
  if (source?.type === "MOUNT") return { root: source.mount?.root, wholeDisk: true };
  return { root: source?.path?.root };
}
