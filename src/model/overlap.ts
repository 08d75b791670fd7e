import { Resources } from "./resources.ts";

/**
 * What of ranges and sets two of the parts both have, or undefined. A sum holds it once, so that it
 * could not be given back by each (Mesos: detectOverlappingSetAndRangeResources).
 */
export function overlapOf(parts: Iterable<Resources>): Resources | undefined {
  let sum = Resources.EMPTY;
  for (const part of parts) {
    if (part.isEmpty()) continue;
    if (sum.isEmpty()) {
      // Most tasks have one part alone.
      sum = part;
      continue;
    }
    const next = sum.add(part);
    const before = next.subtract(part);
    if (!before.equals(sum)) return sum.subtract(before);
    sum = next;
  }
  return undefined;
}
