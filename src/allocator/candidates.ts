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
import { removeFiltered } from "./filters.ts";
import { isWorthOffering, type MinAllocatable } from "./quantities.ts";
import type { Client, RoleNode } from "./role-nodes.ts";
import type { RoleTree } from "./role-tree.ts";

/** Whether everyone may have all of it: nothing reserved, revocable or shared. */
function isForAll(resources: Resources): boolean {
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
  readonly #minAllocatable: MinAllocatable;
  readonly #filterGpuResources: boolean;
  /** Clients that want offers. */
  readonly #eligible = new BitSet();
  readonly #takesGpus = new BitSet();
  readonly #takesRevocable = new BitSet();
  /** Clients with a smallest offer of their own. */
  readonly #ownMinimum = new BitSet();
  /** How many have one. */
  #ownMinimums = 0;
  readonly #found = new BitSet();
  readonly #part = new BitSet();
  readonly #own = new BitSet();
  readonly #single = new BitSet();

  constructor(tree: RoleTree, minAllocatable: MinAllocatable, filterGpuResources: boolean) {
    this.#tree = tree;
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
    };
    this.#countOwnMinimum(client, minAllocatable !== undefined);
    client.minAllocatable = minAllocatable;
    setMember(this.#takesGpus, client, client.takes.gpus);
    setMember(this.#takesRevocable, client, client.takes.revocable);
  }

  setEligible(client: Client, eligible: boolean): void {
    setMember(this.#eligible, client, eligible);
  }

  /** The client's slot is about to be given to another. */
  forget(client: Client): void {
    this.#countOwnMinimum(client, false);
    for (const set of [this.#eligible, this.#takesGpus, this.#takesRevocable]) set.clear(client.slot);
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
    return isWorthOffering(offer, client.minAllocatable ?? this.#minAllocatable);
  }

  /**
   * The candidates for what is free on the agent now, among `scope` or
   * (undefined) all clients. The set is valid until the next call.
   */
  find(agent: AgentRecord, scope: BitSet | undefined): BitSet {
    const found = this.#found;
    if (agent.free.isEmpty()) {
      found.reset();
      return found;
    }
    found.assign(this.#eligible);
    if (scope !== undefined) found.intersect(scope);
    found.subtract(agent.excludes);
    if (this.#filterGpuResources && agent.hasGpus) found.intersect(this.#takesGpus);
    if (isForAll(agent.free)) {
      this.#keepWilling(agent, agent.free, found);
      return found;
    }
    const open = agent.free.unreserved();
    const special = open === agent.free ? undefined : this.#specialCandidates(agent, found);
    this.#keepOpenCandidates(agent, open, found);
    if (special !== undefined) found.union(special);
    return found;
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
    for (const name of agent.free.reservations().keys()) {
      const role = this.#tree.role(name);
      if (role !== undefined) visit(role);
    }
    return special;
  }

  #isCandidate(agent: AgentRecord, client: Client): boolean {
    const offer = offerFor(client, agent.free);
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
