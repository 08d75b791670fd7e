/**
 * An agent dies by SIGKILL at random moments, over and over, while it launches,
 * runs and ends tasks. Each task runs exactly once and is told as it ended, or
 * is told as dropped and never ran; nothing of them stays on the machine.
 * MESH_KILL_TASKS says how many tasks.
 */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { isTerminalState } from "../../src/model/task-state.ts";
import { expectNothingLeft } from "./left-behind.ts";
import { TestCluster } from "./test-cluster.ts";
import { TestScheduler } from "./test-scheduler.ts";

const TASKS = Number(process.env["MESH_KILL_TASKS"] ?? 200);
/** Exit statuses of the tasks, in turn. */
const STATUSES = 4;
const TASKS_PER_KILL = 10;
/** Between a start of the agent and the next kill: from the middle of its recovery to long after. */
const KILL_AFTER_MS = { low: 30, high: 900 };
const TIMEOUT_MS = 120_000 + (TASKS / TASKS_PER_KILL) * 2 * KILL_AFTER_MS.high;

test(
  `kill -9 of the agent at random moments of ${TASKS} launches`,
  async () => {
    const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    const about = `seed ${seed}`;
    console.log(about);
    const random = new Random(seed);
    await using cluster = await TestCluster.start({ masters: 1, agents: 1 });
    await cluster.useAgent();
    await using scheduler = new TestScheduler(cluster.masterAddresses);
    const [agent] = cluster.agents;
    const started = join(cluster.directory, "started");
    const cgroups = join(cluster.directory, "cgroups");
    const ids = Array.from({ length: TASKS }, (_, at) => `task-${at}`);
    const tasks = ids.map((id, at) => ({
      id,
      command: `echo ${id} >> ${started}; cat /proc/self/cgroup >> ${cgroups}; sleep 0.${at % 5}; exit ${at % STATUSES}`,
    }));

    for (let first = 0; first < TASKS; first += TASKS_PER_KILL) {
      await scheduler.launch(tasks.slice(first, first + TASKS_PER_KILL));
      await Bun.sleep(random.between(KILL_AFTER_MS.low, KILL_AFTER_MS.high));
      await agent?.kill("SIGKILL");
      agent?.start();
    }
    await scheduler.untilEnded(TASKS, 60_000);
    // Their offer went with the agent: the framework is told so, and none of them was started.
    const dropped = ids.filter((id) => scheduler.stateOf(id) === "TASK_DROPPED");
    console.log(`${dropped.length} not started: ${reasons(scheduler, dropped)}`);
    const ran = ids.filter((id) => !dropped.includes(id));
    expect(readFileSync(started, "utf8").trim().split("\n").sort(), about).toEqual([...ran].sort());
    const wrong = ran.filter((id) => !endedAs(scheduler, id, ids.indexOf(id) % STATUSES));
    expect(
      wrong.map((id) => scheduler.told.get(id)),
      about,
    ).toEqual([]);

    await expectNothingLeft(cluster, cgroups);
  },
  TIMEOUT_MS,
);

function reasons(scheduler: TestScheduler, ids: readonly string[]): string {
  return [...new Set(ids.map((id) => scheduler.told.get(id)?.at(-1)?.reason ?? "no reason"))].join(", ");
}

/** Told as it ended, by one status that ends it, however often that was sent. */
function endedAs(scheduler: TestScheduler, id: string, exitStatus: number): boolean {
  const ends = (scheduler.told.get(id) ?? []).filter(({ state }) => isTerminalState(state));
  const expected = exitStatus === 0 ? "TASK_FINISHED" : "TASK_FAILED";
  return (
    new Set(ends.map(({ uuid }) => JSON.stringify(uuid))).size === 1 &&
    ends[0]?.state === expected &&
    (exitStatus === 0 || ends[0].message?.includes(`status ${exitStatus}`) === true)
  );
}
