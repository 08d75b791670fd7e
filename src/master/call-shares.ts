import { ERRORS } from "../base/errors.ts";
import { WAITING_CALLS_PER_FRAMEWORK_MAX } from "../base/limits.ts";
import type { CallAnswer } from "./port.ts";

export const OVERLOADED: CallAnswer = { status: 503, body: ERRORS.OVERLOADED.meaning };
export const TOO_MANY_CALLS: CallAnswer = {
  status: 503,
  body: `${WAITING_CALLS_PER_FRAMEWORK_MAX} calls of the framework wait already; wait for their answers`,
};

/**
 * How many calls of each framework wait in the inbox. All frameworks share one
 * queue; without a bound for each, one that floods it would make all the
 * others wait, and fill it.
 */
export class CallShares {
  readonly #waiting = new Map<string, number>();

  /** Counts one more call until {@link leave}; false when the framework has as many waiting as it may. */
  enter(frameworkId: string): boolean {
    const waiting = this.#waiting.get(frameworkId) ?? 0;
    if (waiting >= WAITING_CALLS_PER_FRAMEWORK_MAX) return false;
    this.#waiting.set(frameworkId, waiting + 1);
    return true;
  }

  leave(frameworkId: string): void {
    const waiting = (this.#waiting.get(frameworkId) ?? 0) - 1;
    if (waiting > 0) this.#waiting.set(frameworkId, waiting);
    else this.#waiting.delete(frameworkId);
  }
}
