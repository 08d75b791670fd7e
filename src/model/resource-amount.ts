/**
 * The amount of one resource: thousandths (SCALAR), intervals (RANGES) or
 * sorted names (SET). Two amounts of one identity are of the same sort.
 */
import { assert } from "../base/assert.ts";
import { milliOf, scalarOf } from "./scalar.ts";
import type { Resource } from "./v1/resources.ts";
import {
  checkRanges,
  coalesce,
  containsIntervals,
  formatIntervals,
  type Intervals,
  subtractIntervals,
  toRanges,
  unionIntervals,
} from "./value-ranges.ts";

export type Names = { readonly names: readonly string[] };
export type Amount = number | Intervals | Names;

/** The amount of a Resource that checkResource accepts. */
export function amountOf({ scalar, ranges, set }: Resource): Amount {
  if (scalar) return milliOf(scalar.value);
  if (ranges) return coalesce(ranges.range ?? []);
  return { names: (set?.item ?? []).toSorted() };
}

/** The value field that the v1 message carries for an amount. */
export function amountFields(amount: Amount): Pick<Resource, "scalar" | "ranges" | "set"> {
  if (typeof amount === "number") return { scalar: { value: scalarOf(amount) } };
  if (isIntervals(amount)) return { ranges: { range: toRanges(amount) } };
  return { set: { item: [...amount.names] } };
}

export function isNothing(amount: Amount): boolean {
  if (typeof amount === "number") return amount <= 0;
  return isIntervals(amount) ? amount.length === 0 : amount.names.length === 0;
}

export function addAmounts(a: Amount, b: Amount): Amount {
  if (typeof a === "number" && typeof b === "number") return a + b;
  if (isIntervals(a) && isIntervals(b)) return unionIntervals(a, b);
  return { names: [...new Set([...namesOf(a), ...namesOf(b)])].sort() };
}

/** Whether a number of ranges, or a name of sets, is in two of the amounts; scalars have no such. */
export function haveCommon(amounts: readonly Amount[]): boolean {
  const [first] = amounts;
  if (amounts.length < 2 || typeof first === "number" || first === undefined) return false;
  if (isIntervals(first)) {
    return checkRanges(amounts.flatMap((each) => toRanges(each as Intervals))) !== undefined;
  }
  const names = amounts.flatMap(namesOf);
  return new Set(names).size < names.length;
}

/** As {@link addAmounts} of one after the other; at once, so that many take no longer than they must. */
export function sumAmounts(amounts: readonly Amount[]): Amount {
  const [first] = amounts;
  if (typeof first === "number") return amounts.reduce<number>((sum, each) => sum + (each as number), 0);
  if (first !== undefined && isIntervals(first)) {
    return coalesce(amounts.flatMap((each) => toRanges(each as Intervals)));
  }
  return { names: [...new Set(amounts.flatMap(namesOf))].sort() };
}

/** Never below nothing. */
export function subtractAmounts(a: Amount, b: Amount): Amount {
  if (typeof a === "number" && typeof b === "number") return Math.max(0, a - b);
  if (isIntervals(a) && isIntervals(b)) return subtractIntervals(a, b);
  const taken = new Set(namesOf(b));
  return { names: namesOf(a).filter((name) => !taken.has(name)) };
}

export function containsAmount(a: Amount, b: Amount): boolean {
  if (typeof a === "number" && typeof b === "number") return a >= b;
  if (isIntervals(a) && isIntervals(b)) return containsIntervals(a, b);
  const have = new Set(namesOf(a));
  return namesOf(b).every((name) => have.has(name));
}

export function sameAmount(a: Amount, b: Amount): boolean {
  if (typeof a === "number" || typeof b === "number") return a === b;
  return containsAmount(a, b) && containsAmount(b, a);
}

/** As Mesos prints it: `1.5`, `[1-5, 8-8]`, `{a, b}`. */
export function formatAmount(amount: Amount): string {
  if (typeof amount === "number") return String(scalarOf(amount));
  return isIntervals(amount) ? formatIntervals(amount) : `{${amount.names.join(", ")}}`;
}

function isIntervals(amount: Amount): amount is Intervals {
  return Array.isArray(amount);
}

function namesOf(amount: Amount): readonly string[] {
  assert(typeof amount === "object" && "names" in amount, "Amounts of one resource must be of one sort");
  return amount.names;
}
