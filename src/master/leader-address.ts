import type { Instant } from "../base/time.ts";
import type { MasterAddress } from "./port.ts";

/** A lost question or answer is made good after this. */
const ASK_AGAIN_MS = 250;

/** The HTTP address of the master that leads the present term, learnt by asking it. */
export class LeaderAddress {
  #leader: string | null = null;
  #term = 0;
  #address: MasterAddress | undefined;
  #askAtMs = Number.NEGATIVE_INFINITY;

  /** Undefined until the leader answered. */
  get known(): MasterAddress | undefined {
    return this.#address;
  }

  /** `leader`: raft address of another master, or null while none is known or this one leads. */
  follow(leader: string | null, term: number): void {
    if (this.#leader === leader && this.#term === term) return;
    this.#leader = leader;
    this.#term = term;
    this.#address = undefined;
    this.#askAtMs = Number.NEGATIVE_INFINITY;
  }

  learn(term: number, address: MasterAddress): void {
    if (term === this.#term && this.#leader !== null) this.#address = address;
  }

  /** True when a question is due; it counts as sent. */
  shouldAsk(now: Instant): boolean {
    if (this.#leader === null || this.#address !== undefined || now.monotonicMs < this.#askAtMs) return false;
    this.#askAtMs = now.monotonicMs + ASK_AGAIN_MS;
    return true;
  }

  nextDeadlineMs(): number {
    return this.#leader === null || this.#address !== undefined ? Number.POSITIVE_INFINITY : this.#askAtMs;
  }
}
