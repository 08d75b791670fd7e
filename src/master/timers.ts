/**
 * Deadlines by name, on the monotonic clock. Setting a name again moves its
 * deadline; a heap finds the next one without looking at all of them.
 */
interface Slot {
  readonly name: string;
  readonly atMs: number;
}

/** Stale slots that are not worth a rebuild. */
const STALE_SLACK_SLOTS = 64;

export class Timers {
  readonly #atMs = new Map<string, number>();
  /** Binary heap by time; slots that the map no longer agrees with are stale. */
  readonly #heap: Slot[] = [];

  set(name: string, atMs: number): void {
    this.#atMs.set(name, atMs);
    this.#push({ name, atMs });
    // A framework that comes and goes would leave one for each time, until its deadline of days is over.
    if (this.#heap.length > 2 * this.#atMs.size + STALE_SLACK_SLOTS) this.#rebuild();
  }

  /** Slots in memory, stale ones among them. */
  get slots(): number {
    return this.#heap.length;
  }

  clear(name: string): void {
    this.#atMs.delete(name);
    this.#dropStale();
  }

  has(name: string): boolean {
    return this.#atMs.has(name);
  }

  /** The next deadline; undefined when none is set. */
  nextMs(): number | undefined {
    return this.#heap[0]?.atMs;
  }

  /** Removes and returns one name whose deadline has come; undefined when none has. */
  takeDue(nowMs: number): string | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.atMs > nowMs) return undefined;
    this.#atMs.delete(first.name);
    this.#dropStale();
    return first.name;
  }

  /** Keeps the top of the heap live, so that `nextMs` is exact. */
  #dropStale(): void {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (this.#atMs.get(top.name) === top.atMs) return;
      this.#pop();
    }
  }

  #rebuild(): void {
    this.#heap.length = 0;
    for (const [name, atMs] of this.#atMs) this.#push({ name, atMs });
  }

  #push(slot: Slot): void {
    const heap = this.#heap;
    let i = heap.push(slot) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (this.#before(parent, i)) break;
      this.#swap(parent, i);
      i = parent;
    }
    this.#dropStale();
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    let i = 0;
    for (;;) {
      let least = i;
      if (2 * i + 1 < heap.length && !this.#before(least, 2 * i + 1)) least = 2 * i + 1;
      if (2 * i + 2 < heap.length && !this.#before(least, 2 * i + 2)) least = 2 * i + 2;
      if (least === i) return;
      this.#swap(i, least);
      i = least;
    }
  }

  #before(i: number, j: number): boolean {
    return (this.#heap[i]?.atMs ?? 0) <= (this.#heap[j]?.atMs ?? 0);
  }

  #swap(i: number, j: number): void {
    const [a, b] = [this.#heap[i], this.#heap[j]];
    if (a === undefined || b === undefined) return;
    this.#heap[i] = b;
    this.#heap[j] = a;
  }
}
