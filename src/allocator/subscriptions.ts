/**
 * Frameworks and the roles they want offers in; who among them has to be considered for every agent
 * again.
 */
import { assert, present } from "../base/assert.ts";
import { BitSet } from "./bit-set.ts";
import type { CandidateFinder } from "./candidates.ts";
import type { ConstraintIndex } from "./constraint-index.ts";
import type { Client } from "./role-nodes.ts";
import type { RoleTree } from "./role-tree.ts";
import type { FrameworkSpec } from "./types.ts";

export interface FrameworkRecord {
  active: boolean;
  /** Subscriptions by role. */
  readonly clients: Map<string, Client>;
}

export class Subscriptions {
  readonly #tree: RoleTree;
  readonly #finder: CandidateFinder;
  readonly #constraints: ConstraintIndex;
  readonly #dropFilters: (client: Client) => void;
  readonly #frameworks = new Map<string, FrameworkRecord>();
  /** Clients to be considered for every agent with something free. */
  readonly fresh = new BitSet();
  anyFresh = false;

  constructor(
    tree: RoleTree,
    finder: CandidateFinder,
    constraints: ConstraintIndex,
    dropFilters: (client: Client) => void,
  ) {
    this.#tree = tree;
    this.#finder = finder;
    this.#constraints = constraints;
    this.#dropFilters = dropFilters;
  }

  find(frameworkId: string): FrameworkRecord | undefined {
    return this.#frameworks.get(frameworkId);
  }

  add(frameworkId: string, spec: FrameworkSpec): void {
    assert(!this.#frameworks.has(frameworkId), `Framework '${frameworkId}' is known already`);
    const framework: FrameworkRecord = { active: spec.active, clients: new Map() };
    this.#frameworks.set(frameworkId, framework);
    const suppressed = new Set(spec.suppressedRoles);
    for (const role of spec.roles) this.#subscribe(frameworkId, framework, role, spec, suppressed.has(role));
  }

  update(frameworkId: string, spec: Omit<FrameworkSpec, "active">): void {
    const framework = this.#get(frameworkId);
    // New ones first, so that a parent role they share with dropped ones lives on.
    const [roles, suppressed] = [new Set(spec.roles), new Set(spec.suppressedRoles)];
    for (const role of roles) this.#subscribe(frameworkId, framework, role, spec, suppressed.has(role));
    for (const [role, client] of [...framework.clients]) {
      if (!roles.has(role)) this.#unsubscribe(framework, client);
    }
  }

  remove(frameworkId: string): void {
    const framework = this.#get(frameworkId);
    for (const client of [...framework.clients.values()]) this.#unsubscribe(framework, client);
    this.#frameworks.delete(frameworkId);
  }

  setActive(frameworkId: string, active: boolean): void {
    const framework = this.#get(frameworkId);
    framework.active = active;
    for (const client of framework.clients.values()) {
      if (!active) this.#dropFilters(client);
      this.#renew(client);
    }
  }

  /** All roles when none is named; roles not subscribed to are passed over. */
  revive(frameworkId: string, roles: readonly string[] = []): void {
    for (const client of this.#clientsOf(frameworkId, roles)) {
      client.suppressed = false;
      this.#dropFilters(client);
      this.#renew(client);
    }
  }

  suppress(frameworkId: string, roles: readonly string[] = []): void {
    for (const client of this.#clientsOf(frameworkId, roles)) {
      client.suppressed = true;
      this.#renew(client);
    }
  }

  /** Whether a refusal by the client means anything. */
  takesFilters(client: Client): boolean {
    return client.subscribed && (this.#frameworks.get(client.name)?.active ?? false);
  }

  /** Lets go of a client that neither wants nor holds anything. */
  forgetIfUnused(client: Client): void {
    if (client.subscribed || client.agentsHeld > 0) return;
    this.#finder.forget(client);
    this.fresh.clear(client.slot);
    this.#tree.removeClient(client);
  }

  /** More clients to be considered: what `add` puts into the set, when it says that it did. */
  refresh(add: (fresh: BitSet) => boolean): void {
    if (add(this.fresh)) this.anyFresh = true;
  }

  /** Everyone was considered. */
  clearFresh(): void {
    if (!this.anyFresh) return;
    this.fresh.reset();
    this.anyFresh = false;
  }

  /** Also renews what a framework that is subscribed already may have. */
  #subscribe(
    frameworkId: string,
    framework: FrameworkRecord,
    role: string,
    spec: Omit<FrameworkSpec, "active">,
    suppressed: boolean,
  ): void {
    const client = this.#tree.ensureClient(frameworkId, role);
    framework.clients.set(role, client);
    // To lift a suppression is to revive (Mesos: HierarchicalAllocatorProcess::updateFramework).
    if (client.suppressed && !suppressed) this.#dropFilters(client);
    client.subscribed = true;
    client.suppressed = suppressed;
    this.#finder.setWishes(client, spec.capabilities, spec.minAllocatable?.get(role));
    this.#constraints.setClient(client, spec.constraints?.get(role));
    this.#renew(client);
  }

  #unsubscribe(framework: FrameworkRecord, client: Client): void {
    framework.clients.delete(client.queue.role.name);
    client.subscribed = false;
    client.suppressed = false;
    this.#constraints.setClient(client, undefined);
    this.#dropFilters(client);
    this.#renew(client);
    this.forgetIfUnused(client);
  }

  /** Something about the client changed: whether it wants offers, what it may have, or its filters went. */
  #renew(client: Client): void {
    const active = this.#frameworks.get(client.name)?.active ?? false;
    const eligible = client.subscribed && active && !client.suppressed;
    this.#tree.setEligible(client, eligible);
    this.#finder.setEligible(client, eligible);
    if (!eligible) return;
    this.fresh.set(client.slot);
    this.anyFresh = true;
  }

  #clientsOf(frameworkId: string, roles: readonly string[]): Client[] {
    const { clients } = this.#get(frameworkId);
    if (roles.length === 0) return [...clients.values()];
    return roles.flatMap((role) => clients.get(role) ?? []);
  }

  #get(frameworkId: string): FrameworkRecord {
    return present(
      this.#frameworks.get(frameworkId),
      `Framework '${frameworkId}' is unknown to the allocator`,
    );
  }
}
