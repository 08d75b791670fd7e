/**
 * An agent dies by SIGKILL at random moments, over and over, while it runs
 * pods. The tasks of each start together or not at all, run once, and are told
 * as they ended; where one fails the others are killed. Nothing of them stays.
 */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { isTerminalState } from "../../src/model/task-state.ts";
import { expectNothingLeft } from "./left-behind.ts";
import { TestCluster } from "./test-cluster.ts";
import { TestScheduler } from "./test-scheduler.ts";

const PODS = Number(process.env["MESH_KILL_PODS"] ?? 30);
const KILL_AFTER_MS = { low: 30, high: 1_200 };
const TIMEOUT_MS = 60_000 + PODS * 3_000;

test(
  `kill -9 of the agent at random moments of ${PODS} pods`,
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
    const note = (id: string) => `echo ${id} >> ${started}; cat /proc/self/cgroup >> ${cgroups}`;
    const pods = Array.from({ length: PODS }, (_, at) => ({
      fails: at % 2 === 0,
      ids: ["quick", "decides", "waits"].map((name) => `${name}-${at}`),
    }));
    for (const [at, { fails, ids }] of pods.entries()) {
      const [quick = "", decides = "", waits = ""] = ids;
      await scheduler.launchGroup(`pod-${at}`, [
        { id: quick, command: `${note(quick)}; exit 0` },
        { id: decides, command: `${note(decides)}; sleep 0.${at % 9}; exit ${fails ? 3 : 0}` },
        { id: waits, command: `${note(waits)}; ${fails ? "exec sleep 1000" : "exit 0"}` },
      ]);
    }

    const all = pods.flatMap(({ ids }) => ids);
    let kills = 0;
    const over = performance.now() + TIMEOUT_MS - 40_000;
    while (scheduler.ended < all.length && performance.now() < over) {
      await Bun.sleep(random.between(KILL_AFTER_MS.low, KILL_AFTER_MS.high));
      await agent?.kill("SIGKILL");
      agent?.start();
      kills++;
    }
    await scheduler.untilEnded(all.length, 30_000);
    console.log(`${PODS} pods through ${kills} kills of their agent`);

    const ran = readFileSync(started, "utf8").trim().split("\n");
    expect(new Set(ran).size, about).toBe(ran.length);
    const states = (ids: readonly string[]) => ids.map((id) => scheduler.stateOf(id) ?? "");
    const dropped = pods.filter(({ ids }) => states(ids).every((state) => state === "TASK_DROPPED"));
    for (const { ids } of dropped)
      expect(
        ran.filter((id) => ids.includes(id)),
        about,
      ).toEqual([]);
    console.log(`${dropped.length} pods not started`);
    for (const { fails, ids } of pods.filter((pod) => !dropped.includes(pod))) {
      const [quick = "", ...others] = states(ids);
      // Its end may come after that of the one that fails.
      const which = `${about}: ${JSON.stringify(ids.map((id) => scheduler.told.get(id)))}`;
      expect(fails ? ["TASK_FINISHED", "TASK_KILLED"] : ["TASK_FINISHED"], which).toContain(quick);
      expect(others, which).toEqual(
        fails ? ["TASK_FAILED", "TASK_KILLED"] : ["TASK_FINISHED", "TASK_FINISHED"],
      );
    }
    for (const id of all) {
      const ends = (scheduler.told.get(id) ?? []).filter(({ state }) => isTerminalState(state));
      expect(new Set(ends.map(({ uuid }) => JSON.stringify(uuid))).size, `${about}: ${id}`).toBe(1);
    }

    await expectNothingLeft(cluster, cgroups);
  },
  TIMEOUT_MS,
);
