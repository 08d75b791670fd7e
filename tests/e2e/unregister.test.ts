/** An operator takes an agent out of the cluster with SIGUSR1. */
import { expect, test } from "bun:test";
import { eventually, TestCluster } from "./test-cluster.ts";
import { TestScheduler } from "./test-scheduler.ts";

test("SIGUSR1 ends the agent's tasks, takes it out of the cluster and ends it", async () => {
  await using cluster = await TestCluster.start({ masters: 1, agents: 1 });
  await using scheduler = new TestScheduler(cluster.masterAddresses);
  const seconds = String(200_000 + (process.pid % 100_000));
  await scheduler.launch([{ id: "sleeper", command: `exec sleep ${seconds}` }]);
  const runs = (): boolean => Bun.spawnSync(["pgrep", "-f", `^sleep ${seconds}$`]).exitCode === 0;
  await eventually("the task to run", runs);

  const agent = cluster.agents[0];
  process.kill(agent?.pid ?? 0, "SIGUSR1");
  await eventually("the agent to end", () => agent?.running === false);
  expect(runs()).toBe(false);
  await eventually("the master to forget the agent", async () => (await cluster.activeAgents()) === 0);
}, 60_000);
