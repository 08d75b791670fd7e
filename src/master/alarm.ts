/** Calls `wake` at a monotonic time, unless the function that it returns is called first. */
type WakeAt = (monotonicMs: number, wake: () => void) => () => void;

/** Rings at the earliest moment asked for. One ring too early costs less than a new timer for every turn. */
export class Alarm {
  readonly #wakeAt: WakeAt;
  readonly #ring: () => void;
  #cancel: (() => void) | undefined;
  /** When the timer fires; Infinity when none is set. */
  #atMs = Number.POSITIVE_INFINITY;

  constructor(wakeAt: WakeAt, ring: () => void) {
    this.#wakeAt = wakeAt;
    this.#ring = ring;
  }

  /** Monotonic; Infinity asks for nothing. What was asked for earlier stays, if it is sooner. */
  set(atMs: number): void {
    if (atMs >= this.#atMs) return;
    this.#cancel?.();
    this.#atMs = atMs;
    this.#cancel = this.#wakeAt(atMs, () => {
      this.#atMs = Number.POSITIVE_INFINITY;
      this.#cancel = undefined;
      this.#ring();
    });
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#atMs = Number.POSITIVE_INFINITY;
  }
}
