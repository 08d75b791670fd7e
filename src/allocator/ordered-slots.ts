/**
 * Siblings in fair order. Slots, not objects, are kept in a typed array, so
 * that moving one along is a memory move. A changed sibling is only noted;
 * the order is repaired when it is next read: a burst of changes costs one sort.
 */
import { assert } from "../base/assert.ts";
import { compareFair, type FairNode } from "./share.ts";

/** From this many changed siblings on (and a sixteenth of all) sorting is cheaper than moving. */
const MOVES_MAX = 8;

export class OrderedSlots<T extends FairNode> {
  readonly #table: readonly (T | undefined)[];
  #slots = new Int32Array(8);
  #length = 0;
  /** Members whose place may be wrong. */
  readonly #changed = new Set<number>();
  #allChanged = false;

  /** `table` maps a slot to its node; it is shared and may grow. */
  constructor(table: readonly (T | undefined)[]) {
    this.#table = table;
  }

  get length(): number {
    return this.#length;
  }

  /** The node at a place of the repaired order; call {@link settle} first. */
  at(place: number): T {
    return this.#table[this.#slots[place] as number] as T;
  }

  add(slot: number): void {
    if (this.#length === this.#slots.length) {
      const grown = new Int32Array(this.#length * 2);
      grown.set(this.#slots);
      this.#slots = grown;
    }
    this.#slots[this.#length++] = slot;
    this.#changed.add(slot);
  }

  remove(slot: number): void {
    this.#cut(slot);
    this.#changed.delete(slot);
  }

  /** The member's share, weight or count changed. */
  changed(slot: number): void {
    this.#changed.add(slot);
  }

  /** Every share was renewed; members may be out of order anywhere. */
  changedAll(): void {
    this.#allChanged = true;
  }

  /** Repairs the order. */
  settle(): void {
    const changed = this.#changed.size;
    if (changed > MOVES_MAX && changed * 16 > this.#length) {
      this.#slots.subarray(0, this.#length).sort((a, b) => this.#compare(a, b));
    } else if (changed > 0 || this.#allChanged) {
      this.#move();
    } else {
      return;
    }
    this.#changed.clear();
    this.#allChanged = false;
  }

  #compare(a: number, b: number): number {
    return compareFair(this.#table[a] as T, this.#table[b] as T);
  }

  /** All changed ones are cut out first, so that what is searched is in order. */
  #move(): void {
    for (const slot of this.#changed) this.#cut(slot);
    if (this.#allChanged && !this.#isOrdered()) {
      this.#slots.subarray(0, this.#length).sort((a, b) => this.#compare(a, b));
    }
    for (const slot of this.#changed) {
      let low = 0;
      let high = this.#length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (this.#compare(this.#slots[middle] as number, slot) < 0) low = middle + 1;
        else high = middle;
      }
      this.#slots.copyWithin(low + 1, low, this.#length);
      this.#slots[low] = slot;
      this.#length++;
    }
  }

  /** When the cluster grows all shares shrink alike: mostly they are in order as before. */
  #isOrdered(): boolean {
    for (let i = 1; i < this.#length; i++) {
      if (this.#compare(this.#slots[i - 1] as number, this.#slots[i] as number) > 0) return false;
    }
    return true;
  }

  #cut(slot: number): void {
    const place = this.#slots.indexOf(slot);
    assert(place >= 0 && place < this.#length, "What is removed is in the order");
    this.#slots.copyWithin(place, place + 1, this.#length);
    this.#length--;
  }
}
