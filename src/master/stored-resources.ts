import { KNOWN_RESOURCES_MAX, KNOWN_RESOURCES_MAX_BYTES } from "../base/limits.ts";
import { Resources } from "../model/resources.ts";
import type { TaskRecord } from "../registry/records.ts";
import { infoPlaceOf } from "../registry/stored-task.ts";
import { decodeBlobField, type FieldPlace, findBlobField } from "../wire/blob.ts";
import { parsedResources } from "./task-resources.ts";

/**
 * Reads the resources of stored tasks, for a leader that begins with a million
 * of them: remembers some that it has seen, by their bytes, so that tasks that
 * ask for the same share one value.
 */
export class StoredResources {
  readonly #slots: ({ readonly stored: Uint8Array; readonly resources: Resources } | undefined)[] = [];

  of(task: TaskRecord): Resources {
    const { bytes, at } = infoPlaceOf(task);
    const place = findBlobField("TaskInfo", "resources", bytes, at);
    if (place === undefined) return Resources.EMPTY;
    const slot = hashOf(bytes, place) % KNOWN_RESOURCES_MAX;
    const known = this.#slots[slot];
    if (known !== undefined && isStored(known.stored, bytes, place)) return known.resources;
    const stored = bytes.slice(place.from, place.to);
    const messages = decodeBlobField("TaskInfo", "resources", stored) ?? [];
    const resources = parsedResources(messages, task.taskId);
    if (stored.length <= KNOWN_RESOURCES_MAX_BYTES) this.#slots[slot] = { stored, resources };
    return resources;
  }
}

/** FNV-1a. */
function hashOf(bytes: Uint8Array, { from, to }: FieldPlace): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

function isStored(stored: Uint8Array, bytes: Uint8Array, { from, to }: FieldPlace): boolean {
  if (stored.length !== to - from) return false;
  for (let i = 0; i < stored.length; i++) if (stored[i] !== bytes[from + i]) return false;
  return true;
}
