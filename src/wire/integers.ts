/** Integers of 64 bits: the model has them as numbers, which are exact up to 2^53. */
export const MAX_INT64 = 2n ** 63n - 1n;
export const MAX_UINT64 = 2n ** 64n - 1n;

/** As it is written. A number is 2^63 where the largest int64 was meant: it is brought back into range. */
export function integerWithin(value: number, max: bigint): number | bigint {
  if (Number.isSafeInteger(value)) return value;
  const exact = BigInt(Math.round(value));
  return exact > max ? max : exact;
}
