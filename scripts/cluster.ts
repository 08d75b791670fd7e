/**
 * A one-machine cluster from dist/mesh in a directory of its own, for the demo
 * and the benchmarks. It is gone, with all its files, when it is disposed of.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
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
}

export class Cluster implements AsyncDisposable {
  /** `http://127.0.0.1:port` of the master and of the agent. */
  readonly master: string;
  readonly agent: string;
  readonly directory: string;
  readonly #process: Bun.Subprocess;

  private constructor(process: Bun.Subprocess, master: string, agent: string, directory: string) {
    this.#process = process;
    this.master = master;
    this.agent = agent;
    this.directory = directory;
  }

  /** Builds the binary if it is stale, starts `mesh dev`, and waits until the agent is registered. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    await ensureBuilt();
    const directory = mkdtempSync(join(tmpdir(), "mesh-dev-"));
    const masterPort = freePort(options.masterPort);
    const agentPort = freePort(options.agentPort);
    const log = Bun.file(join(directory, "mesh.log"));
    const ports = ["--port", String(masterPort), "--agent-port", String(agentPort)];
    const child = Bun.spawn([BINARY, "dev", "--dir", join(directory, "data"), ...ports], {
      cwd: directory,
      stdio: ["ignore", log, log],
    });
    const origin = (port: number): string => `http://127.0.0.1:${port}`;
    const cluster = new Cluster(child, origin(masterPort), origin(agentPort), directory);
    try {
      await cluster.#ready();
    } catch (error) {
      console.error(
        readFileSync(join(directory, "mesh.log"), "utf8").split("\n").slice(-LOG_TAIL_LINES).join("\n"),
      );
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  /** `host:port` of the master, as --master takes it. */
  get address(): string {
    return new URL(this.master).host;
  }

  /** Process id of `mesh dev`. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Resolves when the cluster ended by itself. */
  get ended(): Promise<number> {
    return this.#process.exited;
  }

  async #ready(): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    while (performance.now() < deadline) {
      if (this.#process.exitCode !== null) {
        throw new Error(`"mesh dev" ended with status ${this.#process.exitCode} before it was ready`);
      }
      if ((await this.#activeAgents()) > 0) return;
      await Bun.sleep(POLL_MS);
    }
    throw new Error(`"mesh dev" had no registered agent after ${READY_TIMEOUT_MS / 1000} s`);
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
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await this.#process.exited;
    clearTimeout(timer);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
