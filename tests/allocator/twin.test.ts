import { expect, test } from "bun:test";
import { Allocator } from "../../src/allocator/allocator.ts";
import {
  type AgentFacts,
  compileConstraints,
  type RoleConstraints,
} from "../../src/allocator/offer-constraints.ts";
import type { Allocation, FrameworkSpec, UsedByFramework } from "../../src/allocator/types.ts";
import { assert } from "../../src/base/assert.ts";
import { Random } from "../../src/base/random.ts";
import { parseAttributes } from "../../src/model/attributes.ts";
import type { Quota } from "../../src/model/quota.ts";
import { Resources } from "../../src/model/resources.ts";
import { at, resourcesOf } from "./resources-of.ts";
import { SlowAllocator } from "./slow-allocator.ts";

const ROLES = ["*", "a", "a/b", "a/c", "a/b/d", "e"];
const TOTALS = [
  "cpus:4;mem:4096",
  "cpus:2;mem:8192;ports:[100-200]",
  "cpus:1;cpus(a):1;mem:512;mem(a):512",
  "cpus(a/b):2;mem(a/b):1024;disk(e):100",
  "cpus:8;gpus:2;mem:2048",
  "mem:16;disk:1000",
].map(resourcesOf);
const REVOCABLE = Resources.from([
  { name: "cpus", type: "SCALAR", scalar: { value: 3 }, revocable: {} },
  { name: "mem", type: "SCALAR", scalar: { value: 256 } },
]);
assert(REVOCABLE.ok, "Revocable resources are valid");
TOTALS.push(REVOCABLE.value);
const SHARING = Resources.from([
  { name: "cpus", type: "SCALAR", scalar: { value: 2 } },
  { name: "cpus", type: "SCALAR", scalar: { value: 1 }, reservations: [{ type: "STATIC", role: "a/b" }] },
  ...["v1", "v2"].map((id) => ({
    name: "disk",
    type: "SCALAR" as const,
    scalar: { value: 50 },
    reservations: [{ type: "DYNAMIC" as const, role: id === "v1" ? "a" : "a/b" }],
    disk: { persistence: { id }, volume: { container_path: "data", mode: "RW" as const } },
    shared: {},
  })),
]);
assert(SHARING.ok, SHARING.ok ? "" : SHARING.error);
const SHARED_TOTAL = SHARING.value;
TOTALS.push(SHARED_TOTAL);
const CAPABILITIES = ["GPU_RESOURCES", "REVOCABLE_RESOURCES", "RESERVATION_REFINEMENT", "SHARED_RESOURCES"];

const FACTS: readonly AgentFacts[] = ["rack:a", "rack:b;ssd:yes", "ssd:no", "rack:[1-3]"].map((text, i) => {
  const attributes = parseAttributes(text);
  assert(attributes.ok, "Attributes are valid");
  const domain = { fault_domain: { region: { name: i % 2 === 0 ? "eu" : "us" }, zone: { name: "z" } } };
  return { hostname: `host-${i}`, attributes: attributes.value, ...(i === 0 ? {} : { domain }) };
});
const CONSTRAINTS: readonly RoleConstraints[] = [
  [[{ selector: { attribute_name: "rack" }, predicate: { text_equals: { value: "a" } } }]],
  [[{ selector: { attribute_name: "ssd" }, predicate: { not_exists: {} } }]],
  [
    [{ selector: { attribute_name: "ssd" }, predicate: { text_matches: { regex: "y.*" } } }],
    [
      {
        selector: { pseudoattribute_type: "HOSTNAME" as const },
        predicate: { text_equals: { value: "host-0" } },
      },
    ],
  ],
].map((groups) => {
  const role = { groups: groups.map((attribute_constraints) => ({ attribute_constraints })) };
  const compiled = compileConstraints(
    { role_constraints: { role } },
    { maxMemBytes: 4096, maxProgramSize: 100 },
  );
  const constraints = compiled.ok ? compiled.value.get("role") : undefined;
  assert(constraints !== undefined, "Constraints compile");
  return constraints;
});
const SORTERS = [
  { roleSorter: "random" },
  { frameworkSorter: "random" },
  { roleSorter: "random", frameworkSorter: "random" },
] as const;
const NO_QUOTA: Quota = { guarantees: new Map(), limits: new Map() };

