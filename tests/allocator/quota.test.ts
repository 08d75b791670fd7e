/**
 * Guarantees and limits over random clusters; who gets what exactly is in scenarios/quota.txt and
 * twin.test.ts.
 */
import { expect, test } from "bun:test";
import { Allocator } from "../../src/allocator/allocator.ts";
import type { Allocation } from "../../src/allocator/types.ts";
import { Random } from "../../src/base/random.ts";
import type { Quota } from "../../src/model/quota.ts";
import { at, resourcesOf } from "./resources-of.ts";

const NAMES = ["cpus", "mem"] as const;

function quota(guarantees: Record<string, number>, limits: Record<string, number> = {}): Quota {
  return { guarantees: new Map(Object.entries(guarantees)), limits: new Map(Object.entries(limits)) };
}

function framework(allocator: Allocator, id: string, role: string): void {
  allocator.addFramework(id, { roles: [role], suppressedRoles: [], capabilities: [], active: true });
}

function milli(offers: readonly Allocation[], role: string, name: string): number {
  return offers.reduce((sum, offer) => sum + (offer.role === role ? offer.resources.milli(name) : 0), 0);
}

test("guarantees are met whenever there is capacity, limits are never exceeded", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = new Random(seed);
    // Crumbs below the smallest offer could never be offered.
    const allocator = new Allocator({ seed, minAllocatable: [] });
    const left = { cpus: 0, mem: 0 };
    for (let i = 0; i < 1 + random.below(12); i++) {
      const [cpus, mem] = [1 + random.below(16), 64 * (1 + random.below(100))];
      left.cpus += cpus * 1_000;
      left.mem += mem * 1_000;
      allocator.addAgent(`agent-${i}`, { total: resourcesOf(`cpus:${cpus};mem:${mem}`) });
    }
    const quotas: [string, Quota][] = [];
    for (let i = 0; i < 1 + random.below(6); i++) {
      const [guarantees, limits]: Record<string, number>[] = [{}, {}];
      for (const name of NAMES) {
        // What is below the smallest offer cannot be offered.
        const amount = random.below(left[name] / 2 + 1);
        if (amount < 32_000) continue;
        left[name] -= amount;
        (guarantees as Record<string, number>)[name] = amount;
        if (random.chance(0.5)) (limits as Record<string, number>)[name] = amount + random.below(3) * 1_000;
      }
      quotas.push([`role-${i}`, quota(guarantees ?? {}, limits ?? {})]);
    }
    allocator.updateQuotas(quotas);
    const roles = [...quotas.map(([role]) => role), "other", "another"];
    for (const role of roles) framework(allocator, `framework-${role}`, role);
    const offers = allocator.allocate(at(0));
    allocator.assertConsistent();
    for (const [role, { guarantees, limits }] of quotas) {
      for (const [name, amount] of guarantees) {
        expect(`${seed} ${role} ${name} ${milli(offers, role, name) >= amount}`).toBe(
          `${seed} ${role} ${name} true`,
        );
      }
      for (const [name, amount] of limits) expect(milli(offers, role, name)).toBeLessThanOrEqual(amount);
    }
  }
});

test("what a guarantee waits for is kept from others until it is met or taken back", () => {
  const allocator = new Allocator({ seed: 1 });
  allocator.updateQuotas([["web", quota({ cpus: 3_000 })]]);
  framework(allocator, "f", "other");
  allocator.addAgent("a", { total: resourcesOf("cpus:4;mem:1024") });
  const [first] = allocator.allocate(at(0));
  expect(first?.resources.toString()).toBe(resourcesOf("cpus:1;mem:1024").toString());
  expect(allocator.explain("f", at(0))?.roles[0]?.agents).toMatchObject({ heldForQuota: 1, available: 0 });
  // Two cpus of other agents are enough for a part of it.
  allocator.addAgent("b", { total: resourcesOf("cpus:2;mem:1024") });
  const more = allocator.allocate(at(1));
  expect(milli(more, "other", "cpus")).toBe(2_000);
  allocator.updateQuotas([["web", quota({}, { cpus: 1_000 })]]);
  expect(milli(allocator.allocate(at(2)), "other", "cpus")).toBe(3_000);
  allocator.assertConsistent();
});

test("a role at its limit gets more as soon as something of it comes back, on any agent", () => {
  const allocator = new Allocator({ seed: 1 });
  allocator.updateQuotas([["web", quota({}, { cpus: 3_000, mem: 1_024_000 })]]);
  framework(allocator, "f", "web/front");
  for (const id of ["a", "b", "c"]) allocator.addAgent(id, { total: resourcesOf("cpus:2;mem:512") });
  const offers = allocator.allocate(at(0));
  expect(milli(offers, "web/front", "cpus")).toBe(3_000);
  expect(allocator.explain("f", at(0))?.roles[0]?.agents).toMatchObject({ quotaLimit: 2, available: 0 });
  const [first] = offers;
  if (first === undefined) throw new Error("There is an offer");
  allocator.recover({ ...first, refuseMs: 100_000 }, at(1));
  const again = allocator.allocate(at(1));
  expect(milli(again, "web/front", "cpus")).toBe(first.resources.milli("cpus"));
  expect(again.some(({ agentId }) => agentId === first.agentId)).toBe(false);
  allocator.assertConsistent();
});

test("reservations count, allocated or not; revocable resources do not", () => {
  const allocator = new Allocator({ seed: 1 });
  allocator.updateQuotas([["web", quota({ cpus: 2_000 }, { cpus: 2_500 })]]);
  framework(allocator, "f", "web");
  allocator.addAgent("a", { total: resourcesOf("cpus(web):2;cpus:4;mem:64") });
  const [offer] = allocator.allocate(at(0));
  expect(offer?.resources.toString()).toBe(resourcesOf("cpus(web):2;cpus:0.5;mem:64").toString());
  expect(allocator.quotaUse(["web", "none"])).toEqual(
    new Map([
      [
        "web",
        new Map([
          ["cpus", 2_500],
          ["mem", 64_000],
        ]),
      ],
      ["none", new Map()],
    ]),
  );
});
