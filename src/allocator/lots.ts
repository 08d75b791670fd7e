/**
 * The random sorter (Mesos sorter/random): siblings in an order drawn anew
 * for every agent that is given away, whoever has the larger weight more often
 * first. Each draws -ln(u) / weight and the smallest is first, which picks by
 * weight without replacement (Efraimidis and Spirakis, IPL 2006).
 */
import { compareFair, type FairNode } from "./share.ts";
import { scatter } from "./visit-order.ts";

/** How roles, or the frameworks of a role, are ordered. */
export type Sorter = "drf" | "random";

/** Lot of a node: by its name, so that nobody else's coming or going changes it. */
export function lotOf(name: string, salt: number, weight: number): number {
  let hash = 0x811c9dc5 ^ salt;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return -Math.log((scatter(hash) + 0.5) / 2 ** 32) / weight;
}

export class Lots {
  readonly #roles: boolean;
  readonly #frameworks: boolean;
  #salt = 0;

  constructor(roles: Sorter, frameworks: Sorter) {
    this.#roles = roles === "random";
    this.#frameworks = frameworks === "random";
  }

  /** False: everything goes by share. */
  get drawn(): boolean {
    return this.#roles || this.#frameworks;
  }

  draw(salt: number): void {
    this.#salt = salt;
  }

  compareRoles(a: FairNode, b: FairNode): number {
    return this.#roles ? this.#compare(a, b) : compareFair(a, b);
  }

  compareFrameworks(a: FairNode, b: FairNode): number {
    return this.#frameworks ? this.#compare(a, b) : compareFair(a, b);
  }

  #compare(a: FairNode, b: FairNode): number {
    const difference = lotOf(a.name, this.#salt, a.weight) - lotOf(b.name, this.#salt, b.weight);
    if (difference !== 0) return difference;
    return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
  }
}
