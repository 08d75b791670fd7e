/**
 * How many calls a second schedulers may make (FRW-23, `--rate-limits`), by
 * principal: those of one principal share its budget, all that are not named
 * share the aggregate default. Without limits nobody is held back.
 *
 * Mesos lets calls wait and drops those beyond `capacity`; it never holds back
 * HTTP schedulers. Here what is too much is refused with 429 and called again.
 */
import type { Instant } from "../base/time.ts";
import type { RateLimits } from "../model/v1/tasks.ts";

interface Budget {
  readonly perSecond: number;
  /** Most calls at once. */
  readonly capacity: number;
  left: number;
  atMs: number;
}

export class CallRates {
  /** undefined: named, and not limited. */
  readonly #budgets = new Map<string, Budget | undefined>();
  readonly #others: Budget | undefined;

  constructor(limits: RateLimits) {
    for (const { principal, qps, capacity } of limits.limits ?? []) {
      this.#budgets.set(principal, qps === undefined ? undefined : budget(qps, capacity));
    }
    const { aggregate_default_qps: qps, aggregate_default_capacity: capacity } = limits;
    this.#others = qps === undefined ? undefined : budget(qps, capacity);
  }

  /** Takes one call from the budget; why it is too much, or undefined. */
  refuses(principal: string | undefined, now: Instant): string | undefined {
    const named = principal !== undefined && this.#budgets.has(principal);
    const spent = named ? this.#budgets.get(principal) : this.#others;
    if (spent === undefined) return undefined;
    const elapsedMs = Math.max(0, now.monotonicMs - spent.atMs);
    spent.left = Math.min(spent.capacity, spent.left + (elapsedMs / 1000) * spent.perSecond);
    spent.atMs = now.monotonicMs;
    if (spent.left >= 1) {
      spent.left--;
      return undefined;
    }
    const who = named ? `principal '${principal}'` : "all principals without a limit of their own";
    return `Too many calls of ${who}: ${spent.perSecond} a second are allowed; call again later`;
  }
}

/** Without a capacity: what a second allows, one at least. */
function budget(qps: number, capacity: number | undefined): Budget {
  const most = Math.max(1, capacity ?? Math.ceil(qps));
  return { perSecond: qps, capacity: most, left: most, atMs: 0 };
}
