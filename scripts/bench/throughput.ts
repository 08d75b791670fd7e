/**
 * Tasks finished per second, and how long a task takes from ACCEPT to
 * TASK_RUNNING: at full load, and at low load (one task at a time). A master
 * and an agent of their own for each; the client shares the machine with them.
 */
import { Cluster } from "../cluster.ts";
import { BENCH_RESOURCES, spread } from "./lib.ts";
import { type LoadTimes, runLoad } from "./load.ts";

const LOAD = { command: "true", amounts: { cpus: 0.01, mem: 8 }, until: "TASK_FINISHED" } as const;
/** The first tasks warm the code up; they are not counted. */
const WARM_UP_TASKS = 100;
const FULL_TASKS = 1_000;
const LOW_TASKS = 50;

async function onFreshCluster(tasks: number, inflight: number): Promise<LoadTimes> {
  await using cluster = await Cluster.start({ separate: true, resources: BENCH_RESOURCES });
  const warmUp = await runLoad(cluster.master, { ...LOAD, tasks: WARM_UP_TASKS, inflight: WARM_UP_TASKS });
  await warmUp.scheduler.teardown();
  const times = await runLoad(cluster.master, { ...LOAD, tasks, inflight });
  await times.scheduler.teardown();
  return times;
}

export async function bench(): Promise<Record<string, unknown>> {
  const low = await onFreshCluster(LOW_TASKS, 1);
  const full = await onFreshCluster(FULL_TASKS, FULL_TASKS);
  return {
    tasksPerSecond: Math.round((FULL_TASKS / full.totalMs) * 10_000) / 10,
    fullLoadAcceptToRunningMs: spread(full.acceptToRunningMs),
    lowLoadAcceptToRunningMs: spread(low.acceptToRunningMs),
    lowLoadAcceptToFinishedMs: spread(low.acceptToEndMs),
  };
}
