/** Inverse offers that a framework has and did not answer: at most one for each agent. */
import type { Random } from "../../src/base/random.ts";
import type { InverseOffer } from "../../src/model/v1/offers.ts";
import type { SchedulerCall } from "../../src/model/v1/scheduler.ts";

export class InverseOffers {
  readonly #owner: string;
  /** Offer id by agent. */
  readonly #open = new Map<string, string>();

  constructor(owner: string) {
    this.#owner = owner;
  }

  /** A new stream: what an older one brought is void. */
  clear(): void {
    this.#open.clear();
  }

  /** Takes new ones; the call that answers them, or undefined when the scheduler lets them lie. */
  take(offers: readonly InverseOffer[], random: Random): SchedulerCall | undefined {
    for (const { id, agent_id } of offers) {
      const agentId = agent_id?.value ?? "";
      const before = this.#open.get(agentId);
      if (before !== undefined) {
        throw new Error(`${this.#owner} got inverse offer ${id.value} for ${agentId}, and has ${before}`);
      }
      this.#open.set(agentId, id.value);
    }
    if (random.chance(0.3)) return undefined;
    for (const { agent_id } of offers) this.#open.delete(agent_id?.value ?? "");
    const answer = {
      inverse_offer_ids: offers.map(({ id }) => id),
      filters: { refuse_seconds: random.below(4) },
    };
    return random.chance(0.5)
      ? { type: "ACCEPT_INVERSE_OFFERS", accept_inverse_offers: answer }
      : { type: "DECLINE_INVERSE_OFFERS", decline_inverse_offers: answer };
  }

  rescind(id: string): void {
    for (const [agentId, open] of this.#open) if (open === id) this.#open.delete(agentId);
  }
}
