/**
 * PSS of an idle master and an idle agent, what each of 100 sleeping tasks adds
 * beyond the task's own process, and what 2,000 short tasks leave behind.
 */
import { Cluster } from "../cluster.ts";
import { BENCH_RESOURCES, nameOf, processTree, pssBytes } from "./lib.ts";
import { runLoad } from "./load.ts";

const TASKS = 100;
const SHORT_TASKS = 2_000;
/** Lets buffers of the start be freed before the idle figures are taken. */
const SETTLE_MS = 10_000;
const END_TIMEOUT_MS = 30_000;
const POLL_MS = 100;

function inMegabytes(bytes: number): number {
  return Math.round(bytes / 1e4) / 100;
}

/** PSS of the master and of the agent after many short tasks, once they are idle again. */
async function afterManyTasks(): Promise<readonly [master: number, agent: number]> {
  await using cluster = await Cluster.start({ separate: true, resources: BENCH_RESOURCES });
  const load = { command: "true", amounts: { cpus: 0.01, mem: 8 }, inflight: SHORT_TASKS };
  const { scheduler } = await runLoad(cluster.master, {
    ...load,
    tasks: SHORT_TASKS,
    until: "TASK_FINISHED",
  });
  await scheduler.teardown();
  await Bun.sleep(SETTLE_MS);
  const [master = 0, agent = 0] = cluster.pids;
  return [pssBytes(master), pssBytes(agent)];
}

async function sleepingTasks(): Promise<Record<string, unknown>> {
  await using cluster = await Cluster.start({ separate: true, resources: BENCH_RESOURCES });
  const [master = 0, agent = 0] = cluster.pids;
  await Bun.sleep(SETTLE_MS);
  const idleMaster = pssBytes(master);
  const idleAgent = pssBytes(agent);
  const load = { command: "exec sleep 1000", amounts: { cpus: 0.01, mem: 8 }, inflight: TASKS };
  const { scheduler } = await runLoad(cluster.master, { ...load, tasks: TASKS, until: "TASK_RUNNING" });
  await Bun.sleep(SETTLE_MS);
  const tree = processTree(agent);
  const others = tree.filter((pid) => nameOf(pid) !== "sleep");
  const sleeping = tree.length - others.length;
  if (sleeping !== TASKS) throw new Error(`The agent has ${sleeping} sleeping tasks instead of ${TASKS}`);
  const added = others.reduce((sum, pid) => sum + pssBytes(pid), 0) - idleAgent;
  const busyMaster = pssBytes(master);
  const agentWithTasks = pssBytes(agent);
  await scheduler.teardown();
  // Tasks outlive their agent: it may be stopped only when the last one is gone.
  const deadline = performance.now() + END_TIMEOUT_MS;
  while (processTree(agent).length > 1 && performance.now() < deadline) await Bun.sleep(POLL_MS);
  if (processTree(agent).length > 1)
    throw new Error(`Tasks are alive ${END_TIMEOUT_MS / 1000} s after TEARDOWN`);
  return {
    idleMasterMB: inMegabytes(idleMaster),
    idleAgentMB: inMegabytes(idleAgent),
    addedPerTaskMB: inMegabytes(added / TASKS),
    masterWithTasksMB: inMegabytes(busyMaster),
    agentProcessWithTasksMB: inMegabytes(agentWithTasks),
    processesBesideEachTask: (others.length - 1) / TASKS,
  };
}

export async function bench(): Promise<Record<string, unknown>> {
  const sleeping = await sleepingTasks();
  const [master, agent] = await afterManyTasks();
  return {
    ...sleeping,
    masterAfter2000TasksMB: inMegabytes(master),
    agentAfter2000TasksMB: inMegabytes(agent),
  };
}
