/**
 * Whole clusters of the built binary for end-to-end tests: processes in a
 * directory of their own, on free ports of the loopback address, gone when
 * disposed of.
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { freePort } from "../../scripts/free-port.ts";
import { SmallDisk } from "./small-disk.ts";

export const BINARY = resolve(import.meta.dir, "../../dist/mesh");
const READY_TIMEOUT_MS = 20_000;
const POLL_MS = 25;
const LOG_TAIL_LINES = 30;

/** Resolves with the first truthy answer; rejects after the time with what was waited for. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = READY_TIMEOUT_MS,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await Promise.resolve(probe()).catch(() => undefined);
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`Waited ${timeoutMs / 1000} s in vain for ${what}`);
    await Bun.sleep(POLL_MS);
  }
}

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the binary to its end. */
export async function mesh(args: readonly string[], cwd: string = tmpdir()): Promise<CommandResult> {
  const child = Bun.spawn([BINARY, ...args], { cwd, stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { status, stdout, stderr };
}

/** One long-running process of the binary; may be killed and started again with the same flags. */
export class MeshProcess {
  readonly name: string;
  readonly #args: readonly string[];
  readonly #directory: string;
  #child: Bun.Subprocess | undefined;

  constructor(directory: string, name: string, args: readonly string[]) {
    this.#directory = directory;
    this.name = name;
    this.#args = args;
    this.start();
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get log(): string {
    const path = this.#logPath();
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  start(): void {
    const output = openSync(this.#logPath(), "a");
    this.#child = Bun.spawn([BINARY, ...this.#args], {
      cwd: this.#directory,
      stdio: ["ignore", output, output],
    });
    closeSync(output);
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    this.#child?.kill(signal);
    await this.#child?.exited;
  }

  #logPath(): string {
    return join(this.#directory, `${this.name}.log`);
  }
}

interface MasterPlace {
  readonly port: number;
  readonly raftPort: number;
}

export class TestCluster implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "mesh-e2e-"));
  readonly masters: MeshProcess[] = [];
  readonly agents: MeshProcess[] = [];
  readonly masterAddresses: readonly string[];
  readonly agentAddresses: string[] = [];
  /** Of the masters, when they were asked for. */
  readonly disks: SmallDisk[] = [];

  private constructor(places: readonly MasterPlace[], smallDisks: boolean) {
    // As a work directory is: tasks are not their agent's user.
    chmodSync(this.directory, 0o755);
    this.masterAddresses = places.map(({ port }) => `127.0.0.1:${port}`);
    const peers = places.map(({ raftPort }) => `127.0.0.1:${raftPort}`).join(",");
    for (const [i, { port, raftPort }] of places.entries()) {
      if (smallDisks) this.disks.push(new SmallDisk(join(this.directory, `m${i}`)));
      const args = ["master", "--ip", "127.0.0.1", "--port", String(port), "--raft-port", String(raftPort)];
      const data = [
        "--advertise",
        `127.0.0.1:${port}`,
        "--peers",
        peers,
        "--data-dir",
        join(this.directory, `m${i}`),
      ];
      this.masters.push(new MeshProcess(this.directory, `master-${i}`, [...args, ...data]));
    }
  }

  /** Starts masters and agents, and waits until all agents are registered. */
  static async start(options: {
    masters: number;
    agents: number;
    agentFlags?: readonly string[];
    smallDisks?: boolean;
  }): Promise<TestCluster> {
    const places = Array.from({ length: options.masters }, () => ({
      port: freePort(),
      raftPort: freePort(),
    }));
    const cluster = new TestCluster(places, options.smallDisks === true);
    try {
      for (let i = 0; i < options.agents; i++) cluster.#startAgent(i, options.agentFlags ?? []);
      await eventually(
        "all agents to register",
        async () => (await cluster.activeAgents()) === options.agents,
      );
    } catch (error) {
      console.error(cluster.logTails());
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  #startAgent(i: number, flags: readonly string[]): void {
    const port = freePort();
    this.agentAddresses.push(`127.0.0.1:${port}`);
    const own = ["--ip", "127.0.0.1", "--port", String(port), "--work-dir", join(this.directory, `a${i}`)];
    const resources = ["--resources", "cpus:16;mem:8192;disk:1000;ports:[31000-31999]"];
    const args = ["agent", "--master", this.masterAddresses.join(","), ...own, ...resources, ...flags];
    this.agents.push(new MeshProcess(this.directory, `agent-${i}`, args));
  }

  /** Index of the master that leads; waits for one. */
  async leader(except?: number): Promise<number> {
    return eventually("a leader", async () => {
      for (const [i, address] of this.masterAddresses.entries()) {
        if (i === except || this.masters[i]?.running !== true) continue;
        const answer = await fetch(`http://${address}/slaves`, {
          redirect: "manual",
          signal: AbortSignal.timeout(1_000),
        }).catch(() => undefined);
        if (answer?.status === 200) return i + 1;
      }
      return undefined;
    }).then((found) => found - 1);
  }

  async activeAgents(): Promise<number> {
    const leader = await this.leader();
    const answer = await fetch(`http://${this.masterAddresses[leader]}/slaves`);
    const { slaves } = (await answer.json()) as { slaves: { active: boolean }[] };
    return slaves.filter((agent) => agent.active).length;
  }

  /**
   * Runs a task to its end, which shows that its agent's id is on disk. An agent that dies before comes
   * back as another one, and the first one's tasks are told as gone, as with Mesos.
   */
  async useAgent(): Promise<void> {
    const { status, stderr } = await mesh(["run", "--master", this.masterAddresses.join(","), "--", "true"]);
    if (status !== 0) throw new Error(`The first task did not end well: ${stderr}`);
  }

  logTails(): string {
    return [...this.masters, ...this.agents]
      .map((one) => `--- ${one.name}\n${one.log.split("\n").slice(-LOG_TAIL_LINES).join("\n")}`)
      .join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.agents, ...this.masters].map((one) => one.kill("SIGKILL")));
    killLeftovers(this.directory);
    for (const disk of this.disks) disk[Symbol.dispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Tasks outlive their agent: ends every process that works below the directory. */
function killLeftovers(directory: string): void {
  const pids = existsSync("/proc") ? readdirSync("/proc").filter((name) => /^\d+$/.test(name)) : [];
  for (const pid of pids) {
    try {
      if (readlinkSync(`/proc/${pid}/cwd`).startsWith(directory)) process.kill(Number(pid), "SIGKILL");
    } catch {
      // It ended meanwhile.
    }
  }
}
