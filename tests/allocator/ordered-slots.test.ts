import { expect, test } from "bun:test";
import { OrderedSlots } from "../../src/allocator/ordered-slots.ts";
import { compareFair, FairNode } from "../../src/allocator/share.ts";
import { Random } from "../../src/base/random.ts";

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
