/** A pod on the binary: its tasks share a directory and the network, live and die together. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { ContainerInfo } from "../../src/model/v1/containers.ts";
import { mayRun } from "../support/must-run.ts";
import { eventually, mesh, TestCluster } from "./test-cluster.ts";
import { TestScheduler } from "./test-scheduler.ts";

const SHARED: ContainerInfo = {
  type: "MESOS",
  volumes: [
    {
      mode: "RW",
      container_path: "shared",
      source: { type: "SANDBOX_PATH", sandbox_path: { type: "PARENT", path: "common" } },
    },
  ],
};

/** Programs of the tasks, without a quote in them. */
const SERVER = `
const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("hello from " + process.env.NAME) });
await Bun.write("shared/port.new", String(server.port));
require("node:fs").renameSync("shared/port.new", "shared/port");
`;
const CLIENT = `
while (!require("node:fs").existsSync("shared/port")) await Bun.sleep(20);
const answer = await fetch("http://127.0.0.1:" + (await Bun.file("shared/port").text()));
console.log(await answer.text());
setInterval(() => {}, 100000);
`;

const bun = (program: string): string => `exec ${process.execPath} -e '${program}'`;
const asRoot = process.getuid?.() === 0;

test.skipIf(!mayRun(asRoot))(
  "its tasks share a directory and talk over localhost; over a kill -9 of the agent one's end is the other's",
  async () => {
    await using cluster = await TestCluster.start({ masters: 1, agents: 1 });
    await using scheduler = new TestScheduler(cluster.masterAddresses);
    const environment = { variables: [{ name: "NAME", value: "the web task" }] };
    const container = SHARED;
    await scheduler.launchGroup(
      "pod-1",
      [
        { id: "web", command: "", more: { command: { value: bun(SERVER), environment } } },
        { id: "client", command: bun(CLIENT) },
      ],
      { container },
    );
    const running = (...ids: string[]) => ids.every((id) => scheduler.stateOf(id) === "TASK_RUNNING");
    await eventually("both to run", () => running("web", "client"), 60_000);
    const master = cluster.masterAddresses.join(",");
    const logs = async (id: string) => (await mesh(["logs", "--master", master, id])).stdout;
    await eventually("an answer", async () => (await logs("client")) === "hello from the web task\n", 30_000);

    const [web, client] = ["web", "client"].map((id) => {
      const status = scheduler.told.get(id)?.at(-1);
      expect(status?.executor_id).toEqual({ value: "pod-1" });
      return status?.container_status?.container_id;
    });
    expect(web?.parent).toEqual(client?.parent);
    const containers = await agentCall(cluster, {
      type: "GET_CONTAINERS",
      get_containers: { show_nested: true },
    });
    expect(containers.get_containers.containers.map(({ container_id }) => container_id)).toEqual([
      web?.parent,
      web,
      client,
    ]);

    const agent = cluster.agents[0];
    await agent?.kill("SIGKILL");
    agent?.start();
    await eventually("the agent to be back", async () => (await cluster.activeAgents()) === 1);
    expect(running("web", "client")).toBe(true);
    const pid = scheduler.told.get("web")?.at(-1)?.container_status?.executor_pid ?? 0;
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    killBelow(pid);
    await eventually("both to end", () => scheduler.ended === 2, 60_000);
    const ends = ["web", "client"].map((id) => scheduler.told.get(id)?.at(-1));
    expect(ends.map((end) => [end?.state, end?.message])).toEqual([
      ["TASK_FAILED", "Command terminated with signal Killed"],
      ["TASK_KILLED", "Command terminated with signal Terminated"],
    ]);
    expect((await agentCall(cluster, { type: "GET_CONTAINERS" })).get_containers.containers ?? []).toEqual(
      [],
    );

    // Nothing is left in the way of the same ids.
    await scheduler.launchGroup("pod-1", [
      { id: "a", command: "echo a" },
      { id: "b", command: "echo b" },
    ]);
    await eventually("both to end", () => scheduler.ended === 4, 60_000);
    for (const id of ["a", "b"]) {
      expect(scheduler.told.get(id)?.map(({ state }) => state)).toEqual([
        "TASK_STARTING",
        "TASK_RUNNING",
        "TASK_FINISHED",
      ]);
    }
    expect(await logs("b")).toBe("b\n");
  },
  180_000,
);

/** Needs namespaces of the kernel, which the user who runs the tests may not have. */
test.skipIf(!mayRun(asRoot))(
  "its tasks share a pid and an ipc namespace, over a kill -9 of the agent; nothing of it is left",
  async () => {
    await using cluster = await TestCluster.start({ masters: 1, agents: 1 });
    await using scheduler = new TestScheduler(cluster.masterAddresses);
    const container: ContainerInfo = {
      type: "MESOS",
      linux_info: { share_pid_namespace: true, ipc_mode: "SHARE_PARENT" },
    };
    await scheduler.launchGroup("pod-1", [{ id: "keeps", command: "exec sleep 86399" }], { container });
    await eventually("the first to run", () => scheduler.stateOf("keeps") === "TASK_RUNNING", 60_000);
    const agent = cluster.agents[0];
    await agent?.kill("SIGKILL");
    agent?.start();
    await eventually("the agent to be back", async () => (await cluster.activeAgents()) === 1);
    const look = "echo $(readlink /proc/self/ns/ipc) $(cat /proc/[0-9]*/cmdline | tr '\\0\\n' '  ')";
    await scheduler.launchGroup("pod-1", [{ id: "looks", command: look }], { container });
    await eventually("the other to end", () => scheduler.stateOf("looks") === "TASK_FINISHED", 60_000);
    const said = (await mesh(["logs", "--master", cluster.masterAddresses.join(","), "looks"])).stdout;
    expect(said).toContain("sleep 86399");
    expect(said).toContain("mesh-pod");
    const pid = scheduler.told.get("keeps")?.at(-1)?.container_status?.executor_pid ?? 0;
    expect(said).toStartWith(readlinkSync(`/proc/${programOf(pid)}/ns/ipc`));
    killBelow(pid);
    await eventually("the first to end", () => scheduler.ended === 2, 60_000);
    const pod = scheduler.told.get("keeps")?.at(-1)?.container_status?.container_id?.parent?.value ?? "";
    expect(pod).not.toBe("");
    await eventually("its holder to end", () => !commandLines().some((line) => line.includes(pod)), 30_000);
  },
  180_000,
);

/** Of what this machine runs. */
function commandLines(): string[] {
  return readdirSync("/proc").flatMap((name) => {
    try {
      return /^\d+$/.test(name) ? readFileSync(`/proc/${name}/cmdline`, "utf8") : [];
    } catch {
      return []; // It has ended.
    }
  });
}

function programOf(supervisor: number): number {
  return children(supervisor).flatMap(children)[0] ?? 0;
}

interface Containers {
  readonly get_containers: { readonly containers: readonly { readonly container_id: unknown }[] };
}

async function agentCall(cluster: TestCluster, call: object): Promise<Containers> {
  const answer = await fetch(`http://${cluster.agentAddresses[0]}/api/v1`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(call),
  });
  return (await answer.json()) as Containers;
}

/** The program of a task, below its supervisor and init. */
function killBelow(supervisor: number): void {
  for (const init of children(supervisor)) for (const pid of children(init)) process.kill(pid, "SIGKILL");
}

function children(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
}
