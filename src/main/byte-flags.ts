import { badFlag, type Flags } from "./flags.ts";

const UNITS: Readonly<Record<string, number>> = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 };

/** Mesos' notation (stout/bytes.hpp): a whole number with B, KB, MB or GB; alone it counts bytes. */
export function bytesOf(flags: Flags, name: string): number {
  const value = flags.text(name);
  const [, digits, unit = "B"] = /^(\d{1,9})\s*(B|KB|MB|GB)?$/.exec(value) ?? [];
  if (digits === undefined) throw badFlag(name, value, "bytes, for example 4096 or 4KB");
  return Number(digits) * (UNITS[unit] ?? 1);
}
