/**
 * Who could be offered what is free on an agent, whatever its share: wants
 * offers, may have the agent and accepts it, has not refused it, and it is not too little.
 *
 * Most agents look alike to everyone, so the set is made with a few operations
 * on whole bit sets. Only clients in roles that something on the agent is
 * reserved to, and those with a smallest offer of their own, are looked at one by one.
 */
import type { ResourceEntry, Resources } from "../model/resources.ts";
import type { AgentRecord } from "./agent-record.ts";
import { BitSet } from "./bit-set.ts";
import { firstInOrder } from "./fair-order.ts";
import { removeFiltered } from "./filters.ts";
import { isWorthOffering, type MinAllocatable } from "./quantities.ts";
import type { QuotaBook, Stage } from "./quota-book.ts";
import type { Client, RoleNode } from "./role-nodes.ts";
import type { RoleQuota } from "./role-quota.ts";
import type { RoleTree } from "./role-tree.ts";
import { anyExclusive } from "./shared-volumes.ts";

/** Whether everyone may have all of it: nothing reserved, revocable or shared. */
export function isForAll(resources: Resources): boolean {
  const entries = resources.entries;
  for (let i = 0; i < entries.length; i++) {
    const { reservations, revocable, shared } = (entries[i] as ResourceEntry).identity.traits;
    if (reservations.length > 0 || revocable !== undefined || shared !== undefined) return false;
  }
  return true;
}

/** The part of `free` that a client may be offered. */
export function offerFor(client: Client, free: Resources): Resources {
  if (isForAll(free)) return free;
  const role = client.queue.role.name;
  const { revocable, shared, refined } = client.takes;
  return free.filter(
    (identity) =>
      identity.isAllocatableTo(role) &&
      (revocable || !identity.isRevocable) &&
      (shared || !identity.isShared) &&
      (refined || identity.traits.reservations.length <= 1),
  );
}

export class CandidateFinder {
  readonly #tree: RoleTree;
  readonly #quotas: QuotaBook;
  readonly #minAllocatable: MinAllocatable;
  readonly #filterGpuResources: boolean;
  /** Clients that want offers. */
  readonly #eligible = new BitSet();
  readonly #takesGpus = new BitSet();
  readonly #takesRevocable = new BitSet();
  readonly #takesRemote = new BitSet();
  /** Clients with a smallest offer of their own. */
  readonly #ownMinimum = new BitSet();
  /** How many have one. */
  #ownMinimums = 0;
  readonly #found = new BitSet();
  readonly #part = new BitSet();
  readonly #own = new BitSet();
  readonly #single = new BitSet();
  readonly #limited = new BitSet();
  /** Something was kept back for guarantees that someone asked about last might have wanted. */
  heldBack = false;

  constructor(
    tree: RoleTree,
    quotas: QuotaBook,
    minAllocatable: MinAllocatable,
    filterGpuResources: boolean,
  ) {
    this.#tree = tree;
    this.#quotas = quotas;
    this.#minAllocatable = minAllocatable;
    this.#filterGpuResources = filterGpuResources;
  }

