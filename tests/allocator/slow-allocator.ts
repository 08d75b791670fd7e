/**
 * The allocator, said as plainly as possible: flat lists, everything computed
 * anew from them for every agent of every allocation. The real one must hand
 * out exactly the same over any history.
 */

import { filterEndMs } from "../../src/allocator/filters.ts";
import { lotOf } from "../../src/allocator/lots.ts";
import type { AgentFacts } from "../../src/allocator/offer-constraints.ts";
import { DEFAULT_MIN_ALLOCATABLE, isWorthOffering } from "../../src/allocator/quantities.ts";
import type {
  AgentSpec,
  Allocation,
  AllocatorOptions,
  FrameworkSpec,
  Recovery,
  UsedByFramework,
} from "../../src/allocator/types.ts";
import { visitKey } from "../../src/allocator/visit-order.ts";
import { assert } from "../../src/base/assert.ts";
import { Random } from "../../src/base/random.ts";
import { DAY_MS, type Instant, SECOND_MS } from "../../src/base/time.ts";
import { isNoQuota, type Quota } from "../../src/model/quota.ts";
import { Resources } from "../../src/model/resources.ts";
import { consumed, type QuotaWorld, withinQuota } from "./slow-quota.ts";

interface Agent {
  readonly id: string;
  readonly sequence: number;
  total: Resources;
  facts: AgentFacts;
  active: boolean;
}

interface Filter {
  readonly frameworkId: string;
  readonly role: string;
  readonly agentId: string;
  readonly resources: Resources;
  readonly endsAtMs: number;
}

interface Client {
  readonly frameworkId: string;
  readonly role: string;
}

export class SlowAllocator {
  readonly #random: Random;
  readonly #options: AllocatorOptions;
  readonly #frameworks = new Map<string, FrameworkSpec>();
  readonly #agents = new Map<string, Agent>();
  readonly #weights = new Map<string, number>();
  readonly #quotas = new Map<string, Quota>();
  /** How often a client (`role framework`), own queue (`role/.`) or role was chosen. */
  readonly #chosen = new Map<string, number>();
  #held: UsedByFramework[] = [];
  #heldOn: string[] = [];
  #filters: Filter[] = [];
  /** Allocations of the current round made for guarantees. */
  #guaranteed = 0;
  /** Keys of shared volumes given in this allocation, by agent. */
  readonly #givenShared = new Map<string, Set<string>>();
  #agentsAdded = 0;
  #salt = 0;
  #paused = false;

  constructor(options: AllocatorOptions) {
    this.#random = new Random(options.seed);
    this.#options = options;
  }

  addFramework(id: string, spec: FrameworkSpec): void {
    this.#frameworks.set(id, spec);
  }

  updateFramework(id: string, spec: Omit<FrameworkSpec, "active">): void {
    const { active, suppressedRoles } = this.#framework(id);
    this.#frameworks.set(id, { ...spec, active });
    const kept = spec.roles.filter(
      (role) => spec.suppressedRoles.includes(role) || !suppressedRoles.includes(role),
    );
    this.#filters = this.#filters.filter((f) => f.frameworkId !== id || kept.includes(f.role));
    this.#forget();
  }

  removeFramework(id: string): void {
    this.#frameworks.delete(id);
    this.#filters = this.#filters.filter((f) => f.frameworkId !== id);
    this.#forget();
  }

  setActive(id: string, active: boolean): void {
    this.#frameworks.set(id, { ...this.#framework(id), active });
    if (!active) this.#filters = this.#filters.filter((f) => f.frameworkId !== id);
  }

