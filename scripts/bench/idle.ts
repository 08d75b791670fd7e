/**
 * What three masters with nothing to do write to their disks and take of a core.
 * Options: `--minutes N` (default 2), or `--seconds N`.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { cpuSeconds } from "../raft/load.ts";
import { Masters } from "../raft/masters.ts";

const SETTLE_SECONDS = 15;
const HOUR_SECONDS = 3_600;

/** Bytes that a process caused to be sent to a disk. */
function writtenBytes(pid: number): number {
  return Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1] ?? 0);
}

export async function bench(): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: { seconds: { type: "string" }, minutes: { type: "string", default: "2" } },
  });
  const seconds = Number(values.seconds ?? Number(values.minutes) * 60);
  if (!(seconds > 0)) throw new Error(`--minutes or --seconds has no positive number: ${seconds}`);
  await using masters = await Masters.start();
  const leader = await masters.leader();
  await Bun.sleep(SETTLE_SECONDS * 1000);
  const before = masters.pids.map((pid) => ({ bytes: writtenBytes(pid), cpu: cpuSeconds([pid]) }));
  await Bun.sleep(seconds * 1000);
  const figures: Record<string, unknown> = { seconds };
  for (const [i, pid] of masters.pids.entries()) {
    const bytes = writtenBytes(pid) - (before[i]?.bytes ?? 0);
    const cpu = cpuSeconds([pid]) - (before[i]?.cpu ?? 0);
    figures[`${i === leader ? "leader" : "follower"} ${i}`] = {
      writtenKBPerHour: Math.round((bytes / seconds) * (HOUR_SECONDS / 1000)),
      coreShare: `${((cpu / seconds) * 100).toFixed(2)} %`,
    };
  }
  return figures;
}
