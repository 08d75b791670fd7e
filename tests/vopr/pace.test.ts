import { expect, test } from "bun:test";
import { Pace } from "./pace.ts";

test("as many events as are allowed, in each second anew", () => {
  const pace = new Pace(3);
  for (const nowMs of [0, 500, 999, 1_000, 1_000, 1_999.9, 2_000]) pace.count(nowMs);
});

test("one more fails, also if no time passes", () => {
  const pace = new Pace(3);
  for (const nowMs of [1_000, 1_000, 1_000]) pace.count(nowMs);
  expect(() => pace.count(1_000)).toThrow("Pace: more than 3 events in second 1");
});
