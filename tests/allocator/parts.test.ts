/** With `maxVisits` an allocation takes several turns, between which anything may happen. */
import { expect, test } from "bun:test";
import { Allocator } from "../../src/allocator/allocator.ts";
import type { Allocation } from "../../src/allocator/types.ts";
import { Random } from "../../src/base/random.ts";
import { at, resourcesOf } from "./resources-of.ts";

const TOTAL = resourcesOf("cpus:4;mem:1024");
const spec = (role: string) => ({ roles: [role], suppressedRoles: [], capabilities: [], active: true });

function agents(allocator: Allocator, count: number): void {
  for (let i = 0; i < count; i++) allocator.addAgent(`agent-${i}`, { total: TOTAL });
}

test("each part gives away some agents, until none is left", () => {
  const allocator = new Allocator({ seed: 1, maxVisits: 8 });
  agents(allocator, 20);
  expect(allocator.allocate(at(0))).toEqual([]);
  while (allocator.postponed) allocator.allocate(at(0));
  allocator.addFramework("f", spec("a"));
  const parts: number[] = [];
  do parts.push(allocator.allocate(at(0)).length);
  while (allocator.postponed);
  expect(parts).toEqual([8, 8, 4]);
  allocator.assertConsistent();
});

test("a framework that comes between two parts has its share of the rest", () => {
  const allocator = new Allocator({ seed: 1, maxVisits: 10 });
  allocator.addFramework("first", spec("a"));
  agents(allocator, 20);
  expect(allocator.allocate(at(0)).map(({ frameworkId }) => frameworkId)).toEqual(Array(10).fill("first"));
  allocator.addFramework("second", spec("b"));
  expect(allocator.allocate(at(0)).map(({ frameworkId }) => frameworkId)).toEqual(Array(10).fill("second"));
  expect(allocator.postponed).toBe(false);
});

test("a guarantee that is not met is looked at on all agents at once", () => {
  const allocator = new Allocator({ seed: 1, maxVisits: 2 });
  allocator.addFramework("f", spec("a"));
  allocator.updateQuotas([["a", { guarantees: new Map([["cpus", 40_000]]), limits: new Map() }]]);
  agents(allocator, 10);
  expect(allocator.allocate(at(0)).length).toBe(10);
  expect(allocator.postponed).toBe(false);
});

/** Anything at any time; in the end nobody who wants something is left out. */
function history(seed: number): void {
  const random = new Random(seed);
  const allocator = new Allocator({ seed, maxVisits: random.between(1, 6), filterMinMs: 10 });
  const names = ["a", "b", "c"];
  for (const name of names) allocator.addFramework(name, spec(name));
  agents(allocator, 15);
  let nowMs = 0;
  let held: Allocation[] = [];
  for (let step = 0; step < 200; step++) {
    const name = random.pick(names);
    const dice = random.below(10);
    if (dice < 4 && held.length > 0) {
      const index = random.below(held.length);
      const [one] = held.splice(index, 1) as [Allocation];
      allocator.recover({ ...one, refuseMs: random.pick([0, 0, 50, 1_000]) }, at(nowMs));
    } else if (dice === 4) allocator.revive(name);
    else if (dice === 5) allocator.suppress(name);
    else if (dice === 6) allocator.deactivateFramework(name);
    else if (dice === 7) allocator.activateFramework(name);
    else if (dice === 8) nowMs += random.pick([1, 40, 600]);
    else held.push(...allocator.allocate(at(nowMs)));
  }
  do held = [...held, ...allocator.allocate(at(nowMs))];
  while (allocator.postponed);
  allocator.assertConsistent();
  for (const name of names) {
    const explanation = allocator.explain(name, at(nowMs));
    for (const { suppressed, agents: counts } of explanation?.roles ?? []) {
      if (explanation?.active && !suppressed)
        expect(`${seed} ${name} ${counts.available}`).toBe(`${seed} ${name} 0`);
    }
  }
}

test("whatever happens between the parts, everyone gets what is there", () => {
  for (let seed = 1; seed <= 150; seed++) history(seed);
});
