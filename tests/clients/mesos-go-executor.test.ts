/** Debian's mesos-go, unmodified, as an executor in protobuf: it lives through the agent's death. */
import { beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ExecutorTokens } from "../../src/io/executor-tokens.ts";
import type { FrameworkID } from "../../src/model/v1/ids.ts";
import { eventually, TestCluster } from "../e2e/test-cluster.ts";
import { ExecutorScheduler } from "./executor-scheduler.ts";
import { buildMesosGoClient } from "./mesos-go/build.ts";

/** A build that finds nothing cached, on a busy machine. */
const BUILD_TIMEOUT_MS = 600_000;
const KEY = "the key of this agent";
const REALM = 'Bearer realm="mesos-agent-executor"';
let program = "";

beforeAll(async () => {
  program = await buildMesosGoClient();
}, BUILD_TIMEOUT_MS);

/** As the executor that the framework brought. */
async function call(
  agent: string | undefined,
  framework_id: FrameworkID,
  token?: string,
): Promise<unknown[]> {
  const answer = await fetch(`http://${agent}/api/v1/executor`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ type: "SUBSCRIBE", subscribe: {}, framework_id, executor_id: { value: "e" } }),
  });
  await answer.body?.cancel();
  return [answer.status, answer.headers.get("WWW-Authenticate")];
}

test("runs tasks, hears messages, outlives its agent and is shut down", async () => {
  const keys = mkdtempSync(join(tmpdir(), "mesh-keys-"));
  await Bun.write(join(keys, "key"), KEY);
  const agentFlags = ["--authenticate-http-executors", "--jwt-secret-key", join(keys, "key")];
  await using cluster = await TestCluster.start({ masters: 1, agents: 1, agentFlags });
  await using framework = new ExecutorScheduler(cluster.masterAddresses, {
    command: { shell: false, value: program, arguments: [program, "executor"] },
  });
  const last = (id: string) => framework.states(id).at(-1);
  const go = join(cluster.directory, "go");
  const ended = join(cluster.directory, "ended");
  try {
    await framework.launch("quick", "true");
    await framework.launch("long", "sleep 300");
    await framework.launch("waits", `while [ ! -e ${go} ]; do sleep 0.1; done; touch ${ended}`);
    await eventually("the quick task to end", () => last("quick") === "TASK_FINISHED");
    expect(framework.states("quick")).toEqual(["TASK_RUNNING", "TASK_FINISHED"]);
    await eventually("the long task to run", () => last("long") === "TASK_RUNNING");
    await eventually("the third task to run", () => last("waits") === "TASK_RUNNING");

    await framework.launchGroup({ one: "true", other: "exit 1" });
    await eventually(
      "both of a group to end",
      () => last("one") === "TASK_FINISHED" && last("other") === "TASK_FAILED",
    );
    const outputs = [...new Bun.Glob("a0/**/runs/*/stdout").scanSync({ cwd: cluster.directory })];
    const said = await Promise.all(outputs.map((path) => Bun.file(join(cluster.directory, path)).text()));
    expect(said.join("")).toContain("group of 2\n");

    // Nobody else is let in.
    const framework_id = { value: framework.client.frameworkId ?? "" };
    const claims = { fid: framework_id.value, eid: "e", cid: "another" };
    expect(await call(cluster.agentAddresses[0], framework_id)).toEqual([401, REALM]);
    const forged = new ExecutorTokens(Buffer.from("another")).issue(claims);
    expect(await call(cluster.agentAddresses[0], framework_id, forged)).toEqual([
      401,
      `${REALM}, error="invalid_token", error_description="Invalid JWT: Token signature does not match"`,
    ]);
    const foreign = new ExecutorTokens(Buffer.from(KEY)).issue(claims);
    expect(await call(cluster.agentAddresses[0], framework_id, foreign)).toEqual([403, null]);

    await framework.say("hello");
    await eventually("an answer of the executor", () => framework.messages.includes("heard hello"));

    // A task ends while there is no agent to tell.
    const [agent] = cluster.agents;
    await agent?.kill("SIGKILL");
    await Bun.write(go, "");
    await eventually("the task to end unheard", () => existsSync(ended));
    agent?.start();
    await eventually("the end that nobody could hear", () => last("waits") === "TASK_FINISHED");
    await eventually("the agent to be back", async () => (await cluster.activeAgents()) === 1);
    expect(framework.states("long")).toEqual(["TASK_RUNNING"]);
    expect(framework.states("waits")).toEqual(["TASK_RUNNING", "TASK_FINISHED"]);

    await framework.launch("late", "sleep 300");
    await eventually("the late task to run", () => last("late") === "TASK_RUNNING");
    await framework.kill("late");
    await eventually("the late task to be killed", () => last("late") === "TASK_KILLED");
    expect(framework.failures).toEqual([]);

    await framework.shutdown();
    await eventually("the executor to have ended", () => framework.failures.length === 1);
    expect(framework.failures[0]).toMatchObject({ executor_id: { value: "e" }, status: 7 * 256 });
    await eventually("the long task to have ended", () => last("long") === "TASK_FAILED");
    expect(framework.told.get("long")?.at(-1)?.reason).toBe("REASON_EXECUTOR_TERMINATED");
  } catch (error) {
    console.error([...framework.told], framework.messages, framework.failures, cluster.logTails());
    throw error;
  } finally {
    rmSync(keys, { recursive: true });
  }
}, 240_000);
