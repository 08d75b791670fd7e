/**
 * A one-machine cluster from dist/mesh in a directory of its own, for the demo
 * and the benchmarks. It is gone, with all its files, when it is disposed of.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BINARY, ensureBuilt } from "./build.ts";
import { freePort } from "./free-port.ts";

const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 50;
/** Of the log that is shown when a start fails. */
const LOG_TAIL_LINES = 20;

export interface ClusterOptions {
  /** Preferred ports; others are taken where these are in use. 0 lets the system choose. */
  readonly masterPort?: number;
  readonly agentPort?: number;
  /** `mesh dev` in one process (the default), or a `mesh master` and a `mesh agent`. */
  readonly separate?: boolean;
  /** Of the agent, as its flag takes them; detected by default. */
  readonly resources?: string;
}

export class Cluster implements AsyncDisposable {
  /** `http://127.0.0.1:port` of the master and of the agent. */
  readonly master: string;
  readonly agent: string;
  readonly directory: string;
  readonly #processes: readonly Bun.Subprocess[];

  private constructor(
    processes: readonly Bun.Subprocess[],
    master: string,
    agent: string,
    directory: string,
  ) {
    this.#processes = processes;
    this.master = master;
    this.agent = agent;
    this.directory = directory;
  }

  /** Builds the binary if it is stale, starts it, and waits until the agent is registered. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    await ensureBuilt();
    const directory = mkdtempSync(join(tmpdir(), "mesh-dev-"));
    const masterPort = freePort(options.masterPort);
    const agentPort = freePort(options.agentPort);
    const log = join(directory, "mesh.log");
    const output = openSync(log, "a");
    const processes = commands(directory, masterPort, agentPort, options).map((words) => {
      // In a session of its own: Ctrl-C in the terminal is for us, who stop it when its tasks have ended.
      return Bun.spawn([BINARY, ...words], {
        cwd: directory,
        detached: true,
        stdio: ["ignore", output, output],
      });
    });
    closeSync(output);
    const origin = (port: number): string => `http://127.0.0.1:${port}`;
    const cluster = new Cluster(processes, origin(masterPort), origin(agentPort), directory);
    try {
      await cluster.#ready();
    } catch (error) {
      console.error(readFileSync(log, "utf8").split("\n").slice(-LOG_TAIL_LINES).join("\n"));
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  /** `host:port` of the master, as --master takes it. */
  get address(): string {
    return new URL(this.master).host;
  }

  /** Process ids: of `mesh dev`, or of the master and the agent. */
  get pids(): readonly number[] {
    return this.#processes.map((child) => child.pid);
  }

  /** Resolves with the status of the first process that ends by itself. */
  get ended(): Promise<number> {
    return Promise.race(this.#processes.map((child) => child.exited));
  }

  async #ready(): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    while (performance.now() < deadline) {
      const ended = this.#processes.find((child) => child.exitCode !== null);
      if (ended !== undefined)
        throw new Error(`A mesh process ended with ${ended.exitCode} before it was ready`);
      if ((await this.#activeAgents()) > 0) return;
      await Bun.sleep(POLL_MS);
    }
    throw new Error(`No agent was registered after ${READY_TIMEOUT_MS / 1000} s`);
  }

  async #activeAgents(): Promise<number> {
    try {
      const answer = await fetch(`${this.master}/slaves`, { signal: AbortSignal.timeout(2_000) });
      if (!answer.ok) return 0;
      const { slaves } = (await answer.json()) as { slaves: { active: boolean }[] };
      return slaves.filter((agent) => agent.active).length;
    } catch {
      return 0;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#processes) child.kill("SIGTERM");
    const timer = setTimeout(() => {
      for (const child of this.#processes) child.kill("SIGKILL");
    }, STOP_TIMEOUT_MS);
    await Promise.all(this.#processes.map((child) => child.exited));
    clearTimeout(timer);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function commands(
  directory: string,
  masterPort: number,
  agentPort: number,
  { separate, resources }: ClusterOptions,
): string[][] {
  const given = resources === undefined ? [] : ["--resources", resources];
  const [port, ownPort] = [String(masterPort), String(agentPort)];
  const raftPort = ["--raft-port", String(freePort())];
  if (separate !== true) {
    const ports = ["--port", port, ...raftPort, "--agent-port", ownPort];
    return [["dev", "--dir", join(directory, "data"), ...ports, ...given]];
  }
  const master = ["--ip", "127.0.0.1", "--port", port, ...raftPort];
  const agent = ["--master", `127.0.0.1:${port}`, "--ip", "127.0.0.1", "--port", ownPort];
  return [
    ["master", ...master, "--data-dir", join(directory, "master")],
    ["agent", ...agent, "--work-dir", join(directory, "agent"), ...given],
  ];
}
