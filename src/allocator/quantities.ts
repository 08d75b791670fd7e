/** Plain amounts by resource name, and the smallest offer worth making. */

import { fail, ok, type Result } from "../base/result.ts";
import type { Resources } from "../model/resources.ts";
import { countIntervals } from "../model/value-ranges.ts";

/** Amounts by resource name, in thousandths: 1.5 cpus is 1500. Names that are absent count as 0. */
export type ScalarQuantities = ReadonlyMap<string, number>;

/**
 * Smallest offer worth making: alternatives of which one must hold; each names
 * the least amounts, all of them required. Scalars in thousandths; ranges and
 * sets by number of items, in thousandths too. Empty: everything is worth it.
 */
export type MinAllocatable = readonly ScalarQuantities[];

/** Mesos: MIN_CPUS and MIN_MEM of master/constants.hpp. */
export const DEFAULT_MIN_ALLOCATABLE: MinAllocatable = [new Map([["cpus", 10]]), new Map([["mem", 32_000]])];

/** Whether the resources reach one of the alternatives. */
export function isWorthOffering(resources: Resources, minimum: MinAllocatable): boolean {
  for (const alternative of minimum) if (reaches(resources, alternative)) return true;
  return minimum.length === 0;
}

function reaches(resources: Resources, amounts: ScalarQuantities): boolean {
  for (const [name, milli] of amounts) if (amountOf(resources, name) < milli) return false;
  return true;
}

/** Thousandths of a scalar; a thousand for each item of a range or set. */
function amountOf(resources: Resources, name: string): number {
  let milli = 0;
  for (const { identity, amount } of resources.entries) {
    if (identity.name !== name) continue;
    if (typeof amount === "number") milli += amount;
    else if ("names" in amount) milli += amount.names.length * 1000;
    else milli += countIntervals(amount) * 1000;
  }
  return milli;
}

/**
 * Reads `--min_allocatable_resources`: alternatives split by `|`, amounts
 * within one by `;`, each `name:number`. An empty text means no minimum.
 */
export function parseMinAllocatable(text: string): Result<MinAllocatable> {
  if (text.trim() === "") return ok([]);
  const alternatives: ScalarQuantities[] = [];
  for (const alternative of text.split("|")) {
    const amounts = new Map<string, number>();
    for (const item of alternative.split(";")) {
      const match = /^\s*([^\s:]+)\s*:\s*(\d+(?:\.\d+)?)\s*$/.exec(item);
      if (match === null) {
        return fail(
          `Cannot read '${item.trim()}' in the smallest offer '${text}': write name:number, as in cpus:0.01|mem:32`,
        );
      }
      amounts.set(match[1] as string, Math.round(Number(match[2]) * 1000));
    }
    alternatives.push(amounts);
  }
  return ok(alternatives);
}
