/**
 * Facts about this machine that an agent needs: processors, memory, disk and
 * the boot it lives in. Everything is read once at start.
 */
import { readFileSync, statfsSync } from "node:fs";
import { cpus, totalmem, uptime } from "node:os";
import { SECOND_MS } from "../base/time.ts";

export interface Machine {
  readonly cpus: number;
  readonly memBytes: number;
  /** Size of the file system that holds `directory`. */
  readonly diskBytes: number | undefined;
  /** Differs after every start of the machine. */
  readonly bootId: string;
}

/** @param directory must exist */
export function inspectMachine(directory: string): Machine {
  return {
    cpus: Math.max(1, cpus().length),
    memBytes: totalmem(),
    diskBytes: fileSystemBytes(directory),
    bootId: readBootId(),
  };
}

function fileSystemBytes(directory: string): number | undefined {
  try {
    const { blocks, bsize } = statfsSync(directory);
    return blocks * bsize;
  } catch {
    return undefined;
  }
}

/** Linux names each boot (random(4)); elsewhere the time of the boot, to ten seconds, stands for it. */
function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    const bootedAtSeconds = Date.now() / SECOND_MS - uptime();
    return `booted-${Math.round(bootedAtSeconds / 10)}`;
  }
}
