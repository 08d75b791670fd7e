/** One agent: what it has, who holds what of it, and why it is to be looked at again. */
import { assert } from "../base/assert.ts";
import { Resources } from "../model/resources.ts";
import { BitSet } from "./bit-set.ts";
import type { FilterCohort } from "./filters.ts";
import type { AgentFacts } from "./offer-constraints.ts";
import type { Client } from "./role-nodes.ts";
import type { Vector } from "./share.ts";
import { anyExclusive, anyShared, exclusivePart, sharedPart } from "./shared-volumes.ts";

export class AgentRecord {
  readonly slot: number;
  readonly id: string;
  /** Number of agents added before it; what the order of visits is made from. */
  readonly sequence: number;
  active: boolean;
  total = Resources.EMPTY;
  hasGpus = false;
  /** What offer constraints look at. */
  facts: AgentFacts = { hostname: "" };
  /** It is in another region than the masters. */
  remote = false;
  /** Clients whose offer constraints the agent fails; kept by ConstraintIndex. */
  readonly excludes = new BitSet();
  /**
   * Total without what is held; shared volumes stay, but for the rest of a visit that has given them away.
   */
  free = Resources.EMPTY;
  /** It has, or had, shared volumes. */
  #shares = false;
  /** Those given away in this visit. */
  #given = Resources.EMPTY;
  /** What each client holds, offered or in use; never empty amounts. */
  readonly held = new Map<Client, Resources>();
  /** More is held than there is: the total shrank, or came with less than was in use. */
  overcommitted = false;
  /** What of `free` counts as headroom, while some role has quota and the agent is active. */
  open: Vector | undefined;
  /** See HeldAgents: what it holds back is plain; it is visited for more surplus alone. */
  heldPlain = false;
  heldOnly = false;
  readonly cohorts: FilterCohort[] = [];

  /** Everyone is to be considered for it. */
  stale = false;
  /** Clients to be considered for it, beside those who are new everywhere: their filters ended. */
  readonly woken = new BitSet();
  anyWoken = false;
  /** In the allocator's list of agents to visit. */
  noted = false;
  /** In the allocator's list of agents that may have something free. */
  listed = false;
  removed = false;

  constructor(slot: number, id: string, sequence: number, active: boolean) {
    this.slot = slot;
    this.id = id;
    this.sequence = sequence;
    this.active = active;
  }

  /** Whether there is anything to hand out. */
  get isOpen(): boolean {
    if (!this.active || this.removed) return false;
    return this.#shares ? anyExclusive(this.free) : !this.free.isEmpty();
  }

  setTotal(total: Resources): void {
    this.total = total;
    this.hasGpus = total.milli("gpus") > 0;
    this.#shares ||= anyShared(total);
    this.#recount();
  }

  /** Takes resources for a client. True when it held none before. */
  hold(client: Client, resources: Resources): boolean {
    const before = this.held.get(client);
    this.held.set(client, before === undefined ? resources : before.add(resources));
    this.#shares ||= anyShared(resources);
    const own = this.#shares ? exclusivePart(resources) : resources;
    if (this.overcommitted || !this.free.contains(own)) this.#recount();
    else this.free = this.free === own ? Resources.EMPTY : this.free.subtract(own);
    return before === undefined;
  }

  /** Gives back what a client held. True when it holds none any more. */
  release(client: Client, resources: Resources): boolean {
    const before = this.held.get(client) ?? Resources.EMPTY;
    if (before !== resources && !before.contains(resources)) {
      const holder = `Framework '${client.name}' in role '${client.queue.role.name}'`;
      assert(false, `${holder} holds ${before} on agent '${this.id}', less than ${resources} given back`);
    }
    const left = before === resources ? Resources.EMPTY : before.subtract(resources);
    if (left.isEmpty()) this.held.delete(client);
    else this.held.set(client, left);
    if (this.overcommitted) this.#recount();
    else this.free = this.free.add(this.#shares ? exclusivePart(resources) : resources);
    return left.isEmpty();
  }

  /** Keeps shared volumes just given from being given again in this visit. */
  giveShared(given: Resources): void {
    if (!this.#shares) return;
    this.#given = this.#given.add(sharedPart(given));
    this.free = this.free.subtract(this.#given);
  }

  /** Free, and not shared with anyone either. */
  get unheld(): Resources {
    if (!this.#shares) return this.free;
    return this.free.subtract(sharedPart(Resources.sum(this.held.values())));
  }

  /** Nothing to look at any more; true when it is to be looked at again, for its shared volumes are back. */
  visited(): boolean {
    this.noted = false;
    this.stale = false;
    this.heldOnly = false;
    if (this.anyWoken) {
      this.anyWoken = false;
      this.woken.reset();
    }
    if (this.#given.isEmpty()) return false;
    this.#given = Resources.EMPTY;
    this.#recount();
    return this.isOpen;
  }

  #recount(): void {
    const held = Resources.sum(this.held.values());
    const own = this.#shares ? exclusivePart(held) : held;
    this.overcommitted = !this.total.contains(own);
    this.free = this.total.subtract(own).subtract(this.#given);
  }
}
