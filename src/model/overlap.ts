import { type Amount, haveCommon } from "./resource-amount.ts";
import { Resources } from "./resources.ts";

/**
 * What of ranges and sets two of the parts both have, or undefined. A sum holds it once, so that it
 * could not be given back by each (Mesos: detectOverlappingSetAndRangeResources).
 */
export function overlapOf(parts: Iterable<Resources>): Resources | undefined {
  const all = [...parts].filter((part) => !part.isEmpty());
  // Most tasks have one part alone.
  if (all.length < 2 || !overlaps(all, all.length)) return undefined;
  let [clear, found] = [1, all.length];
  while (found - clear > 1) {
    const middle = (clear + found) >> 1;
    if (overlaps(all, middle)) found = middle;
    else clear = middle;
  }
  const before = Resources.sum(all.slice(0, found - 1));
  const last = all[found - 1] ?? Resources.EMPTY;
  return before.subtract(before.add(last).subtract(last));
}

/** Whether two of the first `count` parts do. */
function overlaps(parts: readonly Resources[], count: number): boolean {
  const byIdentity = new Map<string, Amount[]>();
  for (const { entries } of parts.slice(0, count)) {
    for (const { identity, amount } of entries) {
      const known = byIdentity.get(identity.key);
      if (known === undefined) byIdentity.set(identity.key, [amount]);
      else known.push(amount);
    }
  }
  return [...byIdentity.values()].some(haveCommon);
}
