/** Amounts by resource name, in thousandths: 1.5 cpus is 1500. Names that are absent count as 0. */
export type ScalarQuantities = ReadonlyMap<string, number>;