/** Runs one random history through the allocator and its twin. */
class History {
  readonly random: Random;
  readonly fast: Allocator;
  readonly slow: SlowAllocator;
  readonly frameworks = new Set<string>();
  readonly agents = new Set<string>();
  readonly frameworksMax: number;
  /** Of a change of quota at each step; 0: never. */
  readonly quotaChance: number;
  handedOut = 0;
  /** Some agent had shared volumes. */
  sharing = false;
  #nowMs = 1_000;
  #ids = 0;

  constructor(seed: number, frameworksMax: number, quotaChance: number) {
    this.quotaChance = quotaChance;
    this.random = new Random(seed);
    const random = quotaChance > 0 && this.random.chance(0.3) ? this.random.between(1, 3) : 0;
    this.frameworksMax = frameworksMax;
    const options = {
      seed,
      ...(this.random.chance(0.2) ? { fairShareExcluded: ["mem"] } : {}),
      ...(this.random.chance(0.2) ? { minAllocatable: [] } : {}),
      ...(seed % 4 === 1 ? { region: "eu" } : {}),
      ...(random > 0 ? SORTERS[random - 1] : {}),
      filterMinMs: 10,
    };
    this.fast = new Allocator(options);
    this.slow = new SlowAllocator(options);
  }

  run(steps: number): void {
    for (let i = 0; i < steps; i++) {
      this.#step();
      if (this.random.chance(0.5)) this.#allocate();
    }
    this.#allocate();
  }

  #allocate(): void {
    const now = at(this.#nowMs);
    const before = this.#consumption();
    const fast = this.fast.allocate(now);
    const slow = this.slow.allocate(now);
    expect(fast.map(describe)).toEqual(slow.map(describe));
    this.fast.assertConsistent();
    expect(this.fast.nextDeadlineMs()).toBe(this.slow.nextDeadlineMs());
    this.handedOut += fast.length;
    this.#expectWithinLimits(before);
    this.#expectNothingAvailable();
  }

