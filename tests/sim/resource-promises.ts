/** Used and offered resources of an agent never exceed what it has, and all of them come back. */
import { Resources } from "../../src/model/resources.ts";
import type { SimMaster } from "./sim-master.ts";
import { Violation } from "./violation.ts";

/** The books are looked through after one turn of a leader in so many. */
const EVERY_TURNS = 16;

export class ResourcePromises {
  #turns = 0;

  turned(master: SimMaster): void {
    const leader = master.node?.core.leader;
    if (leader === undefined || this.#turns++ % EVERY_TURNS !== 0) return;
    leader.allocator.assertConsistent();
    for (const agent of leader.agents.values()) {
      if (!agent.inAllocator) continue;
      const held = [...agent.holdings.values()].map(({ resources }) => resources);
      for (const id of agent.offerIds) held.push(leader.offers.get(id)?.resources ?? Resources.EMPTY);
      const taken = Resources.sum(held);
      if (agent.total.contains(taken)) continue;
      throw new Violation(`Agent ${agent.id} has ${agent.total}, used and offered are ${taken}`);
    }
  }

  /** What is still taken although no task is left and nobody wants offers; undefined when nothing is. */
  leftOver(master: SimMaster): string | undefined {
    const leader = master.node?.core.leader;
    if (leader === undefined) return "no leader";
    for (const agent of leader.agents.values()) {
      if (agent.holdings.size > 0) return `agent ${agent.id} still holds ${[...agent.holdings.keys()]}`;
      if (agent.offerIds.size > 0) return `agent ${agent.id} is still offered`;
      if (agent.kills.size > 0) return `agent ${agent.id} still has kills ${[...agent.kills.keys()]}`;
    }
    for (const { role, allocated } of leader.allocator.roles()) {
      for (const [name, milli] of allocated) {
        if (milli > 0) return `the allocator still counts ${milli / 1000} ${name} for role ${role}`;
      }
    }
    if (leader.launching.size > 0) return "launches are still under way";
    return leader.completions.size > 0 ? "completions are still under way" : undefined;
  }
}
