/**
 * How much of what a turn may decide it decides. The core's bounds are counts, and what they take in time
 * depends on the machine, on the size of the cluster and on whether the code ran before: a new leader's first
 * thousands of decisions take many times longer than later ones. So the pump watches the processor time of
 * its turns and gives the core a part of its bounds, which is an input like any other.
 */
import { TURN_DECIDE_AIM_MS, TURN_SHARE_MIN } from "../base/limits.ts";

/** A turn that took too long shrinks the share to this part at most: it may have been another's fault. */
const SHRINK_MAX = 1 / 4;
const GROWTH = 1.25;
/** A turn with more inputs counts as one of a busy master. */
const FEW_INPUTS = 8;
/** While code runs for the first time, of the process or of a leader. */
const COLD = 1 / 4;

export class TurnShare {
  readonly #workMs: () => number;
  #value = COLD;
  #decidesSinceMs = 0;
  #leading = false;
  #leftWork = false;
  /** Looking at the clock takes longer than a turn that has nothing to do. */
  #watches = false;

  /** `workMs`: processor time of this thread, from any start. */
  constructor(workMs: () => number) {
    this.#workMs = workMs;
  }

  /** Of the bounds of one turn; above 0, at most 1. */
  get value(): number {
    return this.#value;
  }

  /** The turn has so many inputs, which have a bound of their own, and now decides. */
  begin(inputs: number): void {
    this.#watches = this.#leftWork || inputs > FEW_INPUTS;
    if (this.#watches) this.#decidesSinceMs = this.#workMs();
  }

  /** The turn has decided. `leftWork`: it had more to do than it might. */
  decided(leading: boolean, leftWork: boolean): void {
    this.#leftWork = leftWork;
    if (leading !== this.#leading) {
      this.#leading = leading;
      this.#value = Math.min(this.#value, COLD);
      return;
    }
    if (!this.#watches) return;
    const tookMs = this.#workMs() - this.#decidesSinceMs;
    if (tookMs > TURN_DECIDE_AIM_MS) {
      const shrunk = this.#value * Math.max(SHRINK_MAX, TURN_DECIDE_AIM_MS / tookMs);
      this.#value = Math.max(TURN_SHARE_MIN, shrunk);
    } else if (leftWork && tookMs < TURN_DECIDE_AIM_MS / 2) {
      this.#value = Math.min(1, this.#value * GROWTH);
    }
  }
}
