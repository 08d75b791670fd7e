/**
 * Virtual time for a whole cluster in one process: a queue of events ordered
 * by time and then by the order in which they were scheduled. Nothing else
 * makes time pass, so that one seed always gives one history.
 */
import { Random } from "../../src/base/random.ts";
import type { Instant } from "../../src/base/time.ts";

/** Wall clock at the start of every run; any fixed value does. */
const EPOCH_MS = 1_700_000_000_000;
const HISTORY_MAX_LINES = 400;

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export class World {
  readonly #random: Random;
  nowMs = 0;
  steps = 0;
  #order = 0;
  readonly #heap: Event[] = [];
  readonly #history: string[] = [];
  /** Called with each line of the history as it comes; for replays. */
  onNote: ((line: string) => void) | undefined;
  #hash = 0x811c9dc5;
  readonly #time = new Float64Array(1);
  readonly #timeBits = new Uint32Array(this.#time.buffer);

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** A generator of its own for each part of the world: one part's draws do not shift another's. */
  fork(): Random {
    return this.#random.fork();
  }

  get now(): Instant {
    return { monotonicMs: this.nowMs, wallMs: EPOCH_MS + this.nowMs };
  }

  /** Of the time and order of every event and of every note: two runs with the same one went the same way. */
  get traceHash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  /** Runs `event` after `delayMs` of virtual time. */
  after(delayMs: number, event: () => void): void {
    this.#push({ atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, run: event });
  }

  /** Runs the next event if it is due by `untilMs`; false when there is none. */
  step(untilMs: number): boolean {
    const next = this.#heap[0];
    if (next === undefined || next.atMs > untilMs) {
      this.nowMs = Math.max(this.nowMs, untilMs);
      return false;
    }
    this.#pop();
    this.nowMs = Math.max(this.nowMs, next.atMs);
    this.steps++;
    this.#time[0] = next.atMs;
    this.#mix(this.#timeBits[0] ?? 0);
    this.#mix(this.#timeBits[1] ?? 0);
    this.#mix(next.order);
    next.run();
    return true;
  }

  /** Runs everything that happens until `untilMs`. */
  runUntil(untilMs: number): void {
    while (this.step(untilMs));
  }

  /** A line for the reader of a failed run; only the last ones are kept. */
  note(text: string): void {
    const line = `${(this.nowMs / 1000).toFixed(3).padStart(9)}  ${text}`;
    for (let at = 0; at < text.length; at++) this.#mix(text.charCodeAt(at));
    this.#history.push(line);
    if (this.#history.length > HISTORY_MAX_LINES) this.#history.shift();
    this.onNote?.(line);
  }

  get history(): readonly string[] {
    return this.#history;
  }

  /** FNV-1a over 32-bit words. */
  #mix(word: number): void {
    this.#hash = Math.imul(this.#hash ^ word, 0x01000193);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    heap.push(event);
    let child = heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!before(heap[child] as Event, heap[parent] as Event)) return;
      swap(heap, child, parent);
      child = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    heap[0] = last;
    for (let parent = 0; ; ) {
      const left = 2 * parent + 1;
      let least = parent;
      for (let child = left; child <= left + 1; child++) {
        if (child < heap.length && before(heap[child] as Event, heap[least] as Event)) least = child;
      }
      if (least === parent) return;
      swap(heap, least, parent);
      parent = least;
    }
  }
}

function before(a: Event, b: Event): boolean {
  return a.atMs !== b.atMs ? a.atMs < b.atMs : a.order < b.order;
}

function swap(heap: Event[], i: number, j: number): void {
  const kept = heap[i] as Event;
  heap[i] = heap[j] as Event;
  heap[j] = kept;
}
