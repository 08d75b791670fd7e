import { expect, test } from "bun:test";
import { CallRates } from "../../src/master/call-rates.ts";
import { MasterBench } from "../support/master-bench.ts";

const at = (ms: number) => ({ monotonicMs: ms, wallMs: ms });

/** How many of `calls` go through. */
function passed(rates: CallRates, principal: string | undefined, ms: number, calls: number): number {
  let count = 0;
  for (let i = 0; i < calls; i++) if (rates.refuses(principal, at(ms)) === undefined) count++;
  return count;
}

test("without limits nobody is held back", () => {
  expect(passed(new CallRates({}), "a", 0, 10_000)).toBe(10_000);
});

test("a budget grows with time, up to its capacity", () => {
  const rates = new CallRates({ limits: [{ principal: "a", qps: 10, capacity: 20 }] });
  expect(passed(rates, "a", 1_000, 100)).toBe(20);
  expect(passed(rates, "a", 1_500, 100)).toBe(5);
  expect(passed(rates, "a", 1_550, 100)).toBe(0);
  expect(passed(rates, "a", 100_000, 100)).toBe(20);
  expect(passed(rates, "b", 1_000, 100)).toBe(100);
});

test("slow ones get one call at least", () => {
  const rates = new CallRates({ limits: [{ principal: "a", qps: 0.5 }] });
  expect([0, 1_000, 2_000].map((ms) => passed(rates, "a", ms, 3))).toEqual([1, 0, 1]);
});

test("those without a limit of their own share the default; named without qps is free", () => {
  const rates = new CallRates({ limits: [{ principal: "free" }], aggregate_default_qps: 3 });
  expect(passed(rates, "x", 0, 2) + passed(rates, undefined, 0, 5)).toBe(3);
  expect(passed(rates, "free", 0, 100)).toBe(100);
});

test("a scheduler beyond its budget is answered 429, others go on", () => {
  const bench = new MasterBench({ rateLimits: { limits: [{ principal: "noisy", qps: 2 }] } });
  bench.lead();
  const noisy = bench.framework({ principal: "noisy" });
  const calm = bench.framework({ principal: "calm" });
  const statuses = [1, 2, 3].map(() => noisy.call({ type: "REVIVE" })?.status);
  expect(statuses).toEqual([202, 202, 429]);
  expect(noisy.call({ type: "REVIVE" })?.body).toBe(
    "Too many calls of principal 'noisy': 2 a second are allowed; call again later",
  );
  expect(calm.call({ type: "REVIVE" })?.status).toBe(202);
  bench.pass(500);
  expect(noisy.call({ type: "REVIVE" })?.status).toBe(202);
});
