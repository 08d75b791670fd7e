/** The npm package mesos-framework, unmodified, as an executor: it lives through the agent's death. */
import { expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, TestCluster } from "../e2e/test-cluster.ts";
import { ExecutorScheduler } from "./executor-scheduler.ts";

const SOURCE = join(import.meta.dir, "mesos-framework");

async function install(directory: string): Promise<void> {
  cpSync(SOURCE, directory, { recursive: true, filter: (path) => !path.includes("node_modules") });
  const npm = Bun.spawn(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], {
    cwd: directory,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [trouble, status] = await Promise.all([new Response(npm.stderr).text(), npm.exited]);
  if (status !== 0) throw new Error(`npm ci failed: ${trouble}`);
  mkdirSync(join(directory, "logs"), { recursive: true });
}

test("runs tasks, hears messages, outlives its agent and is shut down", async () => {
  const directory = mkdtempSync(join(tmpdir(), "mesh-executor-"));
  await install(directory);
  await using cluster = await TestCluster.start({ masters: 1, agents: 1 });
  await using framework = new ExecutorScheduler(cluster.masterAddresses, {
    command: { value: `cd ${directory} && exec node executor.cjs` },
  });
  try {
    await framework.launch("quick", "true");
    await framework.launch("long", "sleep 300");
    await framework.launch("waits", `while [ ! -e ${directory}/go ]; do sleep 0.1; done`);
    await eventually("the quick task to end", () => framework.states("quick").at(-1) === "TASK_FINISHED");
    await eventually("the long task to run", () => framework.states("long").at(-1) === "TASK_RUNNING");
    await eventually("the third task to run", () => framework.states("waits").at(-1) === "TASK_RUNNING");
    expect(framework.told.get("long")?.[0]).toMatchObject({
      source: "SOURCE_EXECUTOR",
      executor_id: { value: "e" },
      message: expect.stringMatching(/^pid \d+$/),
    });

    await framework.say("hello");
    await eventually("an answer of the executor", () => framework.messages.includes("heard hello"));

    // The agent dies; a task ends meanwhile; the executor comes back with the news.
    const [agent] = cluster.agents;
    await agent?.kill("SIGKILL");
    await Bun.write(`${directory}/go`, "");
    agent?.start();
    await eventually(
      "the end that nobody could hear",
      () => framework.states("waits").at(-1) === "TASK_FINISHED",
    );
    await eventually("the agent to be back", async () => (await cluster.activeAgents()) === 1);
    expect(framework.states("long")).toEqual(["TASK_RUNNING"]);

    // The same executor takes another task, and its kill.
    await framework.launch("late", "sleep 300");
    await eventually("the late task to run", () => framework.states("late").at(-1) === "TASK_RUNNING");
    await framework.kill("late");
    await eventually("the late task to be killed", () => framework.states("late").at(-1) === "TASK_KILLED");
    expect(framework.failures).toEqual([]);

    await framework.shutdown();
    await eventually("the executor to have ended", () => framework.failures.length === 1);
    expect(framework.failures[0]).toMatchObject({ executor_id: { value: "e" }, status: 7 * 256 });
    await eventually("the long task to have ended", () => framework.states("long").at(-1) === "TASK_FAILED");
    expect(framework.told.get("long")?.at(-1)?.reason).toBe("REASON_EXECUTOR_TERMINATED");
  } catch (error) {
    console.error([...framework.told], framework.messages, framework.failures, cluster.logTails());
    throw error;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}, 240_000);
