import { expect, test } from "bun:test";
import { refuseMs } from "../../src/master/decline.ts";

const YEAR_MS = 365 * 24 * 3600 * 1000;

test("how long an offer is refused", () => {
  const table: readonly (readonly [seconds: number | undefined, ms: number])[] = [
    [undefined, 5_000],
    [-1, 5_000],
    [Number.NaN, 5_000],
    [0, 0],
    [0.01, 1_000],
    [7.5, 7_500],
    [1e12, YEAR_MS],
    [Number.POSITIVE_INFINITY, YEAR_MS],
  ];
  for (const [refuse_seconds, ms] of table) {
    const filters = refuse_seconds === undefined ? {} : { refuse_seconds };
    expect(refuseMs(filters), String(refuse_seconds)).toBe(ms);
  }
  expect(refuseMs(undefined)).toBe(5_000);
});
