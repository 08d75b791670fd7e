/**
 * Containers started and ended per second by one agent, and what it costs:
 * 500 sleeping tasks at once through the public API, with the namespaces and
 * cgroups that the agent gives each; then 500 kills. Then, in the same run, one
 * task after another by the whole path, from ACCEPT to TASK_FINISHED, and one
 * container after another by the runtime alone and by `runc run` in turns.
 * Options: `--tasks N` (default 500), `--single N` (default 100).
 */
import { parseArgs } from "node:util";
import { Cluster } from "../cluster.ts";
import { containerTimes } from "../load/containers.ts";
import { cpuSeconds } from "../raft/load.ts";
import { BENCH_RESOURCES, nameOf, processTree, pssBytes, spread } from "./lib.ts";
import { runLoad } from "./load.ts";

const AMOUNTS = { cpus: 0.01, mem: 8 };
const WARM_UP_TASKS = 100;
const SETTLE_MS = 10_000;
const IDLE_MS = 30_000;
const END_TIMEOUT_MS = 60_000;
const POLL_MS = 10;

const perSecond = (count: number, ms: number): number => Math.round((count / ms) * 10_000) / 10;
const ratio = (one: number, other: number): number => Math.round((one / other) * 100) / 100;
const megabytes = (bytes: number): number => Math.round(bytes / 1e4) / 100;

async function warmUp(cluster: Cluster): Promise<void> {
  const load = { command: "true", amounts: AMOUNTS, tasks: WARM_UP_TASKS, inflight: WARM_UP_TASKS };
  const { scheduler } = await runLoad(cluster.master, { ...load, until: "TASK_FINISHED" });
  await scheduler.teardown();
}

/** Many at once: launches and destroys per second, and memory and processor time while they sleep. */
async function many(tasks: number): Promise<Record<string, unknown>> {
  await using cluster = await Cluster.start({ separate: true, resources: BENCH_RESOURCES });
  const [, agent = 0] = cluster.pids;
  await warmUp(cluster);
  const idle = pssBytes(agent);
  const load = { command: "exec sleep 1000", amounts: AMOUNTS, tasks, inflight: tasks };
  const { scheduler, totalMs } = await runLoad(cluster.master, { ...load, until: "TASK_RUNNING" });
  await Bun.sleep(SETTLE_MS);
  const own = processTree(agent).filter((pid) => nameOf(pid) !== "sleep");
  const added = own.reduce((sum, pid) => sum + pssBytes(pid), 0) - idle;
  const before = cpuSeconds([agent]);
  await Bun.sleep(IDLE_MS);
  const idleShare = (cpuSeconds([agent]) - before) / (IDLE_MS / 1000);
  const started = performance.now();
  await scheduler.teardown();
  while (processTree(agent).length > 1) {
    if (performance.now() - started > END_TIMEOUT_MS)
      throw new Error("Tasks are alive a minute after TEARDOWN");
    await Bun.sleep(POLL_MS);
  }
  return {
    tasks,
    launchesPerSecond: perSecond(tasks, totalMs),
    destroysPerSecond: perSecond(tasks, performance.now() - started),
    addedPerTaskMB: megabytes(added / tasks),
    idleAgentWithTasksCpuPercent: Math.round(idleShare * 10_000) / 100,
  };
}

/** One task after another, each to its end: milliseconds from ACCEPT to TASK_RUNNING and to TASK_FINISHED. */
async function oneByOne(tasks: number) {
  await using cluster = await Cluster.start({ separate: true, resources: BENCH_RESOURCES });
  await warmUp(cluster);
  const load = { command: "exec true", amounts: AMOUNTS, tasks, inflight: 1 };
  const times = await runLoad(cluster.master, { ...load, until: "TASK_FINISHED" });
  await times.scheduler.teardown();
  return times;
}

export async function bench(): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: { tasks: { type: "string", default: "500" }, single: { type: "string", default: "100" } },
  });
  const [tasks, single] = [Number(values.tasks), Number(values.single)];
  const all = await many(tasks);
  const mesh = await oneByOne(single);
  const { meshMs, runcMs } = await containerTimes(single);
  const wholeMs = spread(mesh.acceptToEndMs);
  return {
    ...all,
    lowLoadAcceptToRunningMs: spread(mesh.acceptToRunningMs),
    lowLoadAcceptToFinishedMs: wholeMs,
    runtimeAloneMs: spread(meshMs),
    runcRunMs: runcMs === undefined ? "not installed (Debian: runc)" : spread(runcMs),
    ...(runcMs === undefined
      ? {}
      : {
          runtimeAloneToRunc: ratio(spread(meshMs).p50, spread(runcMs).p50),
          wholePathToRunc: ratio(wholeMs.p50, spread(runcMs).p50),
        }),
  };
}