  /**
   * Takes note of what the client may have, by its framework's capabilities, and of its own
   * smallest offer.
   */
  setWishes(
    client: Client,
    capabilities: readonly string[],
    minAllocatable: MinAllocatable | undefined,
  ): void {
    client.takes = {
      gpus: capabilities.includes("GPU_RESOURCES"),
      revocable: capabilities.includes("REVOCABLE_RESOURCES"),
      shared: capabilities.includes("SHARED_RESOURCES"),
      refined: capabilities.includes("RESERVATION_REFINEMENT"),
      remote: capabilities.includes("REGION_AWARE"),
    };
    this.#countOwnMinimum(client, minAllocatable !== undefined);
    client.minAllocatable = minAllocatable;
    setMember(this.#takesGpus, client, client.takes.gpus);
    setMember(this.#takesRevocable, client, client.takes.revocable);
    setMember(this.#takesRemote, client, client.takes.remote);
  }

  /** Nobody wants smaller offers than others. */
  get sameMinimum(): boolean {
    return this.#ownMinimums === 0;
  }

  setEligible(client: Client, eligible: boolean): void {
    this.#quotas.noteClient(client);
    setMember(this.#eligible, client, eligible);
  }

  /** The client's slot is about to be given to another. */
  forget(client: Client): void {
    this.#countOwnMinimum(client, false);
    this.#quotas.forgetClient(client);
    const { slot } = client;
    for (const set of [this.#eligible, this.#takesGpus, this.#takesRevocable, this.#takesRemote])
      set.clear(slot);
  }

  #countOwnMinimum(client: Client, has: boolean): void {
    if (this.#ownMinimum.has(client.slot) !== has) this.#ownMinimums += has ? 1 : -1;
    setMember(this.#ownMinimum, client, has);
  }

  /** Whether the agent is kept from the client because it has GPUs. */
  hidesGpus(agent: AgentRecord, client: Client): boolean {
    return this.#filterGpuResources && agent.hasGpus && !client.takes.gpus;
  }

  /** Whether the offer reaches the client's smallest one. */
  isEnough(client: Client, offer: Resources): boolean {
    const minimum = client.minAllocatable ?? this.#minAllocatable;
    return isWorthOffering(offer, minimum) && anyExclusive(offer);
  }

  /** What the client would be offered of the agent now: all it may have, within quota. */
  offer(client: Client, agent: AgentRecord, stage: Stage): Resources {
    const offer = offerFor(client, agent.free);
    return this.#quotas.active ? this.#quotas.capped(offer, client.queue.role.top.quota, stage) : offer;
  }

  /**
   * Who is to get what is free on the agent now: the first in fair order among
   * `scope` or (undefined) all clients that may have some of it and want it.
   */
  first(agent: AgentRecord, scope: BitSet | undefined, stage: Stage): Client | undefined {
    const found = this.#found;
    this.heldBack = false;
    if (agent.free.isEmpty()) return undefined;
    found.assign(this.#eligible);
    if (scope !== undefined) found.intersect(scope);
    found.subtract(agent.excludes);
    if (stage === "guarantees") found.intersect(this.#quotas.needy);
    if (agent.remote) found.intersect(this.#takesRemote);
    if (this.#filterGpuResources && agent.hasGpus) found.intersect(this.#takesGpus);
    if (stage === "guarantees") {
      return firstInOrder(this.#tree, found, (client) => this.#helps(agent, client));
    }
    if (isForAll(agent.free)) return this.#firstOpen(agent, agent.free, found, undefined);
    const open = agent.free.unreserved();
    const special = open === agent.free ? undefined : this.#specialCandidates(agent, found);
    return this.#firstOpen(agent, open, found, special);
  }

  /** `special` are candidates already; of `found` those are to be found that want the unreserved part. */
  #firstOpen(
    agent: AgentRecord,
    open: Resources,
    found: BitSet,
    special: BitSet | undefined,
  ): Client | undefined {
    const quotas = this.#quotas;
    if (!quotas.active) {
      this.#keepOpenCandidates(agent, open, found);
      if (special !== undefined) found.union(special);
      return firstInOrder(this.#tree, found);
    }
    const limited = this.#limitedCandidates(agent, open, found);
    found.subtract(quotas.clients);
    const bound = quotas.holdsBack(agent);
    this.#keepOpenCandidates(agent, open, found);
    this.heldBack = bound && (special !== undefined || !limited.isEmpty() || !found.isEmpty());
    // Whom all of it is not enough, part of it is not either.
    const plain = this.#ownMinimums === 0 && isForAll(agent.free);
    if (bound && plain && !quotas.mayReach(agent, undefined, "all")) found.reset();
    else if (bound) this.#keepOpenCandidates(agent, quotas.capped(open, undefined, "all"), found);
    if (special !== undefined) found.union(special);
    found.union(limited);
    // Clients of a role stand together: most of those asked one after the other share its verdict.
    let unable: RoleQuota | undefined;
    return firstInOrder(this.#tree, found, (client) => {
      if (!limited.has(client.slot)) return true;
      const { quota } = client.queue.role.top;
      if (plain && (quota === unable || !quotas.mayReach(agent, quota, "all"))) {
        unable = quota;
        return false;
      }
      return this.#isCandidate(agent, client);
    });
  }

  /**
   * Of `found`, those below roles with quota that may be candidates. Each role may get another
   * part, so which of them are is looked at one by one, in fair order.
   */
  #limitedCandidates(agent: AgentRecord, open: Resources, found: BitSet): BitSet {
    const limited = this.#limited;
    limited.assign(found);
    limited.intersect(this.#quotas.clients);
    // What quota leaves is part of `open`; revocable resources it leaves alone.
    if (open.nonRevocable() !== open) return limited;
    const full = this.#part;
    full.assign(this.#quotas.full);
    if (this.#ownMinimums > 0) full.subtract(this.#ownMinimum);
    limited.subtract(full);
    removeFiltered(agent, open, limited);
    return limited;
  }

  /** Whether the client would be offered something its role's guarantees lack. */
  #helps(agent: AgentRecord, client: Client): boolean {
    const { quota } = client.queue.role.top;
    if (quota === undefined || !this.#quotas.couldHelp(agent, quota)) return false;
    const plain = client.minAllocatable === undefined && isForAll(agent.free);
    if (plain && !this.#quotas.mayReach(agent, quota, "guarantees")) return false;
    const offer = this.offer(client, agent, "guarantees");
    return this.#quotas.helps(offer, quota) && this.#wants(agent, client, offer);
  }

  /**
   * Takes clients in roles with reservations on the agent out of `found`; returns those that are
   * candidates.
   */
  #specialCandidates(agent: AgentRecord, found: BitSet): BitSet {
    const special = new BitSet();
    const visit = (role: RoleNode): void => {
      for (const client of role.queue?.clients.values() ?? []) {
        if (!found.clear(client.slot)) continue;
        if (this.#isCandidate(agent, client)) special.set(client.slot);
      }
      for (const child of role.children.values()) visit(child);
    };
    for (const name of agent.free.reservationRoles()) {
      const role = this.#tree.role(name);
      if (role !== undefined) visit(role);
    }
    return special;
  }

  #isCandidate(agent: AgentRecord, client: Client): boolean {
    return this.#wants(agent, client, this.offer(client, agent, "all"));
  }

  #wants(agent: AgentRecord, client: Client, offer: Resources): boolean {
    if (offer.isEmpty() || !this.isEnough(client, offer)) return false;
    const single = this.#single;
    single.set(client.slot);
    removeFiltered(agent, offer, single);
    return single.clear(client.slot);
  }

  /** Keeps of `found` those who want and may have the unreserved part. */
  #keepOpenCandidates(agent: AgentRecord, open: Resources, found: BitSet): void {
    const firm = open.nonRevocable();
    if (firm !== open) {
      const part = this.#part;
      part.assign(found);
      part.subtract(this.#takesRevocable);
      this.#keepWilling(agent, firm, part);
      found.intersect(this.#takesRevocable);
      this.#keepWilling(agent, open, found);
      found.union(part);
      return;
    }
    this.#keepWilling(agent, open, found);
  }

  #keepWilling(agent: AgentRecord, offer: Resources, clients: BitSet): void {
    if (offer.isEmpty()) {
      clients.reset();
      return;
    }
    const enough = isWorthOffering(offer, this.#minAllocatable);
    if (this.#ownMinimums > 0) this.#keepWithMinimum(offer, clients, enough);
    else if (!enough) clients.reset();
    removeFiltered(agent, offer, clients);
  }

  /** Keeps those to whom the offer is enough, by the allocator's minimum (`enough`) or their own. */
  #keepWithMinimum(offer: Resources, clients: BitSet, enough: boolean): void {
    const own = this.#own;
    own.assign(clients);
    own.intersect(this.#ownMinimum);
    if (!enough) clients.reset();
    own.forEach((slot) => {
      if (this.isEnough(this.#tree.clientAt(slot), offer)) clients.set(slot);
      else clients.clear(slot);
    });
  }
}

function setMember(set: BitSet, client: Client, member: boolean): void {
  if (member) set.set(client.slot);
  else set.clear(client.slot);
}