  #consumption(): Map<string, ReadonlyMap<string, number>> {
    return new Map([...this.slow.quotas.keys()].map((role) => [role, this.slow.consumed(role)]));
  }

  /** No role was given anything beyond its limit; what it had before may be. */
  #expectWithinLimits(before: ReadonlyMap<string, ReadonlyMap<string, number>>): void {
    for (const { role, limits, consumed } of this.fast.quotaViews()) {
      expect(consumed).toEqual(new Map([...this.slow.consumed(role)].filter(([, milli]) => milli > 0)));
      for (const [name, limit] of limits) {
        const most = Math.max(limit, before.get(role)?.get(name) ?? 0);
        expect(consumed.get(name) ?? 0).toBeLessThanOrEqual(most);
      }
    }
  }

  /** After an allocation nobody who wants offers could be given more. */
  #expectNothingAvailable(): void {
    for (const id of this.frameworks) {
      const explanation = this.fast.explain(id, at(this.#nowMs));
      assert(explanation !== undefined, "A framework that was added is explained");
      for (const { role, suppressed, agents } of explanation.roles) {
        const { total, available, ...others } = agents;
        // What was given of a shared volume is there for others with the next allocation.
        if (explanation.active && !explanation.paused && !suppressed && !this.sharing)
          expect(`${role} ${available}`).toBe(`${role} 0`);
        expect(available + Object.values(others).reduce((a, b) => a + b)).toBe(total);
      }
    }
  }

  #step(): void {
    const dice = this.random.below(100);
    if (dice < 40) this.#recover();
    else if (dice < 52) this.#nowMs += this.random.pick([1, 40, 300, 1_500]);
    else if (dice < 60) this.#addAgent();
    else if (dice < 70) this.#addFramework();
    else if (dice < 80) this.#changeAgent();
    else if (dice < 98) this.#changeFramework();
    else if (dice < 99) this.#pause(true);
    else this.#weigh();
    if (this.quotaChance > 0 && this.random.chance(this.quotaChance)) this.#limit();
    if (dice % 7 === 0) this.#pause(false);
  }

  #pause(paused: boolean): void {
    if (paused) this.fast.pause();
    else this.fast.resume();
    this.slow.pause(paused);
  }

  /** Sets or removes quota of some roles at once. */
  #limit(): void {
    const quotas: [string, Quota][] = [];
    for (const role of ["*", "a", "e"]) {
      if (this.random.chance(0.5)) continue;
      const [guarantees, limits] = [new Map<string, number>(), new Map<string, number>()];
      for (const name of ["cpus", "mem", "gpus"]) {
        const guarantee = this.random.pick([0, 0, 1_000, 2_500]) * (name === "mem" ? 300 : 1);
        if (guarantee > 0) guarantees.set(name, guarantee);
        if (this.random.chance(0.4)) limits.set(name, guarantee + this.random.pick([0, 500, 3_000]));
      }
      quotas.push([role, this.random.chance(0.3) ? NO_QUOTA : { guarantees, limits }]);
    }
    this.fast.updateQuotas(quotas);
    for (const [role, quota] of quotas) this.slow.updateQuota(role, quota);
  }

  #weigh(): void {
    const role = this.random.pick(ROLES);
    const weight = this.random.pick([0.5, 1, 2, 3]);
    this.fast.updateWeight(role, weight);
    this.slow.updateWeight(role, weight);
  }

  #recover(): void {
    const holdings = this.slow.holdings();
    if (holdings.length === 0) return;
    const holding = this.random.pick(holdings);
    const part = this.random.chance(0.3)
      ? holding.resources.filter((identity) => identity.name !== "mem")
      : holding.resources;
    const resources = this.random.chance(0.3) ? halved(part) : part;
    const refuseMs = this.random.pick([undefined, 0, 30, 250, 1_000, 100_000]);
    this.fast.recover({ ...holding, resources, refuseMs }, at(this.#nowMs));
    this.slow.recover({ ...holding, resources, refuseMs }, at(this.#nowMs));
  }

  #addAgent(): void {
    if (this.agents.size >= 7) return;
    const id = `agent-${this.#ids++}`;
    this.agents.add(id);
    const spec = {
      total: this.random.pick(TOTALS),
      active: this.random.chance(0.8),
      facts: this.random.pick(FACTS),
    };
    this.sharing ||= spec.total === SHARED_TOTAL;
    const used: UsedByFramework[] = [];
    if (this.random.chance(0.3)) {
      const frameworkId = this.random.pick([...this.frameworks, "framework-unknown"]);
      used.push({ frameworkId, role: this.random.pick(ROLES), resources: resourcesOf("cpus:0.5;mem:64") });
    }
    this.fast.addAgent(id, spec, used);
    this.slow.addAgent(id, spec, used);
  }

  #changeAgent(): void {
    if (this.agents.size === 0) return;
    const id = this.random.pick([...this.agents]);
    const dice = this.random.below(6);
    if (dice === 0) {
      this.agents.delete(id);
      this.fast.removeAgent(id);
      this.slow.removeAgent(id);
    } else if (dice === 1) {
      const total = this.random.pick(TOTALS);
      this.sharing ||= total === SHARED_TOTAL;
      const spec = this.random.chance(0.5) ? { total } : { total, facts: this.random.pick(FACTS) };
      this.fast.updateAgent(id, spec);
      this.slow.updateAgent(id, spec);
    } else if (dice < 4) {
      this.fast.activateAgent(id);
      this.slow.setAgentActive(id, true);
    } else {
      this.fast.deactivateAgent(id);
      this.slow.setAgentActive(id, false);
    }
  }

  #addFramework(): void {
    if (this.frameworks.size >= this.frameworksMax) return;
    const id = `framework-${this.#ids++}`;
    this.frameworks.add(id);
    const spec = { ...this.#spec(), active: this.random.chance(0.8) };
    this.fast.addFramework(id, spec);
    this.slow.addFramework(id, spec);
  }

  #spec(): Omit<FrameworkSpec, "active"> {
    const roles = ROLES.filter(() => this.random.chance(0.4));
    return {
      roles,
      suppressedRoles: roles.filter(() => this.random.chance(0.1)),
      capabilities: [
        ...CAPABILITIES.filter(() => this.random.chance(0.5)),
        ...(this.#nowMs % 2 === 0 ? ["REGION_AWARE"] : []),
      ],
      ...(this.random.chance(0.2)
        ? { minAllocatable: new Map([[this.random.pick(ROLES), [new Map([["cpus", 1_500]])]]]) }
        : {}),
      ...(this.random.chance(0.3)
        ? { constraints: new Map([[this.random.pick(ROLES), this.#picky()]]) }
        : {}),
    };
  }

  /** Some constraint; often the same as another framework's. */
  #picky(): RoleConstraints {
    return this.random.pick(CONSTRAINTS);
  }

  #changeFramework(): void {
    if (this.frameworks.size === 0) return;
    const id = this.random.pick([...this.frameworks]);
    const roles = this.random.chance(0.5) ? [] : [this.random.pick(ROLES)];
    const dice = this.random.below(12);
    if (dice === 0) {
      this.frameworks.delete(id);
      this.fast.removeFramework(id);
      this.slow.removeFramework(id);
    } else if (dice < 3) {
      const spec = this.#spec();
      this.fast.updateFramework(id, spec);
      this.slow.updateFramework(id, spec);
    } else if (dice < 5) {
      this.fast.activateFramework(id);
      this.slow.setActive(id, true);
    } else if (dice < 6) {
      this.fast.deactivateFramework(id);
      this.slow.setActive(id, false);
    } else if (dice < 10) {
      this.fast.revive(id, roles);
      this.slow.revive(id, roles);
    } else {
      this.fast.suppress(id, roles);
      this.slow.suppress(id, roles);
    }
  }
}

function halved(resources: Resources): Resources {
  const scalars = resources.filter(
    (identity) => identity.kind === "SCALAR" && identity.name !== "gpus" && !identity.isShared,
  );
  const half = scalars.entries.map(({ identity, amount }) => ({
    name: identity.name,
    type: "SCALAR" as const,
    scalar: { value: Math.floor((amount as number) / 2) / 1000 },
    reservations: [...identity.traits.reservations],
    ...(identity.isRevocable ? { revocable: {} } : {}),
  }));
  const parsed = Resources.from(half.filter((resource) => resource.scalar.value > 0));
  assert(parsed.ok, parsed.ok ? "" : parsed.error);
  return parsed.value;
}

function describe({ frameworkId, role, agentId, resources }: Allocation): string {
  return `${agentId} to ${frameworkId} in ${role}: ${resources}`;
}

/** More histories than usual: MESH_SEEDS=1000 bun test tests/allocator/twin.test.ts */
const SEEDS = Number(Bun.env["MESH_SEEDS"] ?? 24);
let handedOut = 0;

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`hands out what a full recomputation hands out, history of seed ${seed}`, () => {
    const history = new History(seed, seed % 2 === 0 ? 5 : 25, 0);
    history.run(120);
    handedOut += history.handedOut;
  });
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`with quota, too, history of seed ${seed}`, () => {
    const history = new History(seed, seed % 2 === 0 ? 4 : 10, 0.08);
    history.run(100);
    handedOut += history.handedOut;
  });
}

test("which is no comparison of nothing with nothing", () => {
  expect(handedOut).toBeGreaterThan(SEEDS * 2 * 20);
});
