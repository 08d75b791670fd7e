/** Counts by metric name; a name that was never bumped reads as 0. */
export class Counters {
  readonly #counts = new Map<string, number>();

  bump(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  entries(): Iterable<[string, number]> {
    return this.#counts.entries();
  }
}
