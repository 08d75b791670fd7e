import { expect, test } from "bun:test";
import { BitSet } from "../../src/allocator/bit-set.ts";
import { compareClients, firstInOrder, inFairOrder } from "../../src/allocator/fair-order.ts";
import { RoleTree } from "../../src/allocator/role-tree.ts";
import { ClusterTotals } from "../../src/allocator/share.ts";
import { Random } from "../../src/base/random.ts";
import { resourcesOf } from "./resources-of.ts";

/** 120 clients in a tree of roles; those of low share are not the ones asked for. */
function tree(random: Random): RoleTree {
  const totals = new ClusterTotals([]);
  totals.add(resourcesOf("cpus:1000;mem:1000"));
  const roles = new RoleTree(totals);
  for (let i = 0; i < 120; i++) {
    const client = roles.ensureClient(`framework-${i}`, random.pick(["a", "a/b", "a/b/c", "d", "*"]));
    roles.setEligible(client, true);
    if (random.chance(0.7)) roles.charge(client, resourcesOf(`cpus:${1 + random.below(5)}`), 1);
  }
  return roles;
}

test("finds the first candidate however many there are", () => {
  const random = new Random(11);
  for (let round = 0; round < 40; round++) {
    const roles = tree(random);
    const order = [...inFairOrder(roles.root)];
    expect(order.length).toBe(120);
    expect([...order].sort((a, b) => compareClients(a, b, roles.lots))).toEqual(order);
    for (const size of [0, 1, 2, 60, 120]) {
      const candidates = new BitSet();
      for (const client of order.slice(120 - size)) candidates.set(client.slot);
      expect(firstInOrder(roles, candidates)).toBe(order[120 - size]);
    }
  }
});
