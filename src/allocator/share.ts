/**
 * Dominant resource fairness (Ghodsi et al., NSDI 2011): whoever has the
 * smallest dominant share is next. The dominant share is the largest
 * allocated-to-total ratio over all scalar resources. Ties go to whoever was
 * chosen less often, then by name, as in Mesos (sorter/drf).
 */
import { assert } from "../base/assert.ts";
import type { ResourceIdentity } from "../model/resource-identity.ts";
import type { Resources } from "../model/resources.ts";
import type { ScalarQuantities } from "./quantities.ts";

/** Thousandths by resource index; see {@link ClusterTotals.vectorOf}. */
export type Vector = readonly number[];

/** Anything that is ordered by share: a framework within a role, a role among its siblings. */
export class FairNode {
  /** Place in the table that its ordered list looks it up in. */
  readonly slot: number;
  /** Breaks the last tie; unique among siblings. */
  readonly name: string;
  weight = 1;
  /** Thousandths by resource index; may be shorter than there are resources. */
  readonly amounts: number[] = [];
  share = 0;
  /** share / weight, what is compared. */
  weightedShare = 0;
  /** How often `allocate` has chosen it. */
  chosen = 0;

  constructor(slot: number, name: string) {
    this.slot = slot;
    this.name = name;
  }
}

/** Negative when `a` comes first. */
export function compareFair(a: FairNode, b: FairNode): number {
  if (a.weightedShare !== b.weightedShare) return a.weightedShare - b.weightedShare;
  if (a.chosen !== b.chosen) return a.chosen - b.chosen;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** What the whole cluster has, by scalar resource: the base of all shares. */
export class ClusterTotals {
  readonly #indexes = new Map<string, number>();
  readonly #amounts: number[] = [];
  /** False for names left out of fairness. */
  readonly #counts: boolean[] = [];
  readonly #excluded: ReadonlySet<string>;
  /** Rises with every change: shares computed under an older version are stale. */
  version = 0;

  constructor(fairShareExcluded: readonly string[]) {
    this.#excluded = new Set(fairShareExcluded);
  }

  add(resources: Resources): void {
    addTo(this.#amounts, this.vectorOf(resources), 1);
    this.version++;
  }

  subtract(resources: Resources): void {
    addTo(this.#amounts, this.vectorOf(resources), -1);
    this.version++;
  }

  /**
   * The scalars of the resources by index, summed over roles and disks, or of the part that `keep` lets
   * through. A shared volume counts once.
   */
  vectorOf(resources: Resources, keep?: (identity: ResourceIdentity) => boolean): Vector {
    const vector: number[] = [];
    for (const { identity, amount } of resources.entries) {
      if (typeof amount !== "number" || keep?.(identity) === false) continue;
      const index = this.indexOf(identity.name);
      while (vector.length <= index) vector.push(0);
      vector[index] = (vector[index] as number) + amount;
    }
    return vector;
  }

  /** Adds `sign` times the vector to what the node holds and renews its share. */
  charge(node: FairNode, vector: Vector, sign: 1 | -1): void {
    addTo(node.amounts, vector, sign);
    this.refresh(node);
  }

  /** Recomputes the share from the amounts. */
  refresh(node: FairNode): void {
    const amounts = node.amounts;
    let share = 0;
    for (let index = 0; index < amounts.length; index++) {
      const total = this.#amounts[index] as number;
      if (total <= 0 || !this.#counts[index]) continue;
      const ratio = (amounts[index] as number) / total;
      if (ratio > share) share = ratio;
    }
    node.share = share;
    node.weightedShare = share / node.weight;
  }

  /** The node's amounts by name; zeros left out. */
  quantities(node: FairNode): ScalarQuantities {
    return this.named(node.amounts);
  }

  /** A vector's amounts by name; zeros left out. */
  named(vector: Vector): Map<string, number> {
    const out = new Map<string, number>();
    for (const [name, index] of this.#indexes) {
      const amount = vector[index] ?? 0;
      if (amount > 0) out.set(name, amount);
    }
    return out;
  }

  /** The amounts of a vector that are set; those that are not are infinite. */
  finite(vector: Vector): Map<string, number> {
    const out = new Map<string, number>();
    for (const [name, index] of this.#indexes) {
      const amount = vector[index] ?? Number.POSITIVE_INFINITY;
      if (amount !== Number.POSITIVE_INFINITY) out.set(name, amount);
    }
    return out;
  }

  /** Undefined for a name that was no scalar yet. */
  knownIndex(name: string): number | undefined {
    return this.#indexes.get(name);
  }

  indexOf(name: string): number {
    const known = this.#indexes.get(name);
    if (known !== undefined) return known;
    const index = this.#amounts.length;
    this.#indexes.set(name, index);
    this.#amounts.push(0);
    this.#counts.push(!this.#excluded.has(name));
    return index;
  }
}

/** Adds `sign` times the vector. */
export function addTo(amounts: number[], vector: Vector, sign: 1 | -1): void {
  while (amounts.length < vector.length) amounts.push(0);
  for (let index = 0; index < vector.length; index++) {
    const amount = (amounts[index] as number) + sign * (vector[index] as number);
    assert(amount >= 0, "More is given back than was counted");
    amounts[index] = amount;
  }
}
