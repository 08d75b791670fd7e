import { expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { Timers } from "../../src/master/timers.ts";

/** The obvious twin: looks at all of them every time. */
class SlowTimers {
  readonly at = new Map<string, number>();

  nextMs(): number | undefined {
    return this.at.size === 0 ? undefined : Math.min(...this.at.values());
  }
}

test("agrees with a slow twin over random histories", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = new Random(seed);
    const [timers, slow] = [new Timers(), new SlowTimers()];
    for (let step = 0; step < 300; step++) {
      const name = `t${random.below(20)}`;
      const what = random.below(4);
      if (what < 2) {
        const atMs = random.below(50);
        timers.set(name, atMs);
        slow.at.set(name, atMs);
      } else if (what === 2) {
        timers.clear(name);
        slow.at.delete(name);
      } else {
        const nowMs = random.below(30);
        const due = timers.takeDue(nowMs);
        if (due === undefined) expect(slow.nextMs() ?? Number.POSITIVE_INFINITY).toBeGreaterThan(nowMs);
        else {
          expect(slow.at.get(due)).toBe(slow.nextMs() ?? Number.NaN);
          slow.at.delete(due);
        }
      }
      expect(timers.nextMs()).toBe(slow.nextMs() as number);
    }
  }
});

test("deadlines that are set again and again leave nothing behind", () => {
  const timers = new Timers();
  for (let i = 0; i < 10_000; i++) {
    timers.set("far", 1e9 + i);
    timers.set("near", i);
    expect(timers.nextMs()).toBe(i);
    if (i % 2 === 0) timers.clear("near");
  }
  expect(timers.slots).toBeLessThan(200);
  expect(timers.takeDue(1e9)).toBe("near");
  expect(timers.takeDue(2e9)).toBe("far");
  expect(timers.takeDue(2e9)).toBeUndefined();
});
