import { expect, test } from "bun:test";
import { OrderedSlots } from "../../src/allocator/ordered-slots.ts";
import { compareFair, FairNode } from "../../src/allocator/share.ts";
import { Random } from "../../src/base/random.ts";
import { processorMs } from "../support/processor-time.ts";

test("is in fair order after any changes", () => {
  const random = new Random(7);
  for (let round = 0; round < 100; round++) {
    const table = Array.from({ length: 60 }, (_, slot) => new FairNode(slot, `node-${slot}`));
    const order = new OrderedSlots(table);
    const members = new Set<FairNode>();
    for (let step = 0; step < 60; step++) {
      for (let i = random.below(12); i >= 0; i--) {
        const node = random.pick(table);
        if (!members.has(node)) {
          members.add(node);
          order.add(node.slot);
        } else if (random.chance(0.3)) {
          members.delete(node);
          order.remove(node.slot);
        } else {
          node.weightedShare = random.below(4) / 4;
          node.chosen += random.below(2);
          order.changed(node.slot);
        }
      }
      if (random.chance(0.1)) {
        for (const node of table) node.weightedShare /= random.pick([2, 2, 3]);
        order.changedAll();
      }
      order.settle();
      const places = Array.from({ length: order.length }, (_, place) => order.at(place).name);
      expect(places).toEqual([...members].sort(compareFair).map((node) => node.name));
    }
  }
});

test("many that leave cost no walk each, and may be back before anybody looks", () => {
  const count = 100_000;
  const table = Array.from({ length: count }, (_, slot) => new FairNode(slot, `node-${slot}`));
  const order = new OrderedSlots(table);
  for (const { slot } of table) order.add(slot);
  order.settle();
  const before = processorMs();
  for (let slot = count - 1; slot >= 0; slot--) order.remove(slot);
  expect(order.length).toBe(0);
  for (let slot = 0; slot < count; slot += 2) order.add(slot);
  order.settle();
  expect(processorMs() - before).toBeLessThan(700);
  expect(order.length).toBe(count / 2);
  const even = table.filter(({ slot }) => slot % 2 === 0).sort(compareFair);
  expect(even.every((node, place) => order.at(place) === node)).toBe(true);
});
