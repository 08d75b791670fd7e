/**
 * Amounts of resources by name, in thousandths: what the agent has and what
 * its tasks hold. A range counts the values in it, a set its items.
 *
 * Roles, reservations and volumes are the master's business: the agent only
 * refuses what would exceed the machine.
 */
import type { Resource } from "../model/v1/resources.ts";

export type Amounts = ReadonlyMap<string, number>;

const MILLI = 1_000;

export function amountsOf(resources: readonly Resource[]): Amounts {
  const amounts = new Map<string, number>();
  for (const resource of resources) {
    // A shared volume is there once, whoever uses it.
    if (resource.shared !== undefined) continue;
    amounts.set(resource.name, (amounts.get(resource.name) ?? 0) + amountOf(resource));
  }
  return amounts;
}

/** Of several holders together. */
export function sumOfAmounts(holders: readonly { readonly amounts: Amounts }[]): Amounts {
  const sum = new Map<string, number>();
  for (const { amounts } of holders) {
    for (const [name, milli] of amounts) sum.set(name, (sum.get(name) ?? 0) + milli);
  }
  return sum;
}

function amountOf(resource: Resource): number {
  switch (resource.type) {
    case "SCALAR":
      return Math.round((resource.scalar?.value ?? 0) * MILLI);
    case "RANGES": {
      let count = 0;
      for (const { begin, end } of resource.ranges?.range ?? []) count += end - begin + 1;
      return count * MILLI;
    }
    case "SET":
      return (resource.set?.item?.length ?? 0) * MILLI;
    case "TEXT":
      return 0;
  }
}

/** What is in use on this agent. */
export class Usage {
  readonly #total: Amounts;
  readonly #used = new Map<string, number>();

  constructor(total: Amounts) {
    this.#total = total;
  }

  add(amounts: Amounts): void {
    for (const [name, milli] of amounts) this.#used.set(name, this.used(name) + milli);
  }

  remove(amounts: Amounts): void {
    for (const [name, milli] of amounts) this.#used.set(name, this.used(name) - milli);
  }

  /** In thousandths. */
  used(name: string): number {
    return this.#used.get(name) ?? 0;
  }

  /** In thousandths. */
  total(name: string): number {
    return this.#total.get(name) ?? 0;
  }

  /** Says of which resource `amounts` more would be too much, with the figures; undefined when all fits. */
  excess(amounts: Amounts): string | undefined {
    for (const [name, milli] of amounts) {
      const free = this.total(name) - this.used(name);
      if (milli > free) {
        const figures = `of ${this.total(name) / MILLI} in all, ${Math.max(0, free) / MILLI} are free`;
        return `it asks for ${milli / MILLI} ${name}; ${figures}`;
      }
    }
    return undefined;
  }
}
