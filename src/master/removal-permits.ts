/** At most `count` in each `perMs`, evenly apart. */
export interface RemovalRate {
  readonly count: number;
  readonly perMs: number;
}

/** Hands out the times at which agents may be marked. */
export class RemovalPermits {
  #nextMs = 0;

  /** How long to wait for the next one; it is taken. */
  takeMs(rate: RemovalRate | undefined, nowMs: number): number {
    if (rate === undefined) return 0;
    const atMs = Math.max(nowMs, this.#nextMs);
    this.#nextMs = atMs + rate.perMs / rate.count;
    return atMs - nowMs;
  }
}
