import type { Instant } from "../base/time.ts";
import type { Leadership, MasterAddress } from "./port.ts";

/** A lost question or answer is made good after this. */
const ASK_AGAIN_MS = 250;

/** Made once, since every turn asks. */
export const LEADERSHIP = {
  unknown: { kind: "unknown" },
  gaining: { kind: "leading", recovered: false },
  leading: { kind: "leading", recovered: true },
} as const satisfies Readonly<Record<string, Leadership>>;

/** The HTTP address of the master that leads the present term, learnt by asking it. */
export class LeaderAddress {
  #leader: string | null = null;
  #term = 0;
  #address: MasterAddress | undefined;
  /** Of a master that does not lead itself; `following` once the leader answered. */
  leadership: Leadership = LEADERSHIP.unknown;
  #askAtMs = Number.NEGATIVE_INFINITY;

  /** `leader`: raft address of another master, or null while none is known or this one leads. */
  follow(leader: string | null, term: number): void {
    if (this.#leader === leader && this.#term === term) return;
    this.#leader = leader;
    this.#term = term;
    this.#address = undefined;
    this.leadership = LEADERSHIP.unknown;
    this.#askAtMs = Number.NEGATIVE_INFINITY;
  }

  learn(term: number, address: MasterAddress): void {
    if (term !== this.#term || this.#leader === null) return;
    this.#address = address;
    this.leadership = { kind: "following", leader: address };
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
