/**
 * Shared volumes: any number of frameworks may hold one at a time, so it never
 * runs out. It is offered beside something else, once in each allocation, and
 * counts once for each framework and role that holds it (RES-17).
 */
import type { ResourceEntry, Resources } from "../model/resources.ts";

export function anyShared(resources: Resources): boolean {
  const entries = resources.entries;
  for (let i = 0; i < entries.length; i++) if ((entries[i] as ResourceEntry).identity.isShared) return true;
  return false;
}

export function sharedPart(resources: Resources): Resources {
  return resources.filter((identity) => identity.isShared);
}

/** What only one may hold at a time. */
export function exclusivePart(resources: Resources): Resources {
  return resources.filter((identity) => !identity.isShared);
}

/** Whether there is anything but shared volumes. */
export function anyExclusive(resources: Resources): boolean {
  const entries = resources.entries;
  for (let i = 0; i < entries.length; i++) if (!(entries[i] as ResourceEntry).identity.isShared) return true;
  return false;
}

/** `resources` without the shared volumes that are in `held`: what of them counts anew, or no longer. */
export function withoutHeld(resources: Resources, held: Resources | undefined): Resources {
  if (held === undefined || !anyShared(resources)) return resources;
  const keys = new Set(sharedPart(held).entries.map(({ identity }) => identity.key));
  return resources.filter((identity) => !identity.isShared || !keys.has(identity.key));
}
