/** An operator takes agents out of service with `mesh node`, while tasks run, and brings them back. */
import { expect, test } from "bun:test";
import { eventually, mesh, TestCluster } from "./test-cluster.ts";
import { TestScheduler } from "./test-scheduler.ts";

interface Listed {
  readonly agents: readonly {
    readonly agent_info: { readonly id: { readonly value: string } };
    readonly active: boolean;
    readonly drain_info?: { readonly state: string };
  }[];
}

async function node(cluster: TestCluster, ...args: string[]): Promise<string> {
  const answer = await mesh(["node", ...args, "--master", cluster.masterAddresses.join(",")]);
  expect([answer.status, answer.stderr]).toEqual([0, ""]);
  return answer.stdout;
}

async function agents(cluster: TestCluster): Promise<Listed["agents"]> {
  const answer = await mesh(["agents", "--json", "--master", cluster.masterAddresses.join(",")]);
  return (JSON.parse(answer.stdout) as Listed).agents;
}

/** A process that only SIGKILL ends. */
function stubborn(seconds: number): string {
  return `trap '' TERM; while :; do sleep ${seconds}; done`;
}

test("drained, activated, down for maintenance, up, and gone", async () => {
  await using cluster = await TestCluster.start({
    masters: 1,
    agents: 1,
    agentFlags: ["--hostname", "node7"],
  });
  await using scheduler = new TestScheduler(cluster.masterAddresses);
  await scheduler.launch([
    { id: "obedient", command: "exec sleep 100000" },
    { id: "stubborn", command: stubborn(100_000) },
  ]);
  await eventually("both to run", () => scheduler.count((state) => state === "TASK_RUNNING") === 2);

  // Without --max-grace the stubborn one would have 3 s.
  const drained = await node(cluster, "drain", "node7", "--max-grace", "0.2", "--wait");
  expect(drained).toContain("is drained");
  for (const id of ["obedient", "stubborn"]) {
    expect(scheduler.told.get(id)?.at(-1)).toMatchObject({
      state: "TASK_KILLED",
      reason: "REASON_AGENT_DRAINING",
    });
  }
  expect(await agents(cluster)).toMatchObject([{ active: false, drain_info: { state: "DRAINED" } }]);

  await node(cluster, "reactivate", "node7");
  await scheduler.launch([{ id: "next", command: "exec sleep 100000" }]);
  await eventually("the next to run", () => scheduler.stateOf("next") === "TASK_RUNNING");

  const [before] = await agents(cluster);
  expect(await node(cluster, "down", "node7")).toContain("is down");
  await eventually("the end of the task", () => scheduler.stateOf("next") === "TASK_GONE");
  const agent = cluster.agents[0];
  await eventually("the agent to end", () => agent?.running === false);
  expect(agent?.log).toContain("down for maintenance");
  agent?.start();
  await eventually("the agent to be refused", () => agent?.running === false);
  expect(await agents(cluster)).toEqual([]);

  await node(cluster, "up", "node7");
  agent?.start();
  await eventually("the agent to be back", async () => (await cluster.activeAgents()) === 1);
  const [after] = await agents(cluster);
  expect(after?.agent_info.id).toEqual(before?.agent_info.id ?? { value: "" });

  for (const action of ["drain", "deactivate", "reactivate", "gone"]) {
    const unknown = await mesh(["node", action, "node8", "--master", cluster.masterAddresses.join(",")]);
    const words = "No agent has the id or host name 'node8': 'mesh agents' lists them";
    expect([unknown.status, unknown.stderr]).toEqual([1, expect.stringContaining(words)]);
  }

  await node(cluster, "gone", "node7");
  await eventually("the agent to end for good", () => agent?.running === false);
  expect(agent?.log).toContain("marked gone by an operator");
}, 60_000);
