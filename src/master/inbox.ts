/** Inputs of the pump in the order they came; taking from the front stays cheap however many wait. */
export class Inbox<T> {
  readonly #items: T[] = [];
  /** Items already taken. */
  #taken = 0;

  get waiting(): number {
    return this.#items.length - this.#taken;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** The oldest, at most `max`. */
  take(max: number): T[] {
    const items = this.#items.slice(this.#taken, this.#taken + max);
    this.#taken += items.length;
    if (this.#taken === this.#items.length) {
      this.#items.length = 0;
      this.#taken = 0;
    }
    return items;
  }
}
