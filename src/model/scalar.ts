/**
 * Scalar amounts are integers in thousandths inside, as in Mesos, so that
 * adding and taking away never drifts.
 */

/** Thousandths of a scalar as clients write it, rounded to the nearest. */
export function milliOf(value: number): number {
  return Math.round(value * 1000);
}

/** The scalar as clients read it. */
export function scalarOf(milli: number): number {
  return milli / 1000;
}
