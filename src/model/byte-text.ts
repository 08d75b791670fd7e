import { fail, ok, type Result } from "../base/result.ts";

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1024,
  MB: 1024 ** 2,
  GB: 1024 ** 3,
  TB: 1024 ** 4,
};

/** Mesos' notation (stout/bytes.hpp): a whole number with B, KB, MB, GB or TB; alone it counts bytes. */
export function parseBytes(text: string): Result<number> {
  const [, digits, unit = "B"] = /^(\d{1,12})\s*([KMGT]?B)?$/.exec(text.trim()) ?? [];
  const bytes = digits === undefined ? Number.NaN : Number(digits) * (UNITS[unit] ?? Number.NaN);
  return Number.isSafeInteger(bytes)
    ? ok(bytes)
    : fail(`'${text}' is no number of bytes such as 4096 or 10MB`);
}
