/** Concurrent puts against any store, and what the disk and the processes make of them. */
import { closeSync, fdatasyncSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Keys that all puts go to, as in the first measurement of etcd. */
const KEYS = 1_000;
const TICKS_PER_S = 100;

/** Stores one value; resolves when it is committed. */
export type Put = (key: string, value: Uint8Array) => Promise<unknown>;

export interface LoadResult {
  /** Latency of each put in milliseconds. */
  readonly latencyMs: number[];
  readonly seconds: number;
}

/** `clients` clients, each with one put under way, spread over `puts` (one for each connection). */
export async function load(
  puts: readonly Put[],
  clients: number,
  seconds: number,
  bytes: number,
): Promise<LoadResult> {
  const value = new Uint8Array(bytes).fill(120);
  const latencyMs: number[] = [];
  const started = performance.now();
  const end = started + seconds * 1000;
  let next = 0;
  await Promise.all(
    Array.from({ length: clients }, async (_, i) => {
      const put = puts[i % puts.length];
      if (put === undefined) throw new Error("No connection to put on");
      for (let before = performance.now(); before < end; ) {
        await put(`k${next++ % KEYS}`, value);
        const after = performance.now();
        latencyMs.push(after - before);
        before = after;
      }
    }),
  );
  return { latencyMs, seconds: (performance.now() - started) / 1000 };
}

/** How often this disk can append 256 bytes durably in a second. */
export function syncsPerSecond(): number {
  const path = join(tmpdir(), `mesh-fdatasync-${process.pid}`);
  const file = openSync(path, "w");
  const block = new Uint8Array(256).fill(120);
  const end = performance.now() + 1000;
  let syncs = 0;
  while (performance.now() < end) {
    writeSync(file, block);
    fdatasyncSync(file);
    syncs++;
  }
  closeSync(file);
  rmSync(path);
  return syncs;
}

/** CPU time of processes so far, user and system, in seconds. */
export function cpuSeconds(pids: readonly number[], of: "themselves" | "children" = "themselves"): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // utime and stime, or cutime and cstime (proc_pid_stat(5)).
    const first = of === "themselves" ? 11 : 13;
    ticks += Number(fields[first]) + Number(fields[first + 1]);
  }
  return ticks / TICKS_PER_S;
}
