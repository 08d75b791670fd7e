/**
 * Siblings in fair order. Slots, not objects, are kept in a typed array, so
 * that moving one along is a memory move. A sibling that changed or went is only
 * noted; the order is repaired when it is next read: a burst of changes costs one sort.
 */
import { assert } from "../base/assert.ts";
import { compareFair, type FairNode } from "./share.ts";

/** From this many changed siblings on (and a sixteenth of all) sorting is cheaper than moving. */
const MOVES_MAX = 8;
const NONE: ReadonlySet<number> = new Set();

export class OrderedSlots<T extends FairNode> {
  readonly #table: readonly (T | undefined)[];
  #slots = new Int32Array(1);
  /** Places in use, by removed ones too. */
  #filled = 0;
  /** Members whose place may be wrong. */
  #changed: Set<number> | undefined;
  /** Members no more whose places are still in use. */
  #removed: Set<number> | undefined;
  #allChanged = false;

  /** `table` maps a slot to its node; it is shared and may grow. */
  constructor(table: readonly (T | undefined)[]) {
    this.#table = table;
  }

  get length(): number {
    return this.#filled - (this.#removed?.size ?? 0);
  }

  /** The node at a place of the repaired order; call {@link settle} first. */
  at(place: number): T {
    return this.#table[this.#slots[place] as number] as T;
  }

  add(slot: number): void {
    if (this.#filled > 0) this.#note(slot);
    if (this.#removed?.delete(slot) === true) return;
    if (this.#filled === this.#slots.length) {
      const grown = new Int32Array(Math.max(8, this.#filled * 2));
      grown.set(this.#slots);
      this.#slots = grown;
    }
    this.#slots[this.#filled++] = slot;
  }

  remove(slot: number): void {
    this.#changed?.delete(slot);
    if (this.length > 1) {
      this.#removed ??= new Set();
      this.#removed.add(slot);
      return;
    }
    // Most have one member: for it nothing is noted.
    this.#filled = 0;
    this.#removed = undefined;
  }

  /** The member's share, weight or count changed. */
  changed(slot: number): void {
    if (this.#filled > 1) this.#note(slot);
  }

  #note(slot: number): void {
    this.#changed ??= new Set();
    this.#changed.add(slot);
  }

  /** Every share was renewed; members may be out of order anywhere. */
  changedAll(): void {
    this.#allChanged = true;
  }

  /** Repairs the order. */
  settle(): void {
    if (this.#removed !== undefined) this.#dropRemoved(this.#removed);
    const changed = this.#changed?.size ?? 0;
    if (changed > MOVES_MAX && changed * 16 > this.#filled) {
      this.#slots.subarray(0, this.#filled).sort((a, b) => this.#compare(a, b));
    } else if (changed > 0 || this.#allChanged) {
      this.#move(this.#changed ?? NONE);
    } else {
      return;
    }
    this.#changed = undefined;
    this.#allChanged = false;
  }

  #compare(a: number, b: number): number {
    return compareFair(this.#table[a] as T, this.#table[b] as T);
  }

  #dropRemoved(removed: ReadonlySet<number>): void {
    const wanted = this.length;
    if (removed.size <= MOVES_MAX) for (const slot of removed) this.#cut(slot);
    else {
      let kept = 0;
      for (let place = 0; place < this.#filled; place++) {
        const slot = this.#slots[place] as number;
        if (!removed.has(slot)) this.#slots[kept++] = slot;
      }
      this.#filled = kept;
    }
    assert(this.#filled === wanted, "What is removed is in the order");
    this.#removed = undefined;
  }

  /** All changed ones are cut out first, so that what is searched is in order. */
  #move(changed: ReadonlySet<number>): void {
    for (const slot of changed) this.#cut(slot);
    if (this.#allChanged && !this.#isOrdered()) {
      this.#slots.subarray(0, this.#filled).sort((a, b) => this.#compare(a, b));
    }
    for (const slot of changed) {
      let low = 0;
      let high = this.#filled;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (this.#compare(this.#slots[middle] as number, slot) < 0) low = middle + 1;
        else high = middle;
      }
      this.#slots.copyWithin(low + 1, low, this.#filled);
      this.#slots[low] = slot;
      this.#filled++;
    }
  }

  /** When the cluster grows all shares shrink alike: mostly they are in order as before. */
  #isOrdered(): boolean {
    for (let i = 1; i < this.#filled; i++) {
      if (this.#compare(this.#slots[i - 1] as number, this.#slots[i] as number) > 0) return false;
    }
    return true;
  }

  #cut(slot: number): void {
    const place = this.#slots.indexOf(slot);
    assert(place >= 0 && place < this.#filled, "What is removed is in the order");
    this.#slots.copyWithin(place, place + 1, this.#filled);
    this.#filled--;
  }
}
