import type { Unavailability } from "../model/v1/ids.ts";
import type { InverseOfferStatusStatus } from "../model/v1/maintenance.ts";

/** Asks a framework to leave an agent before a maintenance window. */
export interface InverseOffer {
  readonly id: string;
  readonly frameworkId: string;
  readonly agentId: string;
  readonly unavailability: Unavailability;
}

export interface InverseOfferAnswer {
  readonly status: InverseOfferStatusStatus;
  readonly atMs: number;
}

/**
 * Inverse offers that are out, how frameworks answered, and until when they want no other. A
 * leader's memory: a new one asks again (as in Mesos, where the allocator keeps it).
 */
export class InverseOfferBook {
  readonly #offers = new Map<string, InverseOffer>();
  /** Offer id by {@link pairOf}. */
  readonly #ofPair = new Map<string, string>();
  readonly #filtered = new Set<string>();
  readonly #answers = new Map<string, Map<string, InverseOfferAnswer>>();
  readonly #agentIds = new Set<string>();
  /** Somebody may be to be asked: the turn's end looks. */
  due = false;

  /** Agents with a maintenance window. */
  get agentIds(): ReadonlySet<string> {
    return this.#agentIds;
  }

  /** An agent got a window, lost it, or came with one. */
  watch(agentId: string, unavailability: Unavailability | undefined): void {
    if (unavailability === undefined) {
      this.forgetAgent(agentId);
      return;
    }
    this.#agentIds.add(agentId);
    this.due = true;
  }

  get(id: string): InverseOffer | undefined {
    return this.#offers.get(id);
  }

  onAgent(agentId: string): InverseOffer[] {
    return [...this.#offers.values()].filter((offer) => offer.agentId === agentId);
  }

  ofFramework(frameworkId: string): InverseOffer[] {
    if (this.#offers.size === 0) return [];
    return [...this.#offers.values()].filter((offer) => offer.frameworkId === frameworkId);
  }

  /** How each framework answered that was asked about the agent. */
  answersOn(agentId: string): ReadonlyMap<string, InverseOfferAnswer> {
    return this.#answers.get(agentId) ?? new Map();
  }

  mayAsk(frameworkId: string, agentId: string): boolean {
    const pair = pairOf(frameworkId, agentId);
    return !this.#ofPair.has(pair) && !this.#filtered.has(pair);
  }

  add(offer: InverseOffer, atMs: number): void {
    this.#offers.set(offer.id, offer);
    this.#ofPair.set(pairOf(offer.frameworkId, offer.agentId), offer.id);
    const answers = this.#answersOf(offer.agentId);
    if (!answers.has(offer.frameworkId)) answers.set(offer.frameworkId, { status: "UNKNOWN", atMs });
  }

  /** It is out no longer. */
  remove({ id, frameworkId, agentId }: InverseOffer): void {
    this.#offers.delete(id);
    this.#ofPair.delete(pairOf(frameworkId, agentId));
  }

  note({ frameworkId, agentId }: InverseOffer, answer: InverseOfferAnswer): void {
    this.#answersOf(agentId).set(frameworkId, answer);
  }

  /** Nothing is asked until {@link endFilter}. */
  filter({ frameworkId, agentId }: InverseOffer): string {
    const pair = pairOf(frameworkId, agentId);
    this.#filtered.add(pair);
    return pair;
  }

  endFilter(pair: string): void {
    this.#filtered.delete(pair);
    this.due = true;
  }

  /** The framework may be asked again about every agent. */
  dropFilters(frameworkId: string): void {
    for (const pair of this.#filtered) {
      if (!pair.startsWith(`${frameworkId}/`)) continue;
      this.#filtered.delete(pair);
      this.due = true;
    }
  }

  forgetAgent(agentId: string): void {
    this.#agentIds.delete(agentId);
    this.#answers.delete(agentId);
    for (const pair of this.#filtered) if (pair.endsWith(`/${agentId}`)) this.#filtered.delete(pair);
  }

  forgetFramework(frameworkId: string): void {
    for (const answers of this.#answers.values()) answers.delete(frameworkId);
    this.dropFilters(frameworkId);
  }

  #answersOf(agentId: string): Map<string, InverseOfferAnswer> {
    const known = this.#answers.get(agentId);
    if (known !== undefined) return known;
    const answers = new Map<string, InverseOfferAnswer>();
    this.#answers.set(agentId, answers);
    return answers;
  }
}

/** Ids hold no slash. */
function pairOf(frameworkId: string, agentId: string): string {
  return `${frameworkId}/${agentId}`;
}
