/** Three masters and two agents; processes die without warning and nothing is lost or doubled. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, TestCluster } from "./test-cluster.ts";
import { TestScheduler } from "./test-scheduler.ts";

const TASKS = 200;
const SLEEPERS = 20;
/** Unlike that of any other sleep on the machine. */
const SLEEP_SECONDS = String(100_000 + (process.pid % 100_000));

function tasks(count: number, command: (id: string) => string): { id: string; command: string }[] {
  return Array.from({ length: count }, (_, i) => ({ id: `task-${i}`, command: command(`task-${i}`) }));
}

test("kill -9 of the leading master in the middle of 200 tasks", async () => {
  await using cluster = await TestCluster.start({ masters: 3, agents: 2 });
  await using scheduler = new TestScheduler(cluster.masterAddresses);
  const record = join(cluster.directory, "started");
  await scheduler.launch(tasks(TASKS, (id) => `echo ${id} >> ${record}; sleep 0.1`));
  await eventually("a quarter of the tasks to end", () => scheduler.ended >= TASKS / 4, 60_000);

  const leader = await cluster.leader();
  await cluster.masters[leader]?.kill("SIGKILL");

  let untold = performance.now();
  await eventually(
    "all tasks to end",
    async () => {
      if (performance.now() - untold > 1_000) {
        untold = performance.now();
        await scheduler.recoverUntold();
      }
      return scheduler.ended === TASKS;
    },
    60_000,
  );
  expect(scheduler.failure).toBeUndefined();
  expect(scheduler.subscriptions).toBeGreaterThanOrEqual(2);
  expect(scheduler.count((state) => state === "TASK_FINISHED")).toBe(TASKS);
  const started = readFileSync(record, "utf8").trim().split("\n");
  expect(started).toHaveLength(TASKS);
  expect(new Set(started).size).toBe(TASKS);

  cluster.masters[leader]?.start();
  await eventually("the killed master to follow", async () => {
    const answer = await fetch(`http://${cluster.masterAddresses[leader]}/slaves`, { redirect: "manual" });
    return answer.status === 307;
  });
}, 120_000);

test("kill -9 of an agent: its tasks are the same processes afterwards and reconcile as TASK_RUNNING", async () => {
  await using cluster = await TestCluster.start({ masters: 3, agents: 1 });
  await using scheduler = new TestScheduler(cluster.masterAddresses);
  const sleepers = tasks(SLEEPERS, () => `sleep ${SLEEP_SECONDS}`);
  await scheduler.launch(sleepers);
  await eventually(
    "all to run",
    () => scheduler.count((state) => state === "TASK_RUNNING") === SLEEPERS,
    60_000,
  );
  await eventually("all processes", () => sleepingProcesses().length === SLEEPERS);
  const before = sleepingProcesses();

  const agent = cluster.agents[0];
  await agent?.kill("SIGKILL");
  agent?.start();
  await eventually("the agent to be back", async () => (await cluster.activeAgents()) === 1);
  const ids = sleepers.map(({ id }) => id);
  await eventually(
    "all to reconcile as TASK_RUNNING",
    async () => {
      if (ids.every((id) => scheduler.reconciled.get(id) === "TASK_RUNNING")) return true;
      await scheduler.reconcile(ids);
      await Bun.sleep(200);
      return false;
    },
    30_000,
  );
  expect(sleepingProcesses()).toEqual(before);
  expect(scheduler.ended).toBe(0);

  for (const id of ids) await scheduler.client.call({ type: "KILL", kill: { task_id: { value: id } } });
  await eventually(
    "all to be killed",
    () => scheduler.count((state) => state === "TASK_KILLED") === SLEEPERS,
    30_000,
  );
  await eventually("their processes to be gone", () => sleepingProcesses().length === 0);
}, 120_000);

/** Host pids of this test's sleep, with their start times, sorted. */
function sleepingProcesses(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const [program, argument] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        if (program !== "sleep" || argument !== SLEEP_SECONDS) return [];
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        const startTime = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
        return [`${pid}@${startTime}`];
      } catch {
        return [];
      }
    })
    .sort();
}
