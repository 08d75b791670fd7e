import { readFileSync } from "node:fs";

/** Tells records of this boot from older ones; without one, records count until they are removed. */
export function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "unknown";
  }
}
