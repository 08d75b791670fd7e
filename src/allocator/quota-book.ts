/**
 * Quota of all roles: what each may still get, and what has to stay free for
 * guarantees that are not met yet (Mesos docs/quota.md, allocator/mesos/
 * hierarchical.cpp). Only the topmost roles have quota; what is below them
 * counts.
 *
 *     headroom  = Σ unreserved, non-revocable, free on active agents
 *     required  = Σ over roles max(0, guarantee − consumed)
 *     surplus   = headroom − required, for all to share
 *
 * A role with quota may get, of each resource, what its limit leaves, up to
 * its own need and the surplus; everybody else the surplus alone. While no
 * role has quota the book is not kept.
 */
import { isNoQuota, type Quota } from "../model/quota.ts";
import type { ResourceIdentity } from "../model/resource-identity.ts";
import type { Resources } from "../model/resources.ts";
import { topRole } from "../model/roles.ts";
import type { AgentRecord } from "./agent-record.ts";
import { BitSet } from "./bit-set.ts";
import type { MinAllocatable, ScalarQuantities } from "./quantities.ts";
import type { Client, RoleNode } from "./role-nodes.ts";
import { RoleQuota } from "./role-quota.ts";
import type { RoleTree } from "./role-tree.ts";
import { addTo, type ClusterTotals, type Vector } from "./share.ts";

/** First what guarantees lack, to the roles that lack it; then everything to everyone. */
export type Stage = "guarantees" | "all";

/** What counts against a quota when it is held, and towards headroom when it is free. */
function isOpen(identity: ResourceIdentity): boolean {
  return !identity.isReserved && !identity.isRevocable;
}

export class QuotaBook {
  readonly #tree: RoleTree;
  readonly #totals: ClusterTotals;
  readonly #minimum: MinAllocatable;
  readonly #roles = new Map<string, RoleQuota>();
  /** Clients below roles with quota. */
  readonly clients = new BitSet();
  /** Of those, the ones whose role lacks some of its guarantee. */
  readonly needy = new BitSet();
  /** Of those, the ones whose role has no room for the smallest offer. */
  readonly full = new BitSet();
  #headroom: number[] = [];
  #required: number[] = [];
  readonly #woken: RoleQuota[] = [];

  constructor(tree: RoleTree, totals: ClusterTotals, minimum: MinAllocatable) {
    this.#tree = tree;
    this.#totals = totals;
    this.#minimum = minimum;
  }

  get active(): boolean {
    return this.#roles.size > 0;
  }

  get anyNeedy(): boolean {
    return !this.needy.isEmpty();
  }

  roles(): Iterable<RoleQuota> {
    return this.#roles.values();
  }

  /** One without guarantees and limits is removed. `agents`: all that are known. */
  set(
    quotas: Iterable<readonly [role: string, quota: Quota]>,
    agents: ReadonlyMap<string, AgentRecord>,
  ): void {
    const wasActive = this.active;
    const added: RoleQuota[] = [];
    for (const [name, quota] of quotas) {
      const known = this.#roles.get(name);
      if (isNoQuota(quota)) {
        if (known !== undefined) this.#drop(known);
        continue;
      }
      const role = known ?? this.#add(name);
      if (known === undefined) added.push(role);
      role.guarantees = this.#vector(quota.guarantees, 0);
      role.limits = this.#vector(quota.limits, Number.POSITIVE_INFINITY);
      this.#wake(role);
    }
    if (added.length > 0) this.#countAdded(added, agents.values());
    if (this.active !== wasActive) {
      this.#headroom = [];
      for (const agent of agents.values()) {
        agent.open = undefined;
        this.countFree(agent);
      }
    }
    this.#required = [];
    for (const role of this.#roles.values()) {
      for (let index = 0; index < role.width; index++) this.#require(index, role.need(index));
      this.#review(role);
    }
  }

