import { describe, expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import {
  coalesce,
  containsIntervals,
  countIntervals,
  formatIntervals,
  type Intervals,
  parseRanges,
  subtractIntervals,
  unionIntervals,
} from "../../src/model/value-ranges.ts";

function numbers(intervals: Intervals): Set<number> {
  const out = new Set<number>();
  for (let i = 0; i < intervals.length; i += 2) {
    for (let n = intervals[i] ?? 0; n <= (intervals[i + 1] ?? -1); n++) out.add(n);
  }
  return out;
}

function randomIntervals(random: Random): Intervals {
  return coalesce(
    Array.from({ length: random.below(5) }, () => {
      const begin = random.below(20);
      return { begin, end: begin + random.below(6) };
    }),
  );
}

describe("intervals", () => {
  test("are sorted and joined where they touch", () => {
    expect(
      coalesce([
        { begin: 5, end: 6 },
        { begin: 1, end: 2 },
        { begin: 3, end: 3 },
      ]),
    ).toEqual([1, 3, 5, 6]);
  });

  test("agree with sets of numbers", () => {
    const random = new Random(43);
    for (let i = 0; i < 2_000; i++) {
      const [a, b] = [randomIntervals(random), randomIntervals(random)];
      const [x, y] = [numbers(a), numbers(b)];
      expect(numbers(unionIntervals(a, b))).toEqual(x.union(y));
      expect(numbers(subtractIntervals(a, b))).toEqual(x.difference(y));
      expect(containsIntervals(a, b)).toBe(y.isSubsetOf(x));
      expect(countIntervals(a)).toBe(x.size);
      for (const result of [unionIntervals(a, b), subtractIntervals(a, b)]) {
        // Canonical: ascending, with a gap between neighbours.
        for (let k = 2; k < result.length; k += 2)
          expect(result[k]).toBeGreaterThan((result[k - 1] ?? 0) + 1);
      }
    }
  });

  test("as text", () => {
    expect(formatIntervals([8080, 8080, 31000, 32000])).toBe("[8080-8080, 31000-32000]");
    expect(parseRanges("[ 1 - 2,5-5 ]")).toEqual({
      ok: true,
      value: [
        { begin: 1, end: 2 },
        { begin: 5, end: 5 },
      ],
    });
    expect(parseRanges("[]")).toEqual({ ok: true, value: [] });
    expect(parseRanges("[1-2,]").ok).toBe(false);
    expect(parseRanges("1-2").ok).toBe(false);
  });
});
