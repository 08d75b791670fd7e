/** Restarts of an agent with flags that say how: a damaged checkpoint, cleaning up, users of tasks. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../scripts/free-port.ts";
import { isTerminalState } from "../../src/model/task-state.ts";
import { BINARY, eventually, MeshProcess, mesh, TestCluster } from "./test-cluster.ts";
import { TestScheduler } from "./test-scheduler.ts";

/** Unlike that of any other sleep on the machine. */
const SLEEP_SECONDS = String(200_000 + (process.pid % 100_000));

function sleepers(): number {
  const found = Bun.spawnSync(["pgrep", "-f", "-x", `sleep ${SLEEP_SECONDS}`]).stdout.toString();
  return found.split("\n").filter(Boolean).length;
}

test("a damaged checkpoint, and an agent that is to clean up", async () => {
  await using cluster = await TestCluster.start({ masters: 1, agents: 0 });
  await using scheduler = new TestScheduler(cluster.masterAddresses);
  const workDir = join(cluster.directory, "own");
  const words = [
    ...["agent", "--master", cluster.masterAddresses.join(","), "--ip", "127.0.0.1"],
    ...["--port", `${freePort()}`, "--work-dir", workDir, "--resources", "cpus:4;mem:1024;disk:10;ports:[]"],
  ];
  const ended = async (...more: string[]): Promise<{ status: number; said: string }> => {
    const child = Bun.spawn([BINARY, ...words, ...more], { stdio: ["ignore", "ignore", "pipe"] });
    const said = await new Response(child.stderr).text();
    return {
      status: await child.exited,
      said: said
        .split("\n")
        .filter((line) => line.startsWith("mesh:"))
        .join(),
    };
  };
  const first = new MeshProcess(cluster.directory, "first", [...words, "--no-switch-user"]);
  await scheduler.launch([{ id: "t", command: `exec sleep ${SLEEP_SECONDS}` }]);
  await eventually("the task to run", () => scheduler.stateOf("t") === "TASK_RUNNING" && sleepers() === 1);

  if (process.getuid?.() === 0) {
    const masters = ["--master", cluster.masterAddresses.join(",")];
    const run = await mesh(["run", ...masters, "--quiet", "--user", "nobody", "--", "id", "-u"]);
    expect([run.stdout, run.status]).toEqual(["0\n", 0]);
  }

  await first.kill("SIGKILL");
  rmSync(join(workDir, "meta/CURRENT"));
  const strict = await ended();
  expect([strict.status, strict.said]).toEqual([1, expect.stringContaining("--no-strict")]);
  const second = new MeshProcess(cluster.directory, "second", [...words, "--no-strict"]);
  await eventually("the agent to come back", async () => (await cluster.activeAgents()) === 1);
  expect(second.log).toContain("has been repaired");
  expect([scheduler.stateOf("t"), sleepers()]).toEqual(["TASK_RUNNING", 1]);

  await second.kill("SIGKILL");
  const cleanup = await ended("--recover", "cleanup");
  expect(cleanup).toEqual({ status: 0, said: "" });
  expect(sleepers()).toBe(0);
  await eventually("the framework to hear of it", () =>
    isTerminalState(scheduler.stateOf("t") ?? "TASK_RUNNING"),
  );
  // Sandboxes stay, and the next start is that of a new agent.
  expect(existsSync(join(workDir, "slaves"))).toBe(true);
  const third = new MeshProcess(cluster.directory, "third", words);
  await eventually("a new agent", async () => (await cluster.activeAgents()) === 1);
  await scheduler.launch([{ id: "u", command: "true" }]);
  await eventually("its first task", () => scheduler.stateOf("u") === "TASK_FINISHED");
  expect(readdirSync(join(workDir, "slaves")).length).toBe(2);
  await third.kill("SIGTERM");
}, 60_000);
