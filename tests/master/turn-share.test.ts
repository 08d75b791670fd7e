import { expect, test } from "bun:test";
import {
  TURN_DECIDE_AIM_MS,
  TURN_MAX_VISITS,
  TURN_MIN_VISITS,
  TURN_SHARE_MIN,
} from "../../src/base/limits.ts";
import { TurnShare } from "../../src/master/turn-share.ts";
import { MasterBench } from "../support/master-bench.ts";

/** Turns of which each takes some milliseconds for its inputs, and some for its decisions. */
class Turns {
  #ms = 0;
  readonly share = new TurnShare(() => this.#ms);

  turn(decidesMs: number, { leading = false, leftWork = true, inputs = 100 } = {}): number {
    this.share.begin(inputs);
    this.#ms += decidesMs;
    this.share.decided(leading, leftWork);
    return this.share.value;
  }

  /** Turns until the whole bound may be used. */
  grow(leading = false): number {
    for (let turns = 1; turns < 100; turns++) if (this.turn(0, { leading }) === 1) return turns;
    return Number.POSITIVE_INFINITY;
  }
}

test("a process begins with little and may do more as long as its turns are short and leave work", () => {
  const turns = new Turns();
  expect(turns.share.value).toBe(1 / 4);
  // What had nothing left to do says nothing of what more would have taken.
  expect(turns.turn(0, { leftWork: false })).toBe(1 / 4);
  expect(turns.turn(TURN_DECIDE_AIM_MS / 2)).toBe(1 / 4);
  expect(turns.grow()).toBeLessThan(20);
  expect(turns.turn(TURN_DECIDE_AIM_MS)).toBe(1);
});

test("a turn that took too long shrinks the next ones by as much, down to a bound", () => {
  const turns = new Turns();
  turns.grow();
  expect(turns.turn(2 * TURN_DECIDE_AIM_MS)).toBe(1 / 2);
  expect(turns.turn(100 * TURN_DECIDE_AIM_MS)).toBe(1 / 8);
  expect(turns.turn(100 * TURN_DECIDE_AIM_MS)).toBe(TURN_SHARE_MIN);
});

test("only turns of a busy master count: of many inputs, or behind one that left work", () => {
  const turns = new Turns();
  turns.grow();
  turns.turn(0, { leftWork: false });
  expect(turns.turn(2 * TURN_DECIDE_AIM_MS, { inputs: 1 })).toBe(1);
  expect(turns.turn(2 * TURN_DECIDE_AIM_MS, { inputs: 1 })).toBe(1 / 2);
});

test("a new leader begins with little again: its code runs for the first time", () => {
  const turns = new Turns();
  turns.grow();
  expect(turns.turn(0, { leading: true })).toBe(1 / 4);
  turns.grow(true);
  expect(turns.turn(0, { leading: false })).toBe(1 / 4);
});

test("the core does a part of what a turn may do, and the rest in later turns", () => {
  const bench = new MasterBench();
  bench.lead();
  const agents = 3 * TURN_MIN_VISITS;
  for (let link = 1; link <= agents; link++) bench.agent(link);
  bench.share = TURN_SHARE_MIN;
  bench.framework();
  const { core } = bench;
  expect(TURN_MAX_VISITS).toBeGreaterThan(agents);
  expect(core.leader?.offers.size).toBe(TURN_MIN_VISITS);
  bench.share = 0;
  bench.step({ kind: "tick" });
  expect(core.leader?.offers.size).toBe(TURN_MIN_VISITS);
  expect(core.nextDeadlineMs()).toBe(0);
  bench.share = TURN_SHARE_MIN;
  while (core.nextDeadlineMs() === 0) bench.step({ kind: "tick" });
  expect(core.leader?.offers.size).toBe(agents);
});
