/**
 * Which agents the offer constraints keep from whom: one bit for each client
 * on each agent, so that an allocation asks no constraint. A constraint is
 * evaluated when an agent comes or changes its attributes, and when it is the
 * first of its kind; clients with equal constraints share the evaluation.
 */
import type { AgentRecord } from "./agent-record.ts";
import { BitSet } from "./bit-set.ts";
import type { RoleConstraints } from "./offer-constraints.ts";
import type { Client } from "./role-nodes.ts";
import type { Exclusion } from "./types.ts";

/** All clients with equal constraints. */
interface Kind {
  readonly constraints: RoleConstraints;
  readonly clients: BitSet;
  /** Slots of agents that the constraints exclude. */
  readonly excluded: BitSet;
}

export class ConstraintIndex {
  readonly #kinds = new Map<string, Kind>();
  readonly #agents: readonly (AgentRecord | undefined)[];

  /** `agents` by slot. */
  constructor(agents: readonly (AgentRecord | undefined)[]) {
    this.#agents = agents;
  }

  /**
   * Gives the client other constraints, or none. Agents it does not fit any more are kept from it at once.
   */
  setClient(client: Client, constraints: RoleConstraints | undefined): void {
    const before = client.constraints;
    client.constraints = constraints;
    if (before?.key === constraints?.key) return;
    if (before !== undefined) this.#leave(client, before.key);
    if (constraints !== undefined) this.#join(client, constraints);
  }

  /** The agent is new or its attributes may have changed. */
  agentChanged(agent: AgentRecord): void {
    agent.excludes.reset();
    for (const kind of this.#kinds.values()) {
      if (this.#evaluate(kind, agent)) agent.excludes.union(kind.clients);
    }
  }

  /** What its constraints keep from each client that has some. */
  exclusions(clientAt: (slot: number) => Client): Exclusion[] {
    const exclusions: Exclusion[] = [];
    for (const { clients, excluded } of this.#kinds.values()) {
      const agentIds: string[] = [];
      excluded.forEach((slot) => {
        const agent = this.#agents[slot];
        if (agent !== undefined) agentIds.push(agent.id);
      });
      agentIds.sort();
      clients.forEach((slot) => {
        const client = clientAt(slot);
        exclusions.push({ frameworkId: client.name, role: client.queue.role.name, agentIds });
      });
    }
    return exclusions;
  }

  #join(client: Client, constraints: RoleConstraints): void {
    let kind = this.#kinds.get(constraints.key);
    if (kind === undefined) {
      kind = { constraints, clients: new BitSet(), excluded: new BitSet() };
      this.#kinds.set(constraints.key, kind);
      for (const agent of this.#agents) if (agent !== undefined) this.#evaluate(kind, agent);
    }
    kind.clients.set(client.slot);
    kind.excluded.forEach((slot) => {
      this.#agents[slot]?.excludes.set(client.slot);
    });
  }

  #leave(client: Client, key: string): void {
    const kind = this.#kinds.get(key);
    if (kind === undefined) return;
    kind.excluded.forEach((slot) => {
      this.#agents[slot]?.excludes.clear(client.slot);
    });
    kind.clients.clear(client.slot);
    if (kind.clients.isEmpty()) this.#kinds.delete(key);
  }

  #evaluate(kind: Kind, agent: AgentRecord): boolean {
    const excluded = !kind.constraints.accepts(agent.facts);
    if (excluded) kind.excluded.set(agent.slot);
    else kind.excluded.clear(agent.slot);
    return excluded;
  }
}
