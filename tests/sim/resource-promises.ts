/** Used and offered resources of an agent never exceed what it has, and all of them come back. */
import { plannedTotal } from "../../src/master/agent-resources.ts";
import { asRegistered, checkpointedPart } from "../../src/model/checkpointed-resources.ts";
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
      const total = plannedTotal(agent);
      // A launch whose reservation was just refused holds it until its own refusal comes.
      const held = [...agent.holdings.values()]
        .filter(({ pending, resources }) => !pending || checkpointedPart(resources).isEmpty())
        .map(({ resources }) => resources);
      for (const { resources } of agent.executors.values()) held.push(resources);
      for (const { heldBack } of agent.changes.values()) held.push(heldBack?.resources ?? Resources.EMPTY);
      for (const id of agent.offerIds) held.push(leader.offers.get(id)?.resources ?? Resources.EMPTY);
      const taken = Resources.sum(held);
      const own = Resources.from(agent.info.resources ?? []);
      if (!own.ok || !asRegistered(agent.total).equals(own.value)) {
        throw new Violation(
          `Agent ${agent.id} has ${agent.total}, of what it registered ${agent.info.resources}`,
        );
      }
      // Any number may hold a shared volume.
      const exclusive = taken.filter(({ isShared }) => !isShared);
      const present = new Set(total.entries.map(({ identity }) => identity.key));
      const there = taken.entries.every(({ identity }) => !identity.isShared || present.has(identity.key));
      if (there && total.contains(exclusive)) continue;
      throw new Violation(`Agent ${agent.id} has ${total}, used and offered are ${taken}`);
    }
  }

  /** What is still taken although no task is left and nobody wants offers; undefined when nothing is. */
  leftOver(master: SimMaster): string | undefined {
    const leader = master.node?.core.leader;
    if (leader === undefined) return "no leader";
    for (const agent of leader.agents.values()) {
      if (agent.holdings.size > 0)
        return `agent ${agent.id} still holds ${[...agent.holdings.values()].map((held) => held.taskId)}`;
      if ([...agent.executors.values()].length > 0) return `agent ${agent.id} still holds executors`;
      if (agent.offerIds.size > 0) return `agent ${agent.id} is still offered`;
      if (agent.changes.size > 0) return `agent ${agent.id} still changes`;
      if (agent.kills.size > 0) return `agent ${agent.id} still has kills ${[...agent.kills.keys()]}`;
    }
    for (const { role, allocated } of leader.allocator.roles()) {
      for (const [name, milli] of allocated) {
        if (milli > 0) return `the allocator still counts ${milli / 1000} ${name} for role ${role}`;
      }
    }
    for (const { operationId } of leader.registry.operations()) return `operation ${operationId} is kept`;
    if (leader.operating.size > 0) return "operations are still under way";
    if (leader.launching.size > 0) return "launches are still under way";
    return leader.completions.size > 0 ? "completions are still under way" : undefined;
  }
}
