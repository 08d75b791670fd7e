import { assert } from "../base/assert.ts";

/**
 * Deadlines by key: each key has at most one. A binary heap with lazy
 * deletion: an entry counts only while it is the newest of its key.
 */
export class Deadlines {
  readonly #heap: Entry[] = [];
  readonly #current = new Map<string, Entry>();

  /** Sets the only deadline of `key`, in milliseconds of the monotonic clock. */
  set(key: string, atMs: number): void {
    assert(Number.isFinite(atMs), `Deadline of ${key} must be finite, got ${atMs}`);
    const entry: Entry = { key, atMs };
    this.#current.set(key, entry);
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1);
    // Stale entries must not outnumber the live ones for long.
    if (this.#heap.length > 2 * this.#current.size + 64) this.#rebuild();
  }

  clear(key: string): void {
    this.#current.delete(key);
  }

  get(key: string): number | undefined {
    return this.#current.get(key)?.atMs;
  }

  /** The earliest deadline. */
  next(): number | undefined {
    this.#dropStale();
    return this.#heap[0]?.atMs;
  }

  /** Removes and returns the key of the earliest deadline that `nowMs` has reached. */
  takeDue(nowMs: number): string | undefined {
    this.#dropStale();
    const first = this.#heap[0];
    if (first === undefined || first.atMs > nowMs) return undefined;
    this.#current.delete(first.key);
    this.#removeFirst();
    return first.key;
  }

  #dropStale(): void {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (this.#current.get(first.key) === first) return;
      this.#removeFirst();
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rebuild(): void {
    const live = [...this.#current.values()].sort(before);
    this.#heap.length = 0;
    // A sorted list is a heap.
    for (const entry of live) this.#heap.push(entry);
  }

  #rise(start: number): void {
    const heap = this.#heap;
    const entry = heap[start] as Entry;
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Entry;
      if (above.atMs <= entry.atMs) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #sink(start: number): void {
    const heap = this.#heap;
    const entry = heap[start] as Entry;
    let at = start;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Entry).atMs < (heap[child] as Entry).atMs) child++;
      const below = heap[child] as Entry;
      if (below.atMs >= entry.atMs) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = entry;
  }
}

interface Entry {
  readonly key: string;
  readonly atMs: number;
}

function before(a: Entry, b: Entry): number {
  return a.atMs - b.atMs;
}
