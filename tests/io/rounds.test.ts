import { expect, test } from "bun:test";
import { Rounds } from "../../src/io/rounds.ts";

const INTERVAL_MS = 5_000;

/** Runs timers when it is told to. */
class TestClock {
  now = 0;
  timers: { atMs: number; run: () => void }[] = [];
  wakes = 0;

  nowMs(): number {
    return this.now;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.now + delayMs, run };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  runUntil(endMs: number): void {
    for (;;) {
      const next = this.timers.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > endMs) break;
      this.timers = this.timers.filter((other) => other !== next);
      this.now = next.atMs;
      this.wakes++;
      next.run();
    }
    this.now = endMs;
  }
}

function bench() {
  const clock = new TestClock();
  const visits: [thing: number, atMs: number][] = [];
  const hooks = { visited: (_thing: number): void => {} };
  const rounds = new Rounds<number>(
    INTERVAL_MS,
    (thing, nowMs) => {
      visits.push([thing, nowMs]);
      hooks.visited(thing);
    },
    clock,
  );
  return { clock, visits, hooks, rounds };
}

test("few are visited together, once in an interval", () => {
  const { clock, visits, rounds } = bench();
  for (const thing of [1, 2, 3]) rounds.add(thing);
  clock.runUntil(250 + 3 * INTERVAL_MS - 1);
  expect(visits).toEqual([250, 5_250, 10_250].flatMap((atMs) => [1, 2, 3].map((thing) => [thing, atMs])));
  expect(clock.wakes).toBe(3);
});

test("many are visited in parts, each once in an interval", () => {
  const { clock, visits, rounds } = bench();
  for (let thing = 0; thing < 10_000; thing++) rounds.add(thing);
  clock.runUntil(250 + 2 * INTERVAL_MS - 1);
  const byTime = Map.groupBy(visits, ([, atMs]) => atMs);
  expect(Math.max(...[...byTime.values()].map((part) => part.length))).toBe(500);
  for (const round of [0, 1]) {
    const things = visits.slice(round * 10_000, (round + 1) * 10_000).map(([thing]) => thing);
    expect(new Set(things).size).toBe(10_000);
  }
  expect(visits).toHaveLength(20_000);
});

test("those that go while others are visited are left out; without any there is no timer", () => {
  const { clock, visits, hooks, rounds } = bench();
  for (const thing of [1, 2, 3]) rounds.add(thing);
  hooks.visited = () => {
    for (const thing of [1, 2, 3]) rounds.delete(thing);
  };
  clock.runUntil(INTERVAL_MS);
  expect(visits).toEqual([[1, 250]]);
  expect(clock.timers).toEqual([]);
});

test("another that takes the place of the last one begins a round of its own", () => {
  const { clock, visits, hooks, rounds } = bench();
  rounds.add(1);
  hooks.visited = (thing) => {
    if (thing !== 1) return;
    rounds.delete(1);
    rounds.add(2);
  };
  clock.runUntil(1_000);
  expect(visits).toEqual([
    [1, 250],
    [2, 500],
  ]);
  expect(clock.timers).toHaveLength(1);
});
