import type { Resources } from "../model/resources.ts";
import type { AgentRecord } from "./agent-record.ts";
import type { Stage } from "./quota-book.ts";
import type { Client } from "./role-nodes.ts";
import type { Allocation } from "./types.ts";

/**
 * What one allocation hands out. A client that got a part of an agent for its
 * guarantees, and then more of it, gets both in one piece.
 */
export class GivenOffers {
  readonly allocations: Allocation[] = [];
  /** Places in `allocations` of what was given for guarantees. */
  readonly #guaranteed = new Map<AgentRecord, Map<Client, number>>();

  add(agent: AgentRecord, client: Client, resources: Resources, stage: Stage): void {
    const places = this.#guaranteed.get(agent);
    const place = places?.get(client);
    const before = place === undefined ? undefined : this.allocations[place];
    if (before !== undefined && place !== undefined) {
      this.allocations[place] = { ...before, resources: before.resources.add(resources) };
      return;
    }
    if (stage === "guarantees") {
      if (places === undefined) this.#guaranteed.set(agent, new Map([[client, this.allocations.length]]));
      else places.set(client, this.allocations.length);
    }
    this.allocations.push({
      frameworkId: client.name,
      role: client.queue.role.name,
      agentId: agent.id,
      resources,
    });
  }
}
