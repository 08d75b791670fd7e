import type { VolumeEntry } from "../model/agent-protocol.ts";
import type { VolumeRecord } from "./records.ts";

/** Persistent volumes as the agent knows them; update-volumes.ts changes them. */
export class Volumes {
  /** Whose data may be on disk, as recorded. */
  readonly known = new Map<string, VolumeRecord>();
  /** Whose old data is being removed. */
  readonly removing = new Set<string>();
  /** As the master said last; empty before it said anything. */
  wanted: ReadonlyMap<string, VolumeRecord> = new Map();

  restore(volumes: readonly VolumeRecord[]): void {
    for (const volume of volumes) this.known.set(volumeKey(volume), volume);
  }

  /** Whether tasks may use the volume: its directory holds nothing of an earlier one. */
  isReady(volume: Pick<VolumeEntry, "role" | "persistenceId">): boolean {
    const key = volumeKey(volume);
    const [known, wanted] = [this.known.get(key), this.wanted.get(key)];
    if (known === undefined || this.removing.has(key)) return false;
    return wanted === undefined || isSameVolume(known, wanted);
  }
}

/** Neither part holds a newline. */
export function volumeKey({ role, persistenceId }: Pick<VolumeEntry, "role" | "persistenceId">): string {
  return `${role}\n${persistenceId}`;
}

export function isSameVolume(a: VolumeRecord, b: VolumeRecord): boolean {
  return a.making === b.making && a.root === b.root && a.wholeDisk === b.wholeDisk;
}
