/**
 * Roles as a tree (`eng/build` is below `eng`) with the frameworks at its
 * leaves, every level in fair order: siblings compete by the share of their
 * whole subtree, then frameworks within the role.
 *
 *     root ── eng ── eng/build ── (own) ── framework X
 *          │      └─ (own) ────────────── framework Y in role eng
 *          └─ * ── (own) ──────────────── framework Z in role *
 *
 * A role's own frameworks form one sibling beside its child roles: `(own)`,
 * Mesos' virtual leaf `eng/.`, of weight 1. It is there for every role, alone
 * when the role has no children. Only what wants offers is in an order.
 */
import { assert } from "../base/assert.ts";
import type { Resources } from "../model/resources.ts";
import { Lots } from "./lots.ts";
import type { ScalarQuantities } from "./quantities.ts";
import { Client, RoleNode, RoleQueue, type Sibling } from "./role-nodes.ts";
import type { ClusterTotals, FairNode } from "./share.ts";
import { SlotTable } from "./slot-table.ts";

export class RoleTree {
  readonly #totals: ClusterTotals;
  readonly #siblings = new SlotTable<Sibling>();
  readonly #clients = new SlotTable<Client>();
  readonly #roles = new Map<string, RoleNode>();
  readonly root: RoleNode;
  /** How siblings are compared; the orders of the nodes are always by share. */
  readonly lots: Lots;
  /** `totals.version` the shares were computed under. */
  #version = 0;

  constructor(totals: ClusterTotals, lots = new Lots("drf", "drf")) {
    this.#totals = totals;
    this.lots = lots;
    this.root = this.#siblings.add((slot) => new RoleNode(slot, "", undefined, this.#siblings.items));
  }

  role(name: string): RoleNode | undefined {
    return this.#roles.get(name);
  }

  /** Every role known, parents included; in no order. */
  roles(): IterableIterator<RoleNode> {
    return this.#roles.values();
  }

  clientAt(slot: number): Client {
    const client = this.#clients.items[slot];
    assert(client !== undefined, "There is a client at the slot");
    return client;
  }

  client(frameworkId: string, role: string): Client | undefined {
    return this.#roles.get(role)?.queue?.clients.get(frameworkId);
  }

  ensureClient(frameworkId: string, roleName: string): Client {
    const role = this.ensureRole(roleName);
    const queue = this.#ensureQueue(role);
    const known = queue.clients.get(frameworkId);
    if (known !== undefined) return known;
    const client = this.#clients.add((slot) => new Client(slot, frameworkId, queue));
    queue.clients.set(frameworkId, client);
    return client;
  }

  /** Forgets a client that holds nothing and wants nothing, and roles left without meaning. */
  removeClient(client: Client): void {
    assert(!client.eligible && client.agentsHeld === 0, `Client '${client.name}' is still in use`);
    const role = client.queue.role;
    client.queue.clients.delete(client.name);
    this.#clients.remove(client.slot);
    if (client.queue.clients.size === 0) {
      this.#siblings.remove(client.queue.slot);
      role.queue = undefined;
    }
    this.#prune(role);
  }

  setWeight(roleName: string, weight: number): void {
    assert(
      weight > 0 && Number.isFinite(weight),
      `Weight of role '${roleName}' must be above 0, got ${weight}`,
    );
    const role = this.ensureRole(roleName);
    role.weight = weight;
    this.#totals.refresh(role);
    if (role.eligible > 0) role.parent?.order.changed(role.slot);
    this.#prune(role);
  }

  /** What a client, queue or role holds, by name. */
  quantities(node: FairNode): ScalarQuantities {
    return this.#totals.quantities(node);
  }

  /** Puts the client into, or takes it out of, the orders. */
  setEligible(client: Client, eligible: boolean): void {
    if (client.eligible === eligible) return;
    client.eligible = eligible;
    const queue = client.queue;
    if (eligible) queue.order.add(client.slot);
    else queue.order.remove(client.slot);
    const queueWas = queue.order.length - (eligible ? 1 : -1) > 0;
    const queueIs = queue.order.length > 0;
    if (queueWas !== queueIs) this.#setMember(queue.role, queue, queueIs);
    for (let node: RoleNode | undefined = queue.role; node !== undefined; node = node.parent) {
      const was = node.eligible > 0;
      node.eligible += eligible ? 1 : -1;
      const is = node.eligible > 0;
      if (was !== is && node.parent !== undefined) this.#setMember(node.parent, node, is);
    }
  }

  /** The client and everything above it hold more (`sign` 1) or less (-1). */
  charge(client: Client, resources: Resources, sign: 1 | -1): void {
    const vector = this.#totals.vectorOf(resources);
    this.#totals.charge(client, vector, sign);
    if (client.eligible) client.queue.order.changed(client.slot);
    for (const node of client.queue.path) this.#totals.charge(node, vector, sign);
    this.#noteChangedPath(client.queue);
  }

  /** The client was chosen by an allocation. */
  choose(client: Client): void {
    client.chosen++;
    for (const node of client.queue.path) node.chosen++;
    if (client.eligible) client.queue.order.changed(client.slot);
    this.#noteChangedPath(client.queue);
  }

  /** Renews all shares after the cluster grew or shrank; nothing to do otherwise. */
  refresh(): void {
    if (this.#version === this.#totals.version) return;
    this.#version = this.#totals.version;
    for (const client of this.#clients.items) if (client !== undefined) this.#totals.refresh(client);
    for (const sibling of this.#siblings.items) {
      if (sibling === undefined) continue;
      this.#totals.refresh(sibling);
      sibling.order.changedAll();
    }
  }

  ensureRole(name: string): RoleNode {
    const known = this.#roles.get(name);
    if (known !== undefined) return known;
    const slash = name.lastIndexOf("/");
    const parent = slash < 0 ? this.root : this.ensureRole(name.slice(0, slash));
    const role = this.#siblings.add((slot) => new RoleNode(slot, name, parent, this.#siblings.items));
    parent.children.set(name, role);
    this.#roles.set(name, role);
    return role;
  }

  #ensureQueue(role: RoleNode): RoleQueue {
    if (role.queue === undefined) {
      role.queue = this.#siblings.add((slot) => new RoleQueue(slot, role, this.#clients.items));
    }
    return role.queue;
  }

  #setMember(parent: RoleNode, sibling: Sibling, member: boolean): void {
    if (member) parent.order.add(sibling.slot);
    else parent.order.remove(sibling.slot);
  }

  #noteChangedPath(queue: RoleQueue): void {
    if (queue.order.length > 0) queue.role.order.changed(queue.slot);
    for (let node = queue.role; node.parent !== undefined; node = node.parent) {
      if (node.eligible > 0) node.parent.order.changed(node.slot);
    }
  }

  /** Lets go of a role that means nothing any more. */
  forgetIfUnused(role: RoleNode): void {
    this.#prune(role);
  }

  #prune(role: RoleNode): void {
    const parent = role.parent;
    const leaf = role.queue === undefined && role.children.size === 0;
    if (parent === undefined || !leaf || role.weight !== 1 || role.quota !== undefined) return;
    parent.children.delete(role.name);
    this.#roles.delete(role.name);
    this.#siblings.remove(role.slot);
    this.#prune(parent);
  }
}
