/** What a framework such as Marathon relies on: it hears of health, and sick tasks are ended for it. */
import { expect, test } from "bun:test";
import type { TaskStatus } from "../../src/model/v1/tasks.ts";
import { eventually, mesh, TestCluster } from "./test-cluster.ts";
import { TestScheduler } from "./test-scheduler.ts";

const TIMES = { delay_seconds: 0, interval_seconds: 0.2, timeout_seconds: 5 };
const RULES = { ...TIMES, grace_period_seconds: 0, consecutive_failures: 2 };
const HEALTH_UPDATED = "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED";

function health(statuses: readonly TaskStatus[] | undefined): unknown[] {
  return (statuses ?? [])
    .filter(({ healthy }) => healthy !== undefined)
    .map(({ state, healthy, reason }) => [state, healthy, reason]);
}

test("a framework hears of health, over a restart of the agent, and unhealthy tasks are killed", async () => {
  await using cluster = await TestCluster.start({ masters: 1, agents: 1 });
  await using scheduler = new TestScheduler(cluster.masterAddresses);
  const answer = { status: 200 };
  // Tasks share the host's network, so the test can play their server.
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response("", { status: answer.status }),
  });
  const http = { port: server.port ?? 0, path: "/up" };
  const command = { value: 'test "$WORD" = mine && test -e up' };
  const environment = { variables: [{ name: "WORD", value: "mine" }] };
  await scheduler.launch([
    { id: "web", command: "sleep 1000", more: { health_check: { type: "HTTP", http, ...RULES } } },
    {
      id: "job",
      command: "touch up; sleep 1000",
      more: {
        // The first check may come before the file.
        health_check: {
          ...{ type: "COMMAND", command: { ...command, environment } },
          ...{ ...RULES, grace_period_seconds: 60 },
        },
        check: { type: "TCP", tcp: { port: http.port }, ...TIMES },
      },
    },
  ]);
  const isHealthy = (id: string): boolean => scheduler.told.get(id)?.some((one) => one.healthy) === true;
  await eventually("both to be healthy", () => isHealthy("web") && isHealthy("job"), 60_000);
  await eventually(
    "the check's status",
    () => scheduler.told.get("job")?.at(-1)?.check_status?.tcp?.succeeded,
  );
  const master = cluster.masterAddresses.join(",");
  await eventually("mesh tasks to show it", async () => {
    const { stdout } = await mesh(["tasks", "--master", master]);
    return stdout.match(/TASK_RUNNING +healthy/g)?.length === 2;
  });

  const agent = cluster.agents[0];
  await agent?.kill("SIGKILL");
  agent?.start();
  await eventually("the agent to be back", async () => (await cluster.activeAgents()) === 1);
  answer.status = 503;
  await eventually("the web task to be killed", () => scheduler.stateOf("web") === "TASK_KILLED", 60_000);
  expect(health(scheduler.told.get("web"))).toEqual([
    ["TASK_RUNNING", true, HEALTH_UPDATED],
    ["TASK_RUNNING", false, HEALTH_UPDATED],
    ["TASK_RUNNING", false, HEALTH_UPDATED],
    ["TASK_KILLED", false, undefined],
  ]);
  const failed = scheduler.told.get("web")?.findLast(({ reason }) => reason === HEALTH_UPDATED);
  expect(failed?.message).toContain("the answer has HTTP status 503");
  // The other one went on being healthy: there was nothing to tell.
  expect(scheduler.stateOf("job")).toBe("TASK_RUNNING");
  const told = scheduler.told.get("job")?.filter(({ reason }) => reason === HEALTH_UPDATED);
  expect(told?.length).toBe(1);
  expect(scheduler.failure).toBeUndefined();
}, 120_000);
