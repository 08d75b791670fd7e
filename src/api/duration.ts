/** Durations in Mesos' text form (`10mins`, `1.5hrs`; stout/duration.hpp). */
import { fail, ok, type Result } from "../base/result.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../base/time.ts";

const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  ms: 1,
  secs: SECOND_MS,
  mins: MINUTE_MS,
  hrs: HOUR_MS,
  days: DAY_MS,
  weeks: 7 * DAY_MS,
};

/** Milliseconds of a duration text. */
export function parseDuration(text: string): Result<number> {
  const [, amount, unit = ""] = /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(text.trim()) ?? [];
  const unitMs = UNITS_MS[unit];
  if (amount !== undefined && unitMs !== undefined) return ok(Number(amount) * unitMs);
  const units = Object.keys(UNITS_MS).join(", ");
  return fail(`Failed to parse duration '${text}': write a number and one of ${units}`);
}
