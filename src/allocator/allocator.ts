/**
 * The allocator decides which framework is offered which free resources: what Mesos' hierarchical allocator
 * does, computed only where something changed.
 *
 * It knows frameworks, agents and who holds what; it does not know offers, tasks or the registry. Synchronous
 * and deterministic: time comes in as `now`, chance as a seed. The master core is its only caller.
 *
 *     addAgent, recover, …      note what changed       allocate(now)
 *     ───────────────────▶  stale agents  ─┐    for each of them, shuffled:
 *     addFramework, revive                 ├──▶   candidates = wants ∖ refused ∖ too little
 *     ───────────────────▶  fresh clients ─┤      first of them in fair order gets
 *     end of a filter                      │      all it may have, until none is left
 *     ───────────────────▶  woken clients ─┘
 *
 * Why looking at these suffices: an agent that was visited has no candidates left, and who is no candidate
 * becomes one only by more free resources on the agent (stale), by a change of itself (fresh), or by the end
 * of a filter (woken). Shares decide the order among candidates, never who is one. tests/allocator compares
 * with a twin that looks at everything every time.
 *
 * Parts: role-tree.ts (who is next), agent-record.ts, filters.ts, candidates.ts (who may have it), share.ts.
 */
import { assert, present } from "../base/assert.ts";
import { Random } from "../base/random.ts";
import { DAY_MS, type Instant, SECOND_MS } from "../base/time.ts";
import type { Quota } from "../model/quota.ts";
import { regionOf } from "../model/regions.ts";
import { Resources } from "../model/resources.ts";
import { AgentRecord } from "./agent-record.ts";
import { BitSet } from "./bit-set.ts";
import { CandidateFinder, isForAll } from "./candidates.ts";
import { assertConsistent } from "./consistency.ts";
import { ConstraintIndex } from "./constraint-index.ts";
import { explainClient } from "./explain.ts";
import { type FilterCohort, Filters, filterEndMs } from "./filters.ts";
import { GivenOffers } from "./given-offers.ts";
import { HeldAgents } from "./held-agents.ts";
import { Lots } from "./lots.ts";
import { type AgentFacts, sameAttributes } from "./offer-constraints.ts";
import { DEFAULT_MIN_ALLOCATABLE } from "./quantities.ts";
import { QuotaBook, type Stage } from "./quota-book.ts";
import { assertQuotaConsistent, quotaViews } from "./quota-views.ts";
import type { Client } from "./role-nodes.ts";
import { RoleTree } from "./role-tree.ts";
import { roleViews } from "./role-views.ts";
import { ClusterTotals } from "./share.ts";
import { withoutHeld } from "./shared-volumes.ts";
import { SlotTable } from "./slot-table.ts";
import { Subscriptions } from "./subscriptions.ts";
import type {
  AgentSpec,
  Allocation,
  AllocatorOptions,
  Exclusion,
  FrameworkExplanation,
  FrameworkSpec,
  QuotaView,
  Recovery,
  ResourceAllocator,
  RoleView,
  UsedByFramework,
  UsedOnAgent,
} from "./types.ts";
import { VisitList } from "./visit-list.ts";
import { inVisitOrder, visitKey } from "./visit-order.ts";

export class Allocator implements ResourceAllocator {
  readonly #random: Random;
  readonly #region: string | undefined;
  readonly #filterMinMs: number;
  readonly #filterMaxMs: number;
  readonly #totals: ClusterTotals;
  readonly #tree: RoleTree;
  readonly #quotas: QuotaBook;
  readonly #held: HeldAgents;
  readonly #finder: CandidateFinder;
  readonly #constraints: ConstraintIndex;
  readonly #subscriptions: Subscriptions;
  readonly #agents = new Map<string, AgentRecord>();
  readonly #agentTable = new SlotTable<AgentRecord>();
  readonly #filters = new Filters(this.#agentTable.items);
  #agentsAdded = 0;
  #paused = false;
  /** Of the allocation under way. */
  #salt = 0;
  readonly #maxVisits: number;
  readonly #visits = new VisitList();
  readonly #scope = new BitSet();

