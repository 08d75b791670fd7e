import { expect, test } from "bun:test";
import { Deadlines } from "../../src/agent/deadlines.ts";
import { Random } from "../../src/base/random.ts";

test("deadlines behave as a plain map of times would", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = new Random(seed);
    const deadlines = new Deadlines();
    const plain = new Map<string, number>();
    let nowMs = 0;
    for (let turn = 0; turn < 400; turn++) {
      const key = `k${random.below(30)}`;
      if (random.chance(0.6)) {
        const atMs = nowMs + random.below(100);
        deadlines.set(key, atMs);
        plain.set(key, atMs);
      } else if (random.chance(0.5)) {
        deadlines.clear(key);
        plain.delete(key);
      } else {
        nowMs += random.below(50);
        const due = new Set<string>();
        for (let next = deadlines.takeDue(nowMs); next !== undefined; next = deadlines.takeDue(nowMs))
          due.add(next);
        const expected = new Set([...plain].filter(([, atMs]) => atMs <= nowMs).map(([each]) => each));
        expect(due).toEqual(expected);
        for (const each of expected) plain.delete(each);
      }
      expect(deadlines.get(key)).toBe(plain.get(key));
      expect(deadlines.next()).toBe(plain.size === 0 ? undefined : Math.min(...plain.values()));
    }
  }
});

test("the earliest is taken first", () => {
  const deadlines = new Deadlines();
  deadlines.set("b", 20);
  deadlines.set("a", 10);
  deadlines.set("c", 30);
  deadlines.set("a", 25);
  expect([deadlines.takeDue(100), deadlines.takeDue(100), deadlines.takeDue(29)]).toEqual([
    "b",
    "a",
    undefined,
  ]);
});
