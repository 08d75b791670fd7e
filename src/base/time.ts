/**
 * Time as an input. Cores never read a clock: every step is handed an
 * {@link Instant}. Timers and timeouts count `monotonicMs`; only values that
 * people or frameworks read (timestamps) and deadlines that must outlive a
 * process (framework failover) use `wallMs`.
 */
export interface Instant {
  /** Milliseconds of a clock that never jumps; its origin is arbitrary. */
  readonly monotonicMs: number;
  /** Milliseconds since the Unix epoch; may jump. */
  readonly wallMs: number;
}

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** Nanoseconds, as DurationInfo and TimeInfo carry them, from milliseconds. */
export function nanosFromMs(ms: number): number {
  return ms * 1e6;
}

/** Milliseconds from the nanoseconds of a DurationInfo or TimeInfo. */
export function msFromNanos(nanoseconds: number): number {
  return nanoseconds / 1e6;
}
