/**
 * The nodes of the role tree (role-tree.ts): roles, the frameworks of one role, one framework in
 * one role.
 */
import { BitSet } from "./bit-set.ts";
import type { RoleConstraints } from "./offer-constraints.ts";
import { OrderedSlots } from "./ordered-slots.ts";
import type { MinAllocatable } from "./quantities.ts";
import type { RoleQuota } from "./role-quota.ts";
import { FairNode } from "./share.ts";

/** Resources that only frameworks that ask for them are offered. */
export interface Takes {
  /** Agents that have GPUs. */
  readonly gpus: boolean;
  readonly revocable: boolean;
  readonly shared: boolean;
  /** Resources with more than one reservation. */
  readonly refined: boolean;
  /** Agents in other regions. */
  readonly remote: boolean;
}

const NOTHING_SPECIAL: Takes = {
  gpus: false,
  revocable: false,
  shared: false,
  refined: false,
  remote: false,
};

/**
 * One framework in one role: what offers go to. Its name is the framework's
 * id. It outlives its subscription for as long as it holds resources.
 */
export class Client extends FairNode {
  readonly queue: RoleQueue;
  subscribed = false;
  suppressed = false;
  /** What its framework's capabilities let it have. */
  takes: Takes = NOTHING_SPECIAL;
  /** Smallest offer it wants, when not the allocator's. */
  minAllocatable: MinAllocatable | undefined;
  /** What an agent must be like; set by ConstraintIndex alone. */
  constraints: RoleConstraints | undefined;
  /** Subscribed, active and not suppressed: it wants offers and is in the fair order. */
  eligible = false;
  /** Agents on which it holds resources. */
  agentsHeld = 0;
  /** Slots of agents that may have a filter of it; never misses one, may name too many. */
  readonly filteredAgents = new BitSet();

  constructor(slot: number, frameworkId: string, queue: RoleQueue) {
    super(slot, frameworkId);
    this.queue = queue;
  }
}

/** The frameworks of exactly one role. */
export class RoleQueue extends FairNode {
  readonly role: RoleNode;
  /** All clients of the role, by framework id. */
  readonly clients = new Map<string, Client>();
  /** Those that want offers. */
  readonly order: OrderedSlots<Client>;
  /** From the topmost role down to this queue: what is compared with another queue's, place by place. */
  readonly path: readonly FairNode[];

  constructor(slot: number, role: RoleNode, clientTable: readonly (Client | undefined)[]) {
    super(slot, `${role.name}/.`);
    this.role = role;
    this.order = new OrderedSlots(clientTable);
    const path: FairNode[] = [this];
    for (let node: RoleNode = role; node.parent !== undefined; node = node.parent) path.unshift(node);
    this.path = path;
  }
}

export type Sibling = RoleNode | RoleQueue;

/** One role of the tree; its name is the whole path. The root has no parent. */
export class RoleNode extends FairNode {
  readonly parent: RoleNode | undefined;
  readonly children = new Map<string, RoleNode>();
  queue: RoleQueue | undefined;
  /** Children, and the own queue, below which someone wants offers. */
  readonly order: OrderedSlots<Sibling>;
  /** Clients in this subtree that want offers. */
  eligible = 0;
  /** Quota of a topmost role. */
  quota: RoleQuota | undefined;
  /** The topmost role above it, or itself. */
  readonly top: RoleNode;

  constructor(
    slot: number,
    name: string,
    parent: RoleNode | undefined,
    table: readonly (Sibling | undefined)[],
  ) {
    super(slot, name);
    this.parent = parent;
    this.top = parent?.parent === undefined ? this : parent.top;
    this.order = new OrderedSlots(table);
  }
}
