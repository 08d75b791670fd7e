/** Flags of `mesh master` about frameworks and their offers, and the settings they make. */
import type { MasterSettings } from "../master/types.ts";
import { badFlag, type FlagSpec, type Flags } from "./flags.ts";

export const FRAMEWORK_FLAGS: readonly FlagSpec[] = [
  {
    name: "offer-constraints-re2-max-mem",
    value: "<bytes>",
    description: "Memory that one regular expression of a framework's offer constraints may take, as 4KB",
    default: "4KB",
  },
  {
    name: "offer-constraints-re2-max-program-size",
    value: "<n>",
    description: "Instructions of the program of one such expression",
    default: "100",
  },
  {
    name: "root-submissions",
    value: "<bool>",
    description: "Whether frameworks may run as root",
    default: "true",
  },
];

export type FrameworkSettings = Pick<MasterSettings, "constraintLimits" | "rootSubmissions">;

export function readFrameworkFlags(flags: Flags): FrameworkSettings {
  const maxProgramSize = flags.number("offer-constraints-re2-max-program-size", {
    min: 1,
    max: 1e6,
    integer: true,
  });
  return {
    constraintLimits: { maxMemBytes: bytesOf(flags, "offer-constraints-re2-max-mem"), maxProgramSize },
    rootSubmissions: flags.switch("root-submissions"),
  };
}

const UNITS: Readonly<Record<string, number>> = { B: 1, KB: 1024, MB: 1024 ** 2 };

/** Mesos' notation (stout/bytes.hpp): a whole number with B, KB or MB; alone it counts bytes. */
function bytesOf(flags: Flags, name: string): number {
  const value = flags.text(name);
  const [, digits, unit = "B"] = /^(\d{1,9})\s*(B|KB|MB)?$/.exec(value) ?? [];
  if (digits === undefined) throw badFlag(name, value, "bytes, for example 4096 or 4KB");
  return Number(digits) * (UNITS[unit] ?? 1);
}
