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

/** All clients with equal constraints. */
interface Kind {
  readonly constraints: RoleConstraints;
  readonly clients: BitSet;
  count: number;
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

  /** By client: the slots of the agents that its constraints exclude. */
  exclusions(clientAt: (slot: number) => Client): Map<Client, BitSet> {
    const byClient = new Map<Client, BitSet>();
    for (const { clients, excluded } of this.#kinds.values()) {
      clients.forEach((slot) => {
        byClient.set(clientAt(slot), excluded);
      });
    }
    return byClient;
  }

  #join(client: Client, constraints: RoleConstraints): void {
    let kind = this.#kinds.get(constraints.key);
    if (kind === undefined) {
      kind = { constraints, clients: new BitSet(), count: 0, excluded: new BitSet() };
      this.#kinds.set(constraints.key, kind);
      for (const agent of this.#agents) if (agent !== undefined) this.#evaluate(kind, agent);
    }
    kind.clients.set(client.slot);
    kind.count++;
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
    kind.count--;
    if (kind.count === 0) this.#kinds.delete(key);
  }

  #evaluate(kind: Kind, agent: AgentRecord): boolean {
    const excluded = !kind.constraints.accepts(agent.facts);
    if (excluded) kind.excluded.set(agent.slot);
    else kind.excluded.clear(agent.slot);
    return excluded;
  }
}
