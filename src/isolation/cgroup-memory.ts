/** Whether a container was ended for its memory, from what its cgroup says afterwards. */
import { MEMORY_STATISTICS_MAX_CHARS } from "../base/limits.ts";
import type { Exit, Limitation } from "./container.ts";

/** Text of the files of the same names; absent where the kernel has no such file. */
export interface MemoryFiles {
  /** memory.events: of the cgroup and those below it. */
  readonly events?: string | undefined;
  /** memory.events.local (Linux 5.2): of the cgroup alone. */
  readonly ownEvents?: string | undefined;
  /** memory.max. */
  readonly max?: string | undefined;
  /** memory.peak (Linux 5.19). */
  readonly peak?: string | undefined;
  /** memory.stat. */
  readonly stat?: string | undefined;
}

/** Lines of "name number" (cgroup-v2.rst, "flat keyed"). */
export function flatKeyed(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [name, value] = line.split(" ");
    if (name !== undefined && name !== "" && value !== undefined) values.set(name, Number(value));
  }
  return values;
}

/**
 * The kernel counts a process that it killed as `oom_kill` whoever lacked the
 * memory; only where the container itself was at its limit it counts `oom`.
 */
export function memoryLimitation(files: MemoryFiles): Limitation | undefined {
  const events = flatKeyed(files.events ?? "");
  const own = files.ownEvents === undefined ? events : flatKeyed(files.ownEvents);
  if ((own.get("oom") ?? 0) === 0 || (events.get("oom_kill") ?? 0) === 0) return undefined;
  const limit = Number(files.max);
  // Without memory.peak the limit is what is known: it was reached.
  const used = files.peak === undefined ? limit : Number(files.peak);
  const usedBytes = Number.isFinite(used) ? used : 0;
  return { resource: "memory", usedBytes, message: limitMessage(files, usedBytes) };
}

/** As MemorySubsystemProcess::oom of Mesos puts it together. */
function limitMessage({ max = "unknown", stat }: MemoryFiles, usedBytes: number): string {
  const requested = Number.isFinite(Number(max)) ? bytesText(Number(max)) : max.trim();
  const parts = [`Memory limit exceeded: Requested: ${requested} Maximum Used: ${bytesText(usedBytes)}\n`];
  if (stat !== undefined) {
    // The container is dead: most of its counters are 0 by now, and say nothing.
    const lines = stat.split("\n").filter((line) => line !== "" && !line.endsWith(" 0"));
    const kept = keepWithin(lines, MEMORY_STATISTICS_MAX_CHARS);
    parts.push(`\nMEMORY STATISTICS: \n${kept.join("\n")}\n`);
    if (kept.length < lines.length) parts.push(`(${lines.length - kept.length} more lines)\n`);
  }
  return parts.join("");
}

function keepWithin(lines: readonly string[], maxChars: number): readonly string[] {
  let chars = 0;
  const end = lines.findIndex((line) => {
    chars += line.length + 1;
    return chars > maxChars;
  });
  return end === -1 ? lines : lines.slice(0, end);
}

const UNITS = ["B", "KB", "MB", "GB", "TB"] as const;
const UNIT_FACTOR = 1024;

/** As stout prints Bytes: in the largest unit that divides them. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value !== 0 && value % UNIT_FACTOR === 0 && unit < UNITS.length - 1) {
    value /= UNIT_FACTOR;
    unit++;
  }
  return `${value}${UNITS[unit]}`;
}

/** The exit with its true cause. */
export function withLimitation(exit: Exit, limitation: Limitation | undefined): Exit {
  return limitation === undefined ? exit : { ...exit, limitation };
}
