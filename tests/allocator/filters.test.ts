import { expect, test } from "bun:test";
import { filterEndMs } from "../../src/allocator/filters.ts";
import { Random } from "../../src/base/random.ts";
import { DAY_MS } from "../../src/base/time.ts";

test("a filter never ends early, and at most a hundredth late", () => {
  const random = new Random(3);
  for (let i = 0; i < 5_000; i++) {
    const nowMs = random.below(1_000_000_000);
    const durationMs = Math.ceil(random.fraction() * random.pick([100, 5_000, DAY_MS, 365 * DAY_MS])) + 1;
    const endMs = filterEndMs(nowMs, durationMs);
    expect(endMs).toBeGreaterThanOrEqual(nowMs + durationMs);
    expect(endMs - nowMs - durationMs).toBeLessThanOrEqual(Math.max(1, durationMs / 100));
  }
});

test("short filters end to the millisecond, long ones of about the same time end together", () => {
  expect(filterEndMs(12_345, 100)).toBe(12_445);
  const ends = new Set(Array.from({ length: 1_000 }, (_, i) => filterEndMs(1_000_000 + i, 365 * DAY_MS)));
  expect(ends.size).toBeLessThanOrEqual(2);
});