  addAgent(id: string, spec: AgentSpec, used: readonly UsedByFramework[]): void {
    const active = spec.active ?? true;
    this.#agents.set(id, {
      id,
      sequence: this.#agentsAdded++,
      total: spec.total,
      active,
      facts: spec.facts ?? { hostname: "" },
    });
    for (const item of used) this.#hold(id, item);
  }

  updateAgent(id: string, { total, facts }: AgentSpec): void {
    const agent = this.#agent(id);
    agent.total = total;
    if (facts === undefined) return;
    const changed = JSON.stringify(agent.facts.attributes) !== JSON.stringify(facts.attributes);
    if (changed) this.#filters = this.#filters.filter((f) => f.agentId !== id);
    agent.facts = facts;
  }

  removeAgent(id: string): void {
    this.#agents.delete(id);
    this.#filters = this.#filters.filter((f) => f.agentId !== id);
    this.#held = this.#held.filter((_, i) => this.#heldOn[i] !== id);
    this.#heldOn = this.#heldOn.filter((agentId) => agentId !== id);
    this.#forget();
  }

  setAgentActive(id: string, active: boolean): void {
    this.#agent(id).active = active;
  }

  recover(recovery: Recovery, now: Instant): void {
    const { frameworkId, role, agentId, resources, refuseMs = 0 } = recovery;
    if (!this.#agents.has(agentId) || resources.isEmpty()) return;
    const framework = this.#frameworks.get(frameworkId);
    if (refuseMs > 0 && framework?.active && framework.roles.includes(role)) {
      const minMs = this.#options.filterMinMs ?? SECOND_MS;
      const maxMs = this.#options.filterMaxMs ?? 365 * DAY_MS;
      const lastsMs = Math.min(Math.max(refuseMs, minMs), maxMs);
      const endsAtMs = filterEndMs(now.monotonicMs, lastsMs);
      this.#filters.push({ frameworkId, role, agentId, resources, endsAtMs });
    }
    const left = this.heldBy(frameworkId, role, agentId).subtract(resources);
    const others = this.#held.map(
      (h, i) => h.frameworkId !== frameworkId || h.role !== role || this.#heldOn[i] !== agentId,
    );
    this.#held = this.#held.filter((_, i) => others[i]);
    this.#heldOn = this.#heldOn.filter((_, i) => others[i]);
    if (!left.isEmpty()) this.#hold(agentId, { frameworkId, role, resources: left });
    this.#forget();
  }

  revive(id: string, roles: readonly string[]): void {
    const framework = this.#framework(id);
    const touched = roles.length === 0 ? framework.roles : roles;
    const suppressedRoles = framework.suppressedRoles.filter((role) => !touched.includes(role));
    this.#frameworks.set(id, { ...framework, suppressedRoles });
    this.#filters = this.#filters.filter((f) => f.frameworkId !== id || !touched.includes(f.role));
  }

  suppress(id: string, roles: readonly string[]): void {
    const framework = this.#framework(id);
    const suppressedRoles = [...framework.suppressedRoles, ...(roles.length === 0 ? framework.roles : roles)];
    this.#frameworks.set(id, { ...framework, suppressedRoles });
  }

  updateWeight(role: string, weight: number): void {
    this.#weights.set(role, weight);
    this.#forget();
  }

  updateQuota(role: string, quota: Quota): void {
    if (isNoQuota(quota)) this.#quotas.delete(role);
    else this.#quotas.set(role, quota);
    this.#forget();
  }

  get quotas(): ReadonlyMap<string, Quota> {
    return this.#quotas;
  }

  pause(paused: boolean): void {
    this.#paused = paused;
  }

  nextDeadlineMs(): number | undefined {
    return this.#filters.length === 0 ? undefined : Math.min(...this.#filters.map((f) => f.endsAtMs));
  }

  heldBy(frameworkId: string, role: string, agentId: string): Resources {
    return Resources.sum(
      this.#held
        .filter((h, i) => h.frameworkId === frameworkId && h.role === role && this.#heldOn[i] === agentId)
        .map((h) => h.resources),
    );
  }

  /** Everything held, one item for each framework, role and agent. */
  holdings(): Allocation[] {
    const keys = new Set(this.#held.map((h, i) => `${h.frameworkId} ${h.role} ${this.#heldOn[i]}`));
    return [...keys].map((key) => {
      const [frameworkId = "", role = "", agentId = ""] = key.split(" ");
      return { frameworkId, role, agentId, resources: this.heldBy(frameworkId, role, agentId) };
    });
  }

  allocate(now: Instant): Allocation[] {
    const salt = this.#random.u32();
    this.#salt = salt;
    this.#filters = this.#filters.filter((f) => f.endsAtMs > now.monotonicMs);
    if (this.#paused) return [];
    const allocations: Allocation[] = [];
    const agents = [...this.#agents.values()].filter((agent) => agent.active);
    agents.sort((a, b) => visitKey(salt, a.sequence) - visitKey(salt, b.sequence));
    this.#givenShared.clear();
    for (const onlyNeedy of [true, false]) {
      for (const agent of agents) {
        for (;;) {
          const given = this.#giveOnce(agent, onlyNeedy);
          if (given === undefined) break;
          // What is for a guarantee and what is more make one offer.
          const same = allocations.findIndex(
            ({ frameworkId, role, agentId }) =>
              frameworkId === given.frameworkId && role === given.role && agentId === given.agentId,
          );
          const before = allocations[same];
          if (before === undefined || same >= (onlyNeedy ? allocations.length : this.#guaranteed)) {
            allocations.push(given);
          } else allocations[same] = { ...before, resources: before.resources.add(given.resources) };
        }
      }
      if (onlyNeedy) this.#guaranteed = allocations.length;
    }
    this.#givenShared.clear();
    return allocations;
  }

  /** Shared volumes are always there, but once given in an allocation they wait for the next. */
  #free(agent: Agent): Resources {
    const held = Resources.sum(
      this.#held.filter((_, i) => this.#heldOn[i] === agent.id).map((h) => h.resources),
    );
    const given = this.#givenShared.get(agent.id) ?? new Set();
    return agent.total
      .subtract(held.filter((identity) => !identity.isShared))
      .filter((identity) => !given.has(identity.key));
  }

  get #world(): QuotaWorld {
    return {
      quotas: this.#quotas,
      held: this.#held,
      agents: [...this.#agents.values()].map((agent) => ({ ...agent, free: this.#free(agent) })),
    };
  }

  consumed(top: string): Map<string, number> {
    return consumed(this.#world, top);
  }

  #giveOnce(agent: Agent, onlyNeedy: boolean): Allocation | undefined {
    const free = this.#free(agent);
    for (const client of this.#wanting().sort((a, b) =>
      this.#compare(a, b, visitKey(this.#salt, agent.sequence)),
    )) {
      const resources = this.#offer(agent, free, client, onlyNeedy);
      if (resources === undefined) continue;
      const { frameworkId, role } = client;
      this.#hold(agent.id, { frameworkId, role, resources });
      const given = this.#givenShared.get(agent.id) ?? new Set();
      for (const { identity } of resources.entries) if (identity.isShared) given.add(identity.key);
      this.#givenShared.set(agent.id, given);
      for (const name of [`${role} ${frameworkId}`, ...levels(role)]) {
        this.#chosen.set(name, (this.#chosen.get(name) ?? 0) + 1);
      }
      return { frameworkId, role, agentId: agent.id, resources };
    }
    return undefined;
  }

  #offer(
    agent: Agent,
    free: Resources,
    { frameworkId, role }: Client,
    onlyNeedy: boolean,
  ): Resources | undefined {
    const { capabilities, minAllocatable, constraints } = this.#framework(frameworkId);
    const region = agent.facts.domain?.fault_domain?.region.name ?? this.#options.region;
    const remote = this.#options.region !== undefined && region !== this.#options.region;
    if (remote && !capabilities.includes("REGION_AWARE")) return undefined;
    if (constraints?.get(role)?.accepts(agent.facts) === false) return undefined;
    if (agent.total.milli("gpus") > 0 && !capabilities.includes("GPU_RESOURCES")) return undefined;
    const allowed = free.filter(
      (identity) =>
        identity.isAllocatableTo(role) &&
        (!identity.isShared || capabilities.includes("SHARED_RESOURCES")) &&
        (!identity.isRevocable || capabilities.includes("REVOCABLE_RESOURCES")) &&
        (identity.traits.reservations.length < 2 || capabilities.includes("RESERVATION_REFINEMENT")),
    );
    const offer = withinQuota(this.#world, allowed, role, onlyNeedy);
    if (offer === undefined) return undefined;
    const minimum = minAllocatable?.get(role) ?? this.#options.minAllocatable ?? DEFAULT_MIN_ALLOCATABLE;
    if (!isWorthOffering(offer, minimum)) return undefined;
    if (offer.filter((identity) => !identity.isShared).isEmpty()) return undefined;
    const refused = this.#filters.some(
      (f) =>
        f.frameworkId === frameworkId &&
        f.role === role &&
        f.agentId === agent.id &&
        f.resources.contains(offer),
    );
    return refused ? undefined : offer;
  }

  #wanting(): Client[] {
    return [...this.#frameworks]
      .filter(([, spec]) => spec.active)
      .flatMap(([frameworkId, spec]) =>
        spec.roles
          .filter((role) => !spec.suppressedRoles.includes(role))
          .map((role) => ({ frameworkId, role })),
      );
  }

  /** By the topmost roles first, then level by level, then framework by framework. */
  #compare(a: Client, b: Client, salt: number): number {
    const left = levels(a.role);
    const right = levels(b.role);
    for (let i = 0; i < left.length && i < right.length; i++) {
      if (left[i] !== right[i]) return this.#compareRoles(left[i] as string, right[i] as string, salt);
    }
    if (this.#options.frameworkSorter === "random") {
      return lotOf(a.frameworkId, salt, 1) - lotOf(b.frameworkId, salt, 1);
    }
    return this.#compareNodes(`${a.role} ${a.frameworkId}`, `${b.role} ${b.frameworkId}`);
  }

  #compareRoles(a: string, b: string, salt: number): number {
    if (this.#options.roleSorter !== "random") return this.#compareNodes(a, b);
    return lotOf(a, salt, this.#weights.get(a) ?? 1) - lotOf(b, salt, this.#weights.get(b) ?? 1);
  }

  #compareNodes(a: string, b: string): number {
    const byShare = this.#share(a) - this.#share(b);
    if (byShare !== 0) return byShare;
    const byChosen = (this.#chosen.get(a) ?? 0) - (this.#chosen.get(b) ?? 0);
    return byChosen !== 0 ? byChosen : a < b ? -1 : 1;
  }

  #share(node: string): number {
    const allocated = new Map<string, number>();
    // A shared volume counts once for each client that holds it on an agent.
    for (const { frameworkId, role, resources } of this.holdings()) {
      if (![`${role} ${frameworkId}`, ...levels(role)].includes(node)) continue;
      for (const [name, milli] of resources.quantities()) {
        allocated.set(name, (allocated.get(name) ?? 0) + milli);
      }
    }
    const total = new Map<string, number>();
    for (const agent of this.#agents.values()) {
      for (const [name, milli] of agent.total.quantities()) total.set(name, (total.get(name) ?? 0) + milli);
    }
    const excluded = this.#options.fairShareExcluded ?? [];
    const ratios = [...allocated].map(([name, milli]) =>
      excluded.includes(name) || (total.get(name) ?? 0) === 0 ? 0 : milli / (total.get(name) as number),
    );
    return Math.max(0, ...ratios) / (this.#weights.get(node) ?? 1);
  }

  #hold(agentId: string, item: UsedByFramework): void {
    this.#held.push(item);
    this.#heldOn.push(agentId);
  }

  /** Who neither wants nor holds anything starts from nothing when it comes again. */
  #forget(): void {
    const alive = new Set<string>();
    const keep = (role: string, frameworkId: string) => {
      for (const name of [`${role} ${frameworkId}`, ...levels(role)]) alive.add(name);
    };
    for (const [id, spec] of this.#frameworks) for (const role of spec.roles) keep(role, id);
    for (const { frameworkId, role } of this.#held) keep(role, frameworkId);
    for (const [role, weight] of this.#weights) {
      if (weight !== 1) for (const name of levels(role).slice(0, -1)) alive.add(name);
    }
    for (const role of this.#quotas.keys()) alive.add(role);
    for (const name of this.#chosen.keys()) if (!alive.has(name)) this.#chosen.delete(name);
  }

  #framework(id: string): FrameworkSpec {
    const framework = this.#frameworks.get(id);
    assert(framework !== undefined, `Framework ${id} is known`);
    return framework;
  }

  #agent(id: string): Agent {
    const agent = this.#agents.get(id);
    assert(agent !== undefined, `Agent ${id} is known`);
    return agent;
  }
}

/** `a/b` gives `a`, `a/b` and `a/b/.`, the frameworks of exactly that role. */
function levels(role: string): string[] {
  const parts = role.split("/");
  return [...parts.map((_, i) => parts.slice(0, i + 1).join("/")), `${role}/.`];
}
