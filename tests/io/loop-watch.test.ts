import { describe, expect, test } from "bun:test";
import { LoopWatch } from "../../src/io/loop-watch.ts";

/** A clock whose timers fire when the test says so. */
class Clock {
  ms = 1_000;
  cpu = 0;
  waiting: (() => void) | undefined;
  ending: (() => void) | undefined;
  nowMs(): number {
    return this.ms;
  }
  cpuMs(): number {
    return this.cpu;
  }
  after(_delayMs: number, run: () => void): void {
    this.waiting = run;
  }
  atTurnEnd(run: () => void): void {
    this.ending = run;
  }
  /** The timer fires after `ms`. */
  fire(ms: number): void {
    this.ms += ms;
    const run = this.waiting;
    this.waiting = undefined;
    run?.();
  }
  /** The turn ends after `ms`. */
  endTurn(ms: number): void {
    this.ms += ms;
    const run = this.ending;
    this.ending = undefined;
    run?.();
  }
}

/** Has as many turns without a pause that it looks by a timer from then on. */
function work(clock: Clock, watch: LoopWatch): void {
  for (let turns = 0; clock.waiting === undefined; turns++) {
    expect(turns).toBeLessThan(20);
    watch.touch();
    clock.endTurn(0);
  }
}

function watched(): { clock: Clock; watch: LoopWatch; longest: () => number | undefined } {
  const clock = new Clock();
  const watch = new LoopWatch(clock);
  return { clock, watch, longest: () => watch.metrics()["mesh/event_loop/turns/longest_ms"] };
}

describe("LoopWatch", () => {
  test("measures later turns of a request, also of one that comes with a single turn", () => {
    for (const before of [false, true]) {
      const { clock, watch, longest } = watched();
      if (before) watch.touch();
      watch.touchLonger();
      clock.endTurn(0);
      clock.cpu = 30;
      clock.fire(5 + 72);
      expect(longest()).toBe(72);
      watch.touch();
      clock.endTurn(80);
      expect(longest()).toBe(80);
    }
  });

  test("measures single turns to their end, without a timer", () => {
    const { clock, watch, longest } = watched();
    watch.touch();
    clock.cpu = 30;
    clock.endTurn(72);
    expect(longest()).toBe(72);
    expect(watch.metrics()["mesh/event_loop/work/longest_ms"]).toBe(30);
    // A leader of seven masters that has nothing to do, for a minute.
    for (let heartbeats = 0; heartbeats < 800; heartbeats++) {
      for (let turns = 0; turns < 7; turns++) {
        watch.touch();
        watch.touch();
        clock.endTurn(0.2);
        expect(clock.waiting).toBeUndefined();
      }
      clock.ms += 70;
    }
  });

  test("measures by how much its timer is late", () => {
    const { clock, watch, longest } = watched();
    work(clock, watch);
    const single = watch.metrics()["mesh/event_loop/turns/all"] ?? Number.NaN;
    watch.touch();
    clock.fire(5);
    clock.fire(77);
    expect(longest()).toBe(72);
    const metrics = watch.metrics();
    expect(metrics["mesh/event_loop/turns/up_to_5_ms"]).toBe(single + 1);
    expect(metrics["mesh/event_loop/turns/up_to_50_ms"]).toBe(single + 1);
    expect(metrics["mesh/event_loop/turns/up_to_75_ms"]).toBe(single + 2);
    expect(metrics["mesh/event_loop/turns/all"]).toBe(single + 2);
  });

  test("tells work from waiting", () => {
    const { clock, watch } = watched();
    work(clock, watch);
    clock.cpu = 30;
    clock.fire(105);
    const metrics = watch.metrics();
    expect(metrics["mesh/event_loop/turns/longest_ms"]).toBe(100);
    expect(metrics["mesh/event_loop/work/longest_ms"]).toBe(30);
  });

  test("rests when there is no work", () => {
    const { clock, watch } = watched();
    work(clock, watch);
    // What was touched before the look is over keeps it looking.
    watch.touch();
    clock.fire(5);
    expect(clock.waiting).toBeDefined();
    clock.fire(5);
    expect(clock.waiting).toBeUndefined();
    // The work goes on at once, or after a pause.
    watch.touch();
    expect(clock.waiting).toBeDefined();
    clock.fire(5);
    clock.ms += 50;
    watch.touch();
    expect(clock.waiting).toBeUndefined();
    expect(clock.ending).toBeDefined();
  });

  test("forgets a long turn after a minute, and counts it for ever", () => {
    const { clock, watch, longest } = watched();
    watch.touch();
    clock.endTurn(200);
    clock.ms += 50_000;
    expect(longest()).toBe(200);
    clock.ms += 15_000;
    expect(longest()).toBe(0);
    clock.ms += 1_000_000;
    expect(longest()).toBe(0);
    expect(watch.metrics()["mesh/event_loop/turns/all"]).toBe(1);
  });

  test("sees a turn of the real event loop", async () => {
    const watch = new LoopWatch();
    watch.touch();
    const endMs = performance.now() + 60;
    while (performance.now() < endMs);
    const looked = () => (watch.metrics()["mesh/event_loop/turns/all"] ?? 0) > 0;
    while (!looked()) await Bun.sleep(1);
    expect(watch.metrics()["mesh/event_loop/turns/longest_ms"]).toBeGreaterThan(40);
  });
});
