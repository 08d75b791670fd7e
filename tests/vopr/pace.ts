/**
 * Counts what happens in each simulated second, so that a cluster that talks
 * itself to death, or a loop in which no time passes, is a failure with its
 * seed and not a run without end.
 */
import { Violation } from "./violation.ts";

export class Pace {
  readonly #maxEvents: number;
  #second = 0;
  #events = 0;

  /** `maxEvents`: in one simulated second. */
  constructor(maxEvents: number) {
    this.#maxEvents = maxEvents;
  }

  /** One event more. */
  count(nowMs: number): void {
    const second = Math.floor(nowMs / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#events = 0;
    }
    if (++this.#events <= this.#maxEvents) return;
    throw new Violation(`Pace: more than ${this.#maxEvents} events in second ${second}, up to ${nowMs} ms`);
  }
}
