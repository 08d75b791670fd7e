import type { Offer } from "../../model/v1/offers.ts";

interface Amounts {
  readonly cpus: number;
  /** MB. */
  readonly mem: number;
}

/**
 * The most that each agent has offered. Offers of one agent come whole or in
 * parts, together with others' or alone, so that those of one moment say
 * little about what there is.
 */
export class SeenOffers {
  readonly #byAgent = new Map<string, Amounts>();

  get none(): boolean {
    return this.#byAgent.size === 0;
  }

  /** Whether they have more than was seen before. */
  add(offers: readonly Offer[]): boolean {
    let more = false;
    for (const offer of offers) {
      const before = this.#byAgent.get(offer.agent_id.value) ?? { cpus: 0, mem: 0 };
      const now = {
        cpus: Math.max(before.cpus, scalarOf(offer, "cpus")),
        mem: Math.max(before.mem, scalarOf(offer, "mem")),
      };
      more ||= now.cpus > before.cpus || now.mem > before.mem;
      this.#byAgent.set(offer.agent_id.value, now);
    }
    return more;
  }

  /** What a job that waits with them is told. */
  waitingText(name: string, wanted: Amounts): string {
    const all = [...this.#byAgent.values()];
    const most = (pick: (amounts: Amounts) => number): number => Math.max(0, ...all.map(pick));
    const seen =
      all.length === 0
        ? "none has come yet"
        : `the largest of ${all.length} had cpus ${most((a) => a.cpus)} and mem ${most((a) => a.mem)} MB`;
    const less = all.length === 0 ? "" : ", or ask for less with --cpus and --mem";
    return (
      `waiting for an offer with cpus ${wanted.cpus} and mem ${wanted.mem} MB; ${seen}. ` +
      `See 'mesh agents' and 'mesh why "mesh run ${name}"'${less}`
    );
  }
}

function scalarOf({ resources = [] }: Offer, name: string): number {
  return resources.reduce((sum, one) => (one.name === name ? sum + (one.scalar?.value ?? 0) : sum), 0);
}
