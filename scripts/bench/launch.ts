/**
 * Containers started and ended per second by one agent, and what it costs:
 * 500 sleeping tasks at once through the public API, with the namespaces and
 * cgroups that the agent gives each; then 500 kills. Then, in the same run, one
 * container after another through mesh, and through `runc run` (Debian: runc)
 * with the same namespaces and one program, for the time per container.
 * Options: `--tasks N` (default 500), `--single N` (default 100).
 */
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Cluster } from "../cluster.ts";
import { cpuSeconds } from "../raft/load.ts";
import { BENCH_RESOURCES, nameOf, processTree, pssBytes, spread } from "./lib.ts";
import { runLoad } from "./load.ts";

const AMOUNTS = { cpus: 0.01, mem: 8 };
const NAMESPACES = ["pid", "mount", "ipc", "uts"];
const WARM_UP_TASKS = 100;
const SETTLE_MS = 10_000;
const IDLE_MS = 30_000;
const END_TIMEOUT_MS = 60_000;
const POLL_MS = 10;
/** Directories of the host that a container of runc gets, so that `true` runs in it. */
const HOST_DIRECTORIES = ["/bin", "/lib", "/lib64", "/usr"];

const perSecond = (count: number, ms: number): number => Math.round((count / ms) * 10_000) / 10;
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

/** Milliseconds of each `runc run` of a container that does nothing; none when runc is not there. */
function runcTimes(count: number): number[] | undefined {
  if (Bun.which("runc") === null) return undefined;
  const bundle = mkdtempSync(join(tmpdir(), "mesh-runc-"));
  const nothing = openSync("/dev/null", "r+");
  try {
    writeBundle(bundle);
    return Array.from({ length: count }, (_, at) => {
      const started = performance.now();
      const done = Bun.spawnSync(["runc", "run", `mesh-bench-${process.pid}-${at}`], {
        cwd: bundle,
        stdio: [nothing, "ignore", "pipe"],
      });
      if (done.exitCode !== 0) throw new Error(`runc ended with ${done.exitCode}: ${done.stderr}`);
      return performance.now() - started;
    });
  } finally {
    closeSync(nothing);
    rmSync(bundle, { recursive: true, force: true });
  }
}

/** A bundle (OCI runtime specification) with the namespaces and limits of mesh's containers. */
function writeBundle(bundle: string): void {
  const root = join(bundle, "rootfs");
  for (const directory of [...HOST_DIRECTORIES, "/proc"])
    mkdirSync(join(root, directory), { recursive: true });
  const binds = HOST_DIRECTORIES.map((path) => ({
    destination: path,
    source: path,
    type: "bind",
    options: ["rbind", "ro"],
  }));
  const config = {
    ociVersion: "1.0.2",
    process: { cwd: "/", args: ["/bin/true"], env: ["PATH=/usr/bin:/bin"], user: { uid: 0, gid: 0 } },
    root: { path: "rootfs" },
    mounts: [{ destination: "/proc", type: "proc", source: "proc" }, ...binds],
    linux: {
      namespaces: NAMESPACES.map((type) => ({ type })),
      resources: { cpu: { shares: 102 }, memory: { limit: 32 * 1024 * 1024 } },
    },
  };
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
}

export async function bench(): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: { tasks: { type: "string", default: "500" }, single: { type: "string", default: "100" } },
  });
  const [tasks, single] = [Number(values.tasks), Number(values.single)];
  const all = await many(tasks);
  const mesh = await oneByOne(single);
  const runc = runcTimes(single);
  const meshMs = spread(mesh.acceptToEndMs);
  return {
    ...all,
    lowLoadAcceptToRunningMs: spread(mesh.acceptToRunningMs),
    lowLoadAcceptToFinishedMs: meshMs,
    runcRunMs: runc === undefined ? "not installed (Debian: runc)" : spread(runc),
    ...(runc === undefined ? {} : { ratioToRunc: Math.round((meshMs.p50 / spread(runc).p50) * 100) / 100 }),
  };
}
