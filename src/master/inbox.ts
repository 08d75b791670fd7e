/** Taken inputs are dropped, from here on, once they are half of what is held: bounded under lasting load. */
const DROP_FROM_ITEMS = 1_024;

/** Inputs of the pump in the order they came; taking from the front stays cheap however many wait. */
export class Inbox<T> {
  #items: T[] = [];
  /** Items already taken. */
  #taken = 0;

  get waiting(): number {
    return this.#items.length - this.#taken;
  }

  /** Items in memory, taken ones among them. */
  get held(): number {
    return this.#items.length;
  }

  /** The oldest one that waits. */
  get first(): T | undefined {
    return this.#items[this.#taken];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** The oldest; undefined if none waits. */
  shift(): T | undefined {
    const item = this.first;
    if (this.#taken < this.#items.length) this.#drop(1);
    return item;
  }

  /** The oldest, at most `max`. */
  take(max: number): T[] {
    const items = this.#items.slice(this.#taken, this.#taken + max);
    this.#drop(items.length);
    return items;
  }

  #drop(count: number): void {
    this.#taken += count;
    if (this.#taken === this.#items.length) {
      // An array that was long keeps its memory.
      if (this.#taken < DROP_FROM_ITEMS) this.#items.length = 0;
      else this.#items = [];
    } else if (this.#taken >= DROP_FROM_ITEMS && 2 * this.#taken >= this.#items.length) {
      this.#items.splice(0, this.#taken);
    } else return;
    this.#taken = 0;
  }
}
