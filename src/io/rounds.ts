/**
 * Visits each of a changing number of things once in an interval, with one timer for all of them. Many are
 * visited in parts, so that a round over ten thousand holds up nothing else; for few the process wakes once.
 */

/** A round takes so many turns at most. */
const PARTS = 20;
/** Visited in one turn at least, if there are as many. */
const PART_MIN = 50;

/** The clock and timer it takes from its surroundings. */
export interface RoundsClock {
  nowMs(): number;
  /** Returns what takes it back. */
  after(delayMs: number, run: () => void): () => void;
}

const CLOCK: RoundsClock = {
  nowMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

export class Rounds<T> {
  readonly #intervalMs: number;
  readonly #visit: (each: T, nowMs: number) => void;
  readonly #clock: RoundsClock;
  readonly #all = new Set<T>();
  /** What is left of the round under way. */
  #left: Iterator<T> | undefined;
  #beganAtMs = 0;
  #cancel: (() => void) | undefined;

  constructor(intervalMs: number, visit: (each: T, nowMs: number) => void, clock: RoundsClock = CLOCK) {
    this.#intervalMs = intervalMs;
    this.#visit = visit;
    this.#clock = clock;
  }

  /** In the order in which they came. */
  values(): Iterable<T> {
    return this.#all;
  }

  /** The first begins a round, soon. */
  add(each: T): void {
    this.#all.add(each);
    if (this.#all.size === 1) this.#plan(this.#intervalMs / PARTS);
  }

  /** Without any there is no timer. */
  delete(each: T): void {
    this.#all.delete(each);
    if (this.#all.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#left = undefined;
  }

  #plan(delayMs: number): void {
    this.#cancel?.();
    this.#cancel = this.#clock.after(delayMs, () => this.#part());
  }

  #part(): void {
    const nowMs = this.#clock.nowMs();
    if (this.#left === undefined) this.#beganAtMs = nowMs;
    const left = this.#left ?? this.#all.values();
    const count = Math.max(PART_MIN, Math.ceil(this.#all.size / PARTS));
    const part: T[] = [];
    while (part.length < count) {
      const { value, done } = left.next();
      if (done === true) break;
      part.push(value);
    }
    this.#left = part.length < count ? undefined : left;
    const restMs = this.#beganAtMs + this.#intervalMs - nowMs;
    // Before the visits: they may take out all, or bring the first of others.
    this.#plan(this.#left === undefined ? Math.max(0, restMs) : this.#intervalMs / PARTS);
    for (const each of part) if (this.#all.has(each)) this.#visit(each, nowMs);
  }
}
