import { expect, test } from "bun:test";
import { inFairOrder } from "../../src/allocator/fair-order.ts";
import { RoleTree } from "../../src/allocator/role-tree.ts";
import { ClusterTotals } from "../../src/allocator/share.ts";
import { resourcesOf } from "./resources-of.ts";

function names(tree: RoleTree): string[] {
  return [...tree.roles()].map((role) => role.name).sort();
}

function treeOf(total: string): RoleTree {
  const totals = new ClusterTotals([]);
  totals.add(resourcesOf(total));
  return new RoleTree(totals);
}

test("a role lives as long as someone is in it or below it, or it has a weight", () => {
  const tree = treeOf("cpus:10");
  const low = tree.ensureClient("low", "a/b/c");
  const high = tree.ensureClient("high", "a");
  expect(names(tree)).toEqual(["a", "a/b", "a/b/c"]);
  tree.removeClient(high);
  expect(names(tree)).toEqual(["a", "a/b", "a/b/c"]);
  tree.setWeight("a/b", 2);
  tree.removeClient(low);
  expect(names(tree)).toEqual(["a", "a/b"]);
  tree.setWeight("a/b", 1);
  expect(names(tree)).toEqual([]);
});

test("a role's own frameworks compete with its child roles", () => {
  const tree = treeOf("cpus:10");
  const child = tree.ensureClient("child", "a/b");
  const own = tree.ensureClient("own", "a");
  const other = tree.ensureClient("other", "c");
  for (const client of [child, own, other]) tree.setEligible(client, true);
  tree.charge(own, resourcesOf("cpus:1"), 1);
  tree.charge(other, resourcesOf("cpus:2"), 1);
  // a holds 1 of 10, c holds 2; within a, a/b holds nothing.
  expect([...inFairOrder(tree.root)].map((client) => client.name)).toEqual(["child", "own", "other"]);
  tree.charge(child, resourcesOf("cpus:2"), 1);
  // Now a holds 3; within a, its own frameworks hold 1 and a/b holds 2.
  expect([...inFairOrder(tree.root)].map((client) => client.name)).toEqual(["other", "own", "child"]);
});
