/**
 * Agents on which something that someone wants is kept back for guarantees.
 * They are looked at again as soon as there is more to share, wherever it came
 * from; a cluster may hold back thousands of them for long, so it is asked
 * first whether what there is to share is worth an offer at all.
 */
import type { AgentRecord } from "./agent-record.ts";
import type { QuotaBook } from "./quota-book.ts";

export class HeldAgents {
  readonly #quotas: QuotaBook;
  readonly #agents = new Set<AgentRecord>();
  /** Surplus at the end of the last allocation, by resource index. */
  #seen: readonly number[] = [];

  constructor(quotas: QuotaBook) {
    this.#quotas = quotas;
  }

  /**
   * `plain`: who has no part in a guarantee can be offered nothing but what is unreserved and not revocable.
   */
  add(agent: AgentRecord, plain: boolean): void {
    agent.heldPlain = plain;
    this.#agents.add(agent);
  }

  forget(agent: AgentRecord): void {
    this.#agents.delete(agent);
  }

  /**
   * Hands on the agents to look at again. `plain`: everyone who wants offers shares the allocator's
   * smallest one and has no part in a guarantee that is not met.
   */
  take(plain: boolean, visit: (agent: AgentRecord) => void): void {
    if (!this.#seen.some((seen, index) => this.#quotas.surplus(index) > seen)) return;
    const few = plain && !this.#quotas.surplusReaches;
    for (const agent of this.#agents) {
      if (few && agent.heldPlain) continue;
      this.#agents.delete(agent);
      agent.heldOnly = agent.heldPlain && !agent.noted;
      visit(agent);
    }
    this.settle();
  }

  /**
   * Whether a visit that is due to more surplus alone can be left out: others took it. Then it stays held.
   */
  skips(agent: AgentRecord, plain: boolean): boolean {
    if (!plain || !agent.heldOnly || this.#quotas.mayReach(agent, undefined, "all")) return false;
    this.#agents.add(agent);
    return true;
  }

  /** The end of an allocation. */
  settle(): void {
    this.#seen = this.#quotas.surpluses();
  }
}
