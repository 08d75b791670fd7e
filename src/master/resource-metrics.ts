import type { Resources } from "../model/resources.ts";
import type { Leader } from "./leader.ts";

/** Agents in one step: a fraction of a millisecond. */
const AGENTS_PER_STEP = 100;
const RESOURCE_NAMES = ["cpus", "gpus", "mem", "disk"] as const;

/** Thousandths by name; revocable ones under `<name>_revocable`. */
class Sums {
  readonly #amounts = new Map<string, number>();

  add(resources: Resources | undefined): void {
    for (const { identity, amount } of resources?.entries ?? []) {
      if (typeof amount !== "number") continue;
      const name = identity.isRevocable ? `${identity.name}_revocable` : identity.name;
      this.#amounts.set(name, (this.#amounts.get(name) ?? 0) + amount);
    }
  }

  of(name: string): number {
    return this.#amounts.get(name) ?? 0;
  }
}

/**
 * Totals of registered agents, firm and revocable apart; offers count as used in `allocator/` only,
 * as in Mesos. What is neither free nor offered is used: looking at every task would take too long.
 */
export function* addResourceMetrics(metrics: Record<string, number>, leader: Leader): Generator<undefined> {
  const [total, free, offered] = [new Sums(), new Sums(), new Sums()];
  let seen = 0;
  for (const agent of leader.agents.values()) {
    if (++seen % AGENTS_PER_STEP === 0) yield;
    if (!agent.inAllocator || agent.recovered) continue;
    total.add(agent.total);
    free.add(leader.allocator.free(agent.id));
    for (const id of agent.offerIds) offered.add(leader.offers.get(id)?.resources);
  }
  const used = (name: string): number => Math.max(0, total.of(name) - free.of(name) - offered.of(name));
  for (const name of RESOURCE_NAMES.flatMap((plain) => [plain, `${plain}_revocable`])) {
    metrics[`master/${name}_total`] = total.of(name) / 1000;
    metrics[`master/${name}_used`] = used(name) / 1000;
    metrics[`master/${name}_percent`] = total.of(name) === 0 ? 0 : used(name) / total.of(name);
  }
  for (const name of RESOURCE_NAMES) {
    if (name === "gpus") continue;
    const revocable = `${name}_revocable`;
    const taken = used(name) + used(revocable) + offered.of(name) + offered.of(revocable);
    metrics[`allocator/mesos/resources/${name}/total`] = (total.of(name) + total.of(revocable)) / 1000;
    metrics[`allocator/mesos/resources/${name}/offered_or_allocated`] = taken / 1000;
  }
}