  constructor(options: AllocatorOptions) {
    this.#random = new Random(options.seed);
    this.#region = options.region;
    this.#maxVisits = options.maxVisits ?? Number.POSITIVE_INFINITY;
    this.#filterMinMs = options.filterMinMs ?? SECOND_MS;
    this.#filterMaxMs = options.filterMaxMs ?? 365 * DAY_MS;
    this.#totals = new ClusterTotals(options.fairShareExcluded ?? []);
    const lots = new Lots(options.roleSorter ?? "drf", options.frameworkSorter ?? "drf");
    this.#tree = new RoleTree(this.#totals, lots);
    const minimum = options.minAllocatable ?? DEFAULT_MIN_ALLOCATABLE;
    this.#quotas = new QuotaBook(this.#tree, this.#totals, minimum);
    this.#held = new HeldAgents(this.#quotas);
    this.#finder = new CandidateFinder(this.#tree, this.#quotas, minimum, options.filterGpuResources ?? true);
    this.#constraints = new ConstraintIndex(this.#agentTable.items);
    this.#subscriptions = new Subscriptions(this.#tree, this.#finder, this.#constraints, (client) =>
      this.#filters.dropClient(client),
    );
  }

  addFramework(frameworkId: string, spec: FrameworkSpec, used: Iterable<UsedOnAgent> = []): void {
    this.#subscriptions.add(frameworkId, spec);
    for (const { agentId, role, resources } of used) {
      const agent = this.#agents.get(agentId);
      const client = this.#tree.client(frameworkId, role);
      if (agent === undefined || (client !== undefined && agent.held.has(client))) continue;
      this.#hold(agent, client ?? this.#tree.ensureClient(frameworkId, role), resources.unallocated());
    }
  }

  updateFramework(frameworkId: string, spec: Omit<FrameworkSpec, "active">): void {
    this.#subscriptions.update(frameworkId, spec);
  }

  removeFramework(frameworkId: string): void {
    this.#subscriptions.remove(frameworkId);
  }

  activateFramework(frameworkId: string): void {
    this.#subscriptions.setActive(frameworkId, true);
  }

  deactivateFramework(frameworkId: string): void {
    this.#subscriptions.setActive(frameworkId, false);
  }

  addAgent(agentId: string, spec: AgentSpec, used: Iterable<UsedByFramework> = []): void {
    assert(!this.#agents.has(agentId), `Agent '${agentId}' is known already`);
    const sequence = this.#agentsAdded++;
    const agent = this.#agentTable.add(
      (slot) => new AgentRecord(slot, agentId, sequence, spec.active ?? true),
    );
    this.#agents.set(agentId, agent);
    this.#setFacts(agent, spec.facts ?? agent.facts);
    this.#setTotal(agent, spec.total.unallocated());
    for (const { frameworkId, role, resources } of used) {
      this.#hold(agent, this.#tree.ensureClient(frameworkId, role), resources.unallocated());
    }
    this.#noteStale(agent);
  }

  updateAgent(agentId: string, spec: Omit<AgentSpec, "active">): void {
    const agent = this.#agent(agentId);
    if (spec.facts !== undefined) this.#setFacts(agent, spec.facts);
    this.#setTotal(agent, spec.total.unallocated());
    this.#noteStale(agent);
  }

  removeAgent(agentId: string): void {
    const agent = this.#agent(agentId);
    for (const [client, resources] of [...agent.held]) this.#release(agent, client, resources);
    agent.removed = true;
    this.#setTotal(agent, Resources.EMPTY);
    this.#filters.dropAgent(agent);
    this.#agents.delete(agentId);
    this.#agentTable.remove(agent.slot);
    this.#held.forget(agent);
  }

  activateAgent(agentId: string): void {
    const agent = this.#agent(agentId);
    if (agent.active) return;
    agent.active = true;
    this.#quotas.countFree(agent);
    this.#noteStale(agent);
  }

  deactivateAgent(agentId: string): void {
    const agent = this.#agent(agentId);
    agent.active = false;
    this.#quotas.countFree(agent);
  }

  charge({ frameworkId, role, agentId, resources }: Allocation): void {
    if (resources.isEmpty()) return;
    const client = this.#tree.ensureClient(frameworkId, role);
    this.#hold(this.#agent(agentId), client, resources.unallocated());
  }

  recover(recovery: Recovery, now: Instant): void {
    const { frameworkId, role, agentId } = recovery;
    const agent = this.#agents.get(agentId);
    if (agent === undefined || recovery.resources.isEmpty()) return;
    const resources = recovery.resources.unallocated();
    const client = this.#tree.client(frameworkId, role);
    assert(client !== undefined, "Only what is held is given back");
    const refuseMs = recovery.refuseMs ?? 0;
    if (refuseMs > 0 && this.#subscriptions.takesFilters(client)) {
      const lastsMs = Math.min(Math.max(refuseMs, this.#filterMinMs), this.#filterMaxMs);
      this.#filters.add(agent, client, resources, filterEndMs(now.monotonicMs, lastsMs));
    }
    this.#release(agent, client, resources);
    this.#noteStale(agent);
  }

  /** What nobody holds on the agent; nothing for an unknown one. */
  free(agentId: string): Resources {
    return this.#agents.get(agentId)?.unheld ?? Resources.EMPTY;
  }

  revive(frameworkId: string, roles?: readonly string[]): void {
    this.#subscriptions.revive(frameworkId, roles);
  }

  suppress(frameworkId: string, roles?: readonly string[]): void {
    this.#subscriptions.suppress(frameworkId, roles);
  }

  updateWeight(role: string, weight: number): void {
    this.#tree.setWeight(role, weight);
  }

  updateQuotas(quotas: Iterable<readonly [role: string, quota: Quota]>): void {
    this.#quotas.set(quotas, this.#agents);
  }

  quotaUse(roles: Iterable<string>): Map<string, Map<string, number>> {
    return this.#quotas.use(roles, this.#agents.values());
  }

  breaksQuota(role: string, resources: Resources): boolean {
    return this.#quotas.isBroken(role, resources);
  }

  quotaViews(): QuotaView[] {
    return quotaViews(this.#quotas, this.#tree);
  }

  get postponed(): boolean {
    return this.#visits.postponed;
  }

  allocate(now: Instant, maxVisits = this.#maxVisits): Allocation[] {
    // Drawn every time, so that the order does not depend on what there was to do.
    const salt = this.#random.u32();
    this.expire(now);
    if (this.#paused) return [];
    this.#subscriptions.refresh((fresh) => this.#quotas.takeWoken(fresh));
    const plain = this.#finder.sameMinimum && !this.#quotas.anyNeedy && !this.#subscriptions.anyFresh;
    this.#held.take(plain, (agent) => this.#noteStale(agent));
    const visits = this.#visits.take(this.#subscriptions.anyFresh);
    if (visits.length === 0) return [];
    this.#tree.refresh();
    const given = new GivenOffers();
    const order = inVisitOrder(visits, salt);
    this.#salt = salt;
    const { anyNeedy } = this.#quotas;
    if (anyNeedy) {
      for (const agent of this.#agentsAt(order)) this.#allocateAgent(agent, "guarantees", given);
    }
    // What a guarantee leaves of an agent goes out with it.
    const visited = anyNeedy ? order.length : Math.min(maxVisits, order.length);
    for (const agent of this.#agentsAt(order.subarray(0, visited))) {
      if (!this.#held.skips(agent, plain)) this.#allocateAgent(agent, "all", given);
      if (agent.visited()) this.#noteStale(agent);
    }
    this.#visits.postpone(this.#agentsAt(order.subarray(visited)), this.#agents.size);
    this.#subscriptions.clearFresh();
    this.#held.settle();
    return given.allocations;
  }

  nextDeadlineMs(): number | undefined {
    return this.#filters.nextEndMs();
  }

  expire(now: Instant): void {
    this.#filters.expire(now.monotonicMs, (cohort) => this.#wake(cohort));
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  exclusions(): Exclusion[] {
    return this.#constraints.exclusions((slot) => this.#tree.clientAt(slot));
  }

  roles(): RoleView[] {
    this.#tree.refresh();
    return roleViews(this.#tree);
  }

  explain(frameworkId: string, now: Instant, role?: string): FrameworkExplanation | undefined {
    const framework = this.#subscriptions.find(frameworkId);
    if (framework === undefined) return undefined;
    this.#tree.refresh();
    this.#filters.settle();
    const roles = [...framework.clients.values()]
      .filter((client) => role === undefined || client.queue.role.name === role)
      .map((client) =>
        explainClient(client, this.#tree, this.#finder, this.#quotas, this.#agents.values(), now.monotonicMs),
      );
    return { frameworkId, active: framework.active, paused: this.#paused, roles };
  }

  /** Throws when the books do not balance; walks over everything. For tests and the simulator. */
  assertConsistent(): void {
    this.#tree.refresh();
    assertConsistent(this.#agents.values(), this.#tree);
    assertQuotaConsistent(this.#agents.values(), this.#tree, this.#quotas);
  }

  #allocateAgent(agent: AgentRecord, stage: Stage, given: GivenOffers): void {
    if (!agent.isOpen) return;
    this.#tree.lots.draw(visitKey(this.#salt, agent.sequence));
    let scope: BitSet | undefined;
    if (!agent.stale) {
      scope = this.#scope;
      scope.assign(this.#subscriptions.fresh);
      scope.union(agent.woken);
    }
    for (;;) {
      const client = this.#finder.first(agent, scope, stage);
      if (this.#finder.heldBack) this.#held.add(agent, isForAll(agent.free));
      if (client === undefined) return;
      const resources = this.#finder.offer(client, agent, stage);
      assert(!resources.isEmpty(), "A candidate has something to get");
      this.#hold(agent, client, resources);
      this.#tree.choose(client);
      agent.giveShared(resources);
      given.add(agent, client, resources, stage);
      if (agent.free.isEmpty()) return;
    }
  }

  #setFacts(agent: AgentRecord, facts: AgentFacts): void {
    if (!sameAttributes(agent.facts, facts)) this.#filters.dropAgent(agent);
    agent.facts = facts;
    const region = regionOf(facts.domain);
    agent.remote = region !== undefined && this.#region !== undefined && region !== this.#region;
    this.#constraints.agentChanged(agent);
  }

  #hold(agent: AgentRecord, client: Client, resources: Resources): void {
    if (resources.isEmpty()) return;
    const counted = withoutHeld(resources, agent.held.get(client));
    if (agent.hold(client, resources)) client.agentsHeld++;
    this.#tree.charge(client, counted, 1);
    this.#countHeld(agent, client, resources, 1);
  }

  #release(agent: AgentRecord, client: Client, resources: Resources): void {
    if (agent.release(client, resources)) client.agentsHeld--;
    this.#tree.charge(client, withoutHeld(resources, agent.held.get(client)), -1);
    this.#countHeld(agent, client, resources, -1);
    this.#subscriptions.forgetIfUnused(client);
  }

  #countHeld(agent: AgentRecord, client: Client, resources: Resources, sign: 1 | -1): void {
    if (!this.#quotas.active) return;
    this.#quotas.hold(client, resources, sign);
    this.#quotas.countFree(agent);
  }

  #setTotal(agent: AgentRecord, total: Resources): void {
    this.#totals.subtract(agent.total);
    this.#totals.add(total);
    if (this.#quotas.active) {
      this.#quotas.reserve(agent.total, -1);
      this.#quotas.reserve(total, 1);
    }
    agent.setTotal(total);
    this.#quotas.countFree(agent);
  }

  #wake(cohort: FilterCohort): void {
    const agent = present(this.#agentTable.items[cohort.agent.slot], "A filter's agent is known");
    agent.woken.union(cohort.clients);
    agent.anyWoken = true;
    this.#visits.note(agent);
  }

  #noteStale(agent: AgentRecord): void {
    this.#visits.noteStale(agent, this.#agents.size);
  }

  #agentAt(slot: number): AgentRecord {
    return present(this.#agentTable.items[slot], "A visited agent is known");
  }

  *#agentsAt(slots: Float64Array): Iterable<AgentRecord> {
    for (const slot of slots) yield this.#agentAt(slot);
  }

  #agent(agentId: string): AgentRecord {
    return present(this.#agents.get(agentId), `Agent '${agentId}' is unknown to the allocator`);
  }
}
