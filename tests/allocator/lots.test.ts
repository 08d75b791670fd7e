import { expect, test } from "bun:test";
import { Allocator } from "../../src/allocator/allocator.ts";
import { lotOf } from "../../src/allocator/lots.ts";
import { Random } from "../../src/base/random.ts";
import { at, resourcesOf } from "./resources-of.ts";

test("twice the weight is first twice as often", () => {
  const random = new Random(3);
  let heavy = 0;
  for (let i = 0; i < 20_000; i++) {
    const salt = random.u32();
    if (lotOf("heavy", salt, 2) < lotOf("light", salt, 1)) heavy++;
  }
  expect(heavy / 20_000).toBeCloseTo(2 / 3, 1);
});

test("roles get agents by lot, weighted, whatever they hold", () => {
  const allocator = new Allocator({ seed: 5, roleSorter: "random", frameworkSorter: "random" });
  allocator.updateWeight("heavy", 3);
  for (const role of ["heavy", "light"]) {
    allocator.addFramework(role, { roles: [role], suppressedRoles: [], capabilities: [], active: true });
  }
  for (let i = 0; i < 2_000; i++) allocator.addAgent(`agent-${i}`, { total: resourcesOf("cpus:1;mem:64") });
  const offers = allocator.allocate(at(0));
  const heavy = offers.filter(({ role }) => role === "heavy").length;
  expect(offers.length).toBe(2_000);
  expect(heavy / 2_000).toBeCloseTo(3 / 4, 1);
  allocator.assertConsistent();
});
