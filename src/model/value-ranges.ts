/**
 * Sets of integers as sorted, coalesced intervals, both ends included:
 * `[begin, end, begin, end, …]`. The amounts of RANGES resources (ports).
 */
import { fail, ok, type Result } from "../base/result.ts";
import type { ValueRange } from "./v1/resources.ts";

export type Intervals = readonly number[];

/** Sorts and joins intervals that touch or overlap. */
export function coalesce(ranges: readonly ValueRange[]): Intervals {
  const sorted = ranges.toSorted((a, b) => a.begin - b.begin);
  const out: number[] = [];
  for (const { begin, end } of sorted) {
    const last = out.length - 1;
    if (last > 0 && begin <= at(out, last) + 1) out[last] = Math.max(at(out, last), end);
    else out.push(begin, end);
  }
  return out;
}

/** Checks ranges as clients send them: integers, begin not after end, no number twice. */
export function checkRanges(ranges: readonly ValueRange[]): string | undefined {
  for (const { begin, end } of ranges) {
    if (!Number.isSafeInteger(begin) || !Number.isSafeInteger(end) || begin < 0) {
      return `[${begin}-${end}] must lie between 0 and ${Number.MAX_SAFE_INTEGER}`;
    }
    if (begin > end) return `[${begin}-${end}] begins after its end`;
  }
  const sorted = ranges.toSorted((a, b) => a.begin - b.begin);
  for (let i = 1; i < sorted.length; i++) {
    const [before, here] = [sorted[i - 1], sorted[i]];
    if (before && here && here.begin <= before.end) {
      return `[${before.begin}-${before.end}] and [${here.begin}-${here.end}] overlap`;
    }
  }
  return undefined;
}

export function unionIntervals(a: Intervals, b: Intervals): Intervals {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const out: number[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const takeA = j >= b.length || (i < a.length && at(a, i) <= at(b, j));
    const [begin, end] = takeA ? [at(a, i), at(a, i + 1)] : [at(b, j), at(b, j + 1)];
    if (takeA) i += 2;
    else j += 2;
    const last = out.length - 1;
    if (last > 0 && begin <= at(out, last) + 1) out[last] = Math.max(at(out, last), end);
    else out.push(begin, end);
  }
  return out;
}

/** The numbers of `a` that are not in `b`. */
export function subtractIntervals(a: Intervals, b: Intervals): Intervals {
  const out: number[] = [];
  let j = 0;
  for (let i = 0; i < a.length; i += 2) {
    let begin = at(a, i);
    const end = at(a, i + 1);
    while (j < b.length && at(b, j + 1) < begin) j += 2;
    for (let k = j; k < b.length && at(b, k) <= end; k += 2) {
      if (at(b, k) > begin) out.push(begin, at(b, k) - 1);
      begin = Math.max(begin, at(b, k + 1) + 1);
    }
    if (begin <= end) out.push(begin, end);
  }
  return out;
}

/** True when every number of `b` is in `a`. */
export function containsIntervals(a: Intervals, b: Intervals): boolean {
  let i = 0;
  for (let j = 0; j < b.length; j += 2) {
    while (i < a.length && at(a, i + 1) < at(b, j)) i += 2;
    if (i >= a.length || at(a, i) > at(b, j) || at(a, i + 1) < at(b, j + 1)) return false;
  }
  return true;
}

/** How many numbers the intervals hold. */
export function countIntervals(a: Intervals): number {
  let count = 0;
  for (let i = 0; i < a.length; i += 2) count += at(a, i + 1) - at(a, i) + 1;
  return count;
}

export function toRanges(a: Intervals): ValueRange[] {
  const out: ValueRange[] = [];
  for (let i = 0; i < a.length; i += 2) out.push({ begin: at(a, i), end: at(a, i + 1) });
  return out;
}

/** `[31000-32000, 8080-8080]`, as Mesos prints ranges. */
export function formatIntervals(a: Intervals): string {
  return `[${toRanges(a)
    .map(({ begin, end }) => `${begin}-${end}`)
    .join(", ")}]`;
}

/** Reads `[31000-32000, 8080-8080]`; an interval may be empty of blanks or have them anywhere. */
export function parseRanges(text: string): Result<ValueRange[]> {
  const body = /^\[(.*)\]$/.exec(text.trim())?.[1];
  if (body === undefined) return fail(`ranges need brackets, got '${text}'`);
  const ranges: ValueRange[] = [];
  for (const part of body.split(",")) {
    if (part.trim() === "" && body.trim() === "") continue;
    const match = /^\s*(\d+)\s*-\s*(\d+)\s*$/.exec(part);
    if (!match) return fail(`'${part.trim()}' is no range, expected begin-end`);
    ranges.push({ begin: Number(match[1]), end: Number(match[2]) });
  }
  return ok(ranges);
}

function at(intervals: Intervals, index: number): number {
  return intervals[index] as number;
}
