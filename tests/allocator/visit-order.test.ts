import { expect, test } from "bun:test";
import { inVisitOrder } from "../../src/allocator/visit-order.ts";

const AGENTS = Array.from({ length: 500 }, (_, i) => ({ slot: (i * 7) % 500, sequence: i }));

test("visits every agent once, in another order for another salt", () => {
  const first = inVisitOrder(AGENTS, 1);
  expect([...first].sort((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, i) => i));
  expect([...inVisitOrder(AGENTS, 2)]).not.toEqual([...first]);
});

test("who else is visited does not change the order", () => {
  const some = AGENTS.filter((agent) => agent.sequence % 3 === 0);
  const slots = new Set(some.map((agent) => agent.slot));
  expect([...inVisitOrder(some, 9)]).toEqual([...inVisitOrder(AGENTS, 9)].filter((slot) => slots.has(slot)));
});

test("each agent comes first about as often as another", () => {
  const four = AGENTS.slice(0, 4);
  const firsts = new Map<number, number>();
  for (let salt = 1; salt <= 4_000; salt++) {
    const first = inVisitOrder(four, Math.imul(salt, 0x9e3779b9) >>> 0)[0] ?? -1;
    firsts.set(first, (firsts.get(first) ?? 0) + 1);
  }
  for (const { slot } of four) expect(firsts.get(slot)).toBeGreaterThan(800);
});
