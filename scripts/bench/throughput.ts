/**
 * Tasks finished per second, and how long a task takes from ACCEPT to
 * TASK_RUNNING: at full load, and at low load (one task at a time).
 */
import { Cluster } from "../cluster.ts";
import { spread } from "./lib.ts";
import { runLoad } from "./load.ts";

const LOAD = { command: "true", amounts: { cpus: 0.01, mem: 8 }, until: "TASK_FINISHED" } as const;

export async function bench(): Promise<Record<string, unknown>> {
  await using cluster = await Cluster.start();
  // The first tasks warm the code up; they are not counted.
  await (await runLoad(cluster.master, { ...LOAD, tasks: 50, inflight: 50 })).scheduler.teardown();
  const full = await runLoad(cluster.master, { ...LOAD, tasks: 1_000, inflight: 1_000 });
  await full.scheduler.teardown();
  const low = await runLoad(cluster.master, { ...LOAD, tasks: 50, inflight: 1 });
  await low.scheduler.teardown();
  return {
    tasksPerSecond: Math.round((1_000 / full.totalMs) * 10_000) / 10,
    fullLoadAcceptToRunningMs: spread(full.acceptToRunningMs),
    lowLoadAcceptToRunningMs: spread(low.acceptToRunningMs),
    lowLoadAcceptToFinishedMs: spread(low.acceptToEndMs),
  };
}