  /**
   * What roles consume, whether they have quota or not; outstanding offers count. One walk over all agents.
   */
  use(names: Iterable<string>, agents: Iterable<AgentRecord>): Map<string, Map<string, number>> {
    const sums = new Map<string, number[]>();
    for (const name of names) sums.set(name, []);
    if (sums.size === 0) return new Map();
    for (const agent of agents) {
      this.#countReserved(agent.total, (top, vector) => {
        const sum = sums.get(top);
        if (sum !== undefined) addTo(sum, vector, 1);
      });
      for (const [client, resources] of agent.held) {
        const sum = sums.get(client.queue.role.top.name);
        if (sum !== undefined) addTo(sum, this.#totals.vectorOf(resources, isOpen), 1);
      }
    }
    return new Map([...sums].map(([name, sum]) => [name, this.#totals.named(sum)]));
  }

  /** The client wants offers, or may come to. */
  noteClient(client: Client): void {
    const { quota } = client.queue.role.top;
    if (quota === undefined) return;
    for (const set of this.#setsOf(quota)) set.set(client.slot);
  }

  /** The client's slot is about to be given to another. */
  forgetClient(client: Client): void {
    const { quota } = client.queue.role.top;
    if (quota === undefined) return;
    for (const set of [quota.clients, this.clients, this.needy, this.full]) set.clear(client.slot);
  }

  /** A client of some role holds more, or less. */
  hold(client: Client, resources: Resources, sign: 1 | -1): void {
    const { quota } = client.queue.role.top;
    if (quota !== undefined) this.#consume(quota, this.#totals.vectorOf(resources, isOpen), sign);
  }

  /** What is reserved on an agent comes, or goes. */
  reserve(total: Resources, sign: 1 | -1): void {
    this.#countReserved(total, (top, vector) => {
      const quota = this.#roles.get(top);
      if (quota !== undefined) this.#consume(quota, vector, sign);
    });
  }

  /** What is free on the agent changed, or whether it gives offers. */
  countFree(agent: AgentRecord): void {
    if (agent.open !== undefined) addTo(this.#headroom, agent.open, -1);
    const counts = this.active && agent.active && !agent.removed;
    agent.open = counts ? this.#totals.vectorOf(agent.free, isOpen) : undefined;
    if (agent.open !== undefined) addTo(this.#headroom, agent.open, 1);
  }

  /** What no guarantee waits for; infinite where none does. */
  surplus(index: number): number {
    const required = this.#required[index] ?? 0;
    if (required === 0) return Number.POSITIVE_INFINITY;
    return Math.max(0, (this.#headroom[index] ?? 0) - required);
  }

  /** How much of a resource a role may be offered now; `quota` undefined: a role without. */
  cap(quota: RoleQuota | undefined, index: number, stage: Stage): number {
    const surplus = this.surplus(index);
    if (quota === undefined) return surplus;
    const room = quota.room(index);
    if (stage === "all") return Math.min(room, quota.need(index) + surplus);
    return (quota.guarantees[index] ?? 0) > 0 ? quota.need(index) : Math.min(room, surplus);
  }

  /** The part of an offer that quota lets through. */
  capped(offer: Resources, quota: RoleQuota | undefined, stage: Stage): Resources {
    return offer.capped((name) => this.cap(quota, this.#totals.indexOf(name), stage));
  }

  /** The part that the role's own limits let through, were there no guarantees. */
  withinLimits(offer: Resources, quota: RoleQuota | undefined): Resources {
    return quota === undefined ? offer : offer.capped((name) => quota.room(this.#totals.indexOf(name)));
  }

  /** Whether the offer brings the role nearer to its guarantees. */
  helps(offer: Resources, quota: RoleQuota): boolean {
    const vector = this.#totals.vectorOf(offer, isOpen);
    return vector.some((amount, index) => amount > 0 && quota.need(index) > 0);
  }

  /** Whether what is unreserved on the agent makes the smallest offer; quick, since most say no. */
  mayReach(agent: AgentRecord, quota: RoleQuota | undefined, stage: Stage): boolean {
    return this.#reachable((index) => Math.min(agent.open?.[index] ?? 0, this.cap(quota, index, stage)));
  }

  /** Whether the agent has something free that the role's guarantees lack. */
  couldHelp(agent: AgentRecord, quota: RoleQuota): boolean {
    return (agent.open ?? []).some((amount, index) => amount > 0 && quota.need(index) > 0);
  }

  /**
   * Whether an offer stands in the way: its role is beyond a limit, or a guarantee waits for what it holds.
   */
  isBroken(role: string, resources: Resources): boolean {
    const quota = this.#roles.get(topRole(role));
    const vector = this.#totals.vectorOf(resources, isOpen);
    for (let index = 0; index < vector.length; index++) {
      if (vector[index] === 0) continue;
      const consumed = quota?.consumed[index] ?? 0;
      if (quota !== undefined && consumed > (quota.limits[index] ?? Number.POSITIVE_INFINITY)) return true;
      const lacking = (this.#required[index] ?? 0) > (this.#headroom[index] ?? 0);
      if (lacking && (quota === undefined || consumed > (quota.guarantees[index] ?? 0))) return true;
    }
    return false;
  }

  /** Whether something that is free on the agent has to stay free. */
  holdsBack(agent: AgentRecord): boolean {
    return (agent.open ?? []).some((amount, index) => amount > this.surplus(index));
  }

  /** Whether what there is to share is worth an offer. */
  get surplusReaches(): boolean {
    return this.#reachable((index) => this.surplus(index));
  }

  /** {@link surplus} of every resource that a guarantee waits for. */
  surpluses(): number[] {
    return this.#required.map((_, index) => this.surplus(index));
  }

  /** Adds the clients to be considered for every agent again. True when there are any. */
  takeWoken(into: BitSet): boolean {
    if (this.#woken.length === 0) return false;
    for (const role of this.#woken) {
      role.woken = false;
      into.union(role.clients);
    }
    this.#woken.length = 0;
    return true;
  }

  /** For tests: headroom and required as counted. */
  get sums(): { readonly headroom: ScalarQuantities; readonly required: ScalarQuantities } {
    return { headroom: this.#totals.named(this.#headroom), required: this.#totals.named(this.#required) };
  }

  /** A limit of 0 is one, too. */
  limitsOf(quota: RoleQuota): Map<string, number> {
    return this.#totals.finite(quota.limits);
  }

  named(vector: Vector): Map<string, number> {
    return this.#totals.named(vector);
  }

  #add(name: string): RoleQuota {
    const node = this.#tree.ensureRole(name);
    const quota = new RoleQuota(name);
    node.quota = quota;
    this.#roles.set(name, quota);
    const visit = (role: RoleNode): void => {
      for (const client of role.queue?.clients.values() ?? []) this.noteClient(client);
      for (const child of role.children.values()) visit(child);
    };
    visit(node);
    return quota;
  }

  #drop(quota: RoleQuota): void {
    this.#wake(quota);
    for (const set of [this.clients, this.needy, this.full]) set.subtract(quota.clients);
    this.#roles.delete(quota.name);
    const role = this.#tree.ensureRole(quota.name);
    role.quota = undefined;
    this.#tree.forgetIfUnused(role);
  }

  #countAdded(added: readonly RoleQuota[], agents: Iterable<AgentRecord>): void {
    const uses = this.use(
      added.map((quota) => quota.name),
      agents,
    );
    for (const quota of added) {
      addTo(quota.consumed, this.#vector(uses.get(quota.name) ?? new Map(), 0), 1);
    }
  }

  #countReserved(total: Resources, add: (top: string, vector: Vector) => void): void {
    for (const [role, resources] of total.reservations()) {
      add(topRole(role), this.#totals.vectorOf(resources.nonRevocable()));
    }
  }

  #consume(quota: RoleQuota, vector: Vector, sign: 1 | -1): void {
    for (let index = 0; index < vector.length; index++) this.#require(index, -quota.need(index));
    const asleep = !quota.woken;
    quota.consume(vector, sign);
    for (let index = 0; index < vector.length; index++) this.#require(index, quota.need(index));
    if (asleep && quota.woken) this.#woken.push(quota);
    this.#review(quota);
  }

  #require(index: number, change: number): void {
    if (change === 0) return;
    while (this.#required.length <= index) this.#required.push(0);
    this.#required[index] = (this.#required[index] as number) + change;
  }

  #wake(quota: RoleQuota): void {
    if (quota.woken) return;
    quota.woken = true;
    this.#woken.push(quota);
  }

  #review(quota: RoleQuota): void {
    let needy = false;
    for (let index = 0; index < quota.guarantees.length && !needy; index++) needy = quota.need(index) > 0;
    const full = !this.#reachable((index) => quota.room(index));
    if (needy !== quota.needy) change(this.needy, quota.clients, needy);
    if (full !== quota.full) change(this.full, quota.clients, full);
    quota.needy = needy;
    quota.full = full;
  }

  #reachable(amountOf: (index: number) => number): boolean {
    for (const alternative of this.#minimum) {
      let reached = true;
      for (const [name, milli] of alternative) {
        // Of what is no scalar anywhere nothing is known here.
        const index = this.#totals.knownIndex(name);
        if (index !== undefined && amountOf(index) < milli) reached = false;
      }
      if (reached) return true;
    }
    return this.#minimum.length === 0;
  }

  #setsOf(quota: RoleQuota): BitSet[] {
    const sets = [quota.clients, this.clients];
    if (quota.needy) sets.push(this.needy);
    if (quota.full) sets.push(this.full);
    return sets;
  }

  #vector(amounts: ScalarQuantities, unset: number): number[] {
    const vector: number[] = [];
    for (const [name, milli] of amounts) {
      const index = this.#totals.indexOf(name);
      while (vector.length <= index) vector.push(unset);
      vector[index] = milli;
    }
    return vector;
  }
}

function change(set: BitSet, members: BitSet, member: boolean): void {
  if (member) set.union(members);
  else set.subtract(members);
}
