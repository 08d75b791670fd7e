import { parseBytes } from "../model/byte-text.ts";
import { badFlag, type Flags } from "./flags.ts";

/** A size in Mesos' notation. */
export function bytesOf(flags: Flags, name: string): number {
  const value = flags.text(name);
  const bytes = parseBytes(value);
  if (!bytes.ok) throw badFlag(name, value, "bytes, for example 4096 or 4KB");
  return bytes.value;
}
