/** Small dense numbers for things that come and go; a freed number is given out again. */
import { assert } from "../base/assert.ts";

export class SlotTable<T> {
  /** By slot; undefined where nothing lives. */
  readonly items: (T | undefined)[] = [];
  readonly #free: number[] = [];

  /** Makes the item for the slot it gets. */
  add<U extends T>(make: (slot: number) => U): U {
    const slot = this.#free.pop() ?? this.items.length;
    const item = make(slot);
    this.items[slot] = item;
    return item;
  }

  remove(slot: number): void {
    assert(this.items[slot] !== undefined, `Slot ${slot} is free already`);
    this.items[slot] = undefined;
    this.#free.push(slot);
  }
}
