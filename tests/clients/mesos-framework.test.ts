/**
 * The npm package mesos-framework, unmodified, keeps three HTTP servers
 * running on a cluster of three masters and an agent.
 */
import { expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../scripts/free-port.ts";
import { eventually, TestCluster } from "../e2e/test-cluster.ts";

const SOURCE = join(import.meta.dir, "mesos-framework");

interface FrameworkEvent {
  readonly event: string;
  readonly frameworkId?: string;
  readonly task?: string;
  readonly state?: string;
  readonly message?: string;
}

class Framework {
  readonly events: FrameworkEvent[] = [];
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;

  constructor(directory: string, masters: readonly string[], ports: readonly number[]) {
    // The package dies at its start without a folder for its logs.
    mkdirSync(join(directory, "logs"), { recursive: true });
    this.#child = Bun.spawn(["node", "scheduler.cjs", masters.join(","), ports.join(",")], {
      cwd: directory,
      stdio: ["pipe", "pipe", "inherit"],
    });
    void this.#read();
  }

  get frameworkIds(): (string | undefined)[] {
    return this.events.filter(({ event }) => event === "subscribed").map(({ frameworkId }) => frameworkId);
  }

  updates(state: string): FrameworkEvent[] {
    return this.events.filter((event) => event.event === "update" && event.state === state);
  }

  /** Ids of tasks ever told of. */
  get taskIds(): Set<string | undefined> {
    return new Set(this.events.filter(({ event }) => event === "update").map(({ task }) => task));
  }

  async stop(): Promise<number> {
    this.#child.stdin.write("stop\n");
    this.#child.stdin.flush();
    return this.#child.exited;
  }

  async end(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  async #read(): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      // The package's own log goes to the same output.
      for (const line of lines.filter((one) => one.startsWith('{"event":'))) {
        this.events.push(JSON.parse(line) as FrameworkEvent);
      }
    }
  }
}

async function install(directory: string): Promise<void> {
  cpSync(SOURCE, directory, { recursive: true, filter: (path) => !path.includes("node_modules") });
  const npm = Bun.spawn(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], {
    cwd: directory,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [trouble, status] = await Promise.all([new Response(npm.stderr).text(), npm.exited]);
  if (status !== 0) throw new Error(`npm ci failed: ${trouble}`);
}

/** `web0 1234`: name and pid of the server on the port; undefined while none answers. */
async function serverOn(port: number): Promise<string | undefined> {
  try {
    return await (await fetch(`http://127.0.0.1:${port}/`)).text();
  } catch {
    return undefined;
  }
}

async function serversOn(ports: readonly number[]): Promise<(string | undefined)[]> {
  return Promise.all(ports.map(serverOn));
}

test("three servers run, are replaced, survive the leader and go with the framework", async () => {
  const directory = mkdtempSync(join(tmpdir(), "mesh-mesos-framework-"));
  await install(directory);
  const ports = [freePort(), freePort(), freePort()];
  const flags = [
    "--resources",
    `cpus:4;mem:1024;disk:100;ports:[${ports.map((p) => `${p}-${p}`).join(", ")}]`,
  ];
  await using cluster = await TestCluster.start({ masters: 3, agents: 1, agentFlags: flags });
  const framework = new Framework(directory, cluster.masterAddresses, ports);
  try {
    await eventually("three servers to answer", async () => (await serversOn(ports)).every(Boolean), 60_000);
    const first = await serversOn(ports);
    expect(first.map((answer) => answer?.split(" ")[0])).toEqual(["web0", "web1", "web2"]);

    // One dies: the framework launches a new one on the same port.
    await fetch(`http://127.0.0.1:${ports[1]}/`);
    killServer(ports[1] ?? 0);
    await eventually("the framework to be told", () => framework.updates("TASK_FAILED").length === 1, 30_000);
    await eventually("a new server in its place", () => serverOn(ports[1] ?? 0), 60_000);
    await eventually("four tasks to have run", () => framework.updates("TASK_RUNNING").length === 4);

    // The leader dies: same framework id, no task restarted.
    const before = { servers: await serversOn(ports), tasks: framework.taskIds };
    const starts = serverStarts(ports);
    const leader = await cluster.leader();
    await cluster.masters[leader]?.kill("SIGKILL");
    await eventually("the framework to subscribe again", () => framework.frameworkIds.length >= 2, 60_000);
    await cluster.leader(leader);
    await eventually("the agent to be back", async () => (await cluster.activeAgents()) === 1, 30_000);
    expect(new Set(framework.frameworkIds).size).toBe(1);
    expect(await serversOn(ports)).toEqual(before.servers);
    expect(serverStarts(ports)).toEqual(starts);
    expect(framework.taskIds).toEqual(before.tasks);

    // It stops: all is gone.
    expect(await framework.stop()).toBe(0);
    await eventually(
      "no server to answer",
      async () => (await serversOn(ports)).every((one) => one === undefined),
      30_000,
    );
    const state = (await (
      await fetch(`http://${cluster.masterAddresses[await cluster.leader(leader)]}/frameworks`)
    ).json()) as {
      frameworks: unknown[];
      completed_frameworks: unknown[];
    };
    expect(state.frameworks).toHaveLength(0);
    expect(state.completed_frameworks).toHaveLength(1);
  } catch (error) {
    console.error(framework.events.slice(-30), cluster.logTails());
    throw error;
  } finally {
    await framework.end();
    rmSync(directory, { recursive: true, force: true });
  }
}, 240_000);

/** Host pid of the node process that listens on the port: inside its pid namespace it does not know it. */
function hostPid(port: number): number {
  const found = Bun.spawnSync([
    "sh",
    "-c",
    `grep -lz '^SERVER_PORT=${port}$' /proc/[0-9]*/environ 2>/dev/null`,
  ]);
  const pids = found.stdout
    .toString()
    .split("\n")
    .filter(Boolean)
    .map((path) => Number(path.split("/")[2]));
  const node = pids.find((pid) =>
    Bun.spawnSync(["cat", `/proc/${pid}/comm`])
      .stdout.toString()
      .startsWith("node"),
  );
  if (node === undefined) throw new Error(`No node process has SERVER_PORT=${port}`);
  return node;
}

function killServer(port: number): void {
  process.kill(hostPid(port), "SIGKILL");
}

/** Pid and start time of each server: the same only if none was started again. */
function serverStarts(ports: readonly number[]): string[] {
  return ports.map((port) => {
    const pid = hostPid(port);
    const stat = Bun.spawnSync(["cat", `/proc/${pid}/stat`]).stdout.toString();
    return `${pid}@${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
  });
}
