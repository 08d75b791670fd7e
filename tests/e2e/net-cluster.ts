/** Three masters, each on a machine (network namespace) of its own, and clients that record what they see. */
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkLinearizability, type RegisterOperation } from "../support/linearizability.ts";
import { NEVER } from "./net-history-client.ts";
import { Namespaces } from "./net-namespaces.ts";
import { BINARY, eventually } from "./test-cluster.ts";

const MASTERS = 3;
/** The last one is free for a master that joins. */
const MACHINES = MASTERS + 1;
const LOG_TAIL_LINES = 15;
const PORT = 5050;
const RAFT_PORT = 5060;
const CLIENT = join(import.meta.dir, "net-history-client.ts");

export interface RaftView {
  readonly role: string;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
}

export class NetCluster implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "mesh-net-"));
  readonly network = new Namespaces(MACHINES);
  readonly #masters: (Bun.Subprocess | undefined)[] = [];
  #client: Bun.Subprocess<"pipe", "pipe", "inherit"> | undefined;
  #clientOutput = "";
  #clientEnded: Promise<void> | undefined;

  /** `prepare` may change data directories before their masters start. */
  static async start(prepare: (cluster: NetCluster) => void = () => {}): Promise<NetCluster> {
    const cluster = new NetCluster();
    try {
      for (let i = 0; i < MACHINES; i++) mkdirSync(cluster.dataDirectory(i));
      prepare(cluster);
      for (let i = 0; i < MASTERS; i++) cluster.startMaster(i);
      await cluster.leader();
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  dataDirectory(i: number): string {
    return join(this.directory, `m${i}`);
  }

  /** One that joins finds the others by their HTTP addresses. */
  startMaster(i: number, joins = false): void {
    const output = openSync(join(this.directory, `m${i}.log`), "a");
    const peers = this.#addresses(joins ? PORT : RAFT_PORT);
    const place = ["--ip", this.network.address(i), "--port", String(PORT), "--raft-port", String(RAFT_PORT)];
    const rest = [joins ? "--join" : "--peers", peers.join(","), "--data-dir", this.dataDirectory(i)];
    const command = this.network.on(i, [BINARY, "master", ...place, ...rest]);
    this.#masters[i] = Bun.spawn(command, { stdio: ["ignore", output, output] });
    closeSync(output);
  }

  signal(i: number, signal: NodeJS.Signals): void {
    this.#masters[i]?.kill(signal);
  }

  async kill(i: number): Promise<void> {
    this.signal(i, "SIGKILL");
    await this.#masters[i]?.exited;
    this.#masters[i] = undefined;
  }

  raftAddress(i: number): string {
    return `${this.network.address(i)}:${RAFT_PORT}`;
  }

  log(i: number): string {
    return readFileSync(join(this.directory, `m${i}.log`), "utf8");
  }

  /** Runs a command of the binary beside the clients; throws unless it ends well. */
  async mesh(...words: string[]): Promise<void> {
    const masters = ["--master", this.#addresses(PORT).join(",")];
    const child = Bun.spawn(this.network.on("hub", [BINARY, ...words, ...masters]), {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const status = await child.exited;
    if (status === 0) return;
    throw new Error(
      `"mesh ${words.join(" ")}" ended with ${status}: ${await new Response(child.stderr).text()}`,
    );
  }

  #addresses(port: number): string[] {
    return Array.from({ length: MASTERS }, (_, i) => `${this.network.address(i)}:${port}`);
  }

  /** What a master says of itself, asked from its own machine; undefined when it does not answer. */
  async raft(i: number): Promise<RaftView | undefined> {
    if (this.#masters[i] === undefined) return undefined;
    const url = `http://${this.network.address(i)}:${PORT}/mesh/raft`;
    const child = Bun.spawn(this.network.on(i, ["curl", "-s", "-m", "1", url]), {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const text = await new Response(child.stdout).text();
    return text === "" ? undefined : (JSON.parse(text) as RaftView);
  }

  /** A master that leads, other than `except`; waits for one. */
  async leader(except?: number): Promise<number> {
    const found = await eventually("a leader", async () => {
      for (let i = 0; i < MACHINES; i++) {
        if (i !== except && (await this.raft(i))?.role === "leader") return i + 1;
      }
      return undefined;
    });
    return found - 1;
  }

  /** Waits until master `i` has applied what the leader has committed now. */
  async caughtUp(i: number): Promise<void> {
    const leader = await this.leader();
    const target = (await this.raft(leader))?.commitIndex ?? Number.POSITIVE_INFINITY;
    await eventually(
      `master ${i} to catch up`,
      async () => ((await this.raft(i))?.appliedIndex ?? 0) >= target,
    );
  }

  /** Clients begin to read and write registers. */
  startClients(seed: number): void {
    const command = this.network.on("hub", [
      process.execPath,
      CLIENT,
      String(seed),
      ...this.#addresses(RAFT_PORT),
    ]);
    const client = Bun.spawn(command, { stdio: ["pipe", "pipe", "inherit"] });
    this.#client = client;
    this.#clientEnded = (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of client.stdout) this.#clientOutput += decoder.decode(chunk, { stream: true });
    })();
  }

  /** Waits until the clients got so many more answers. */
  async answers(count: number): Promise<void> {
    const target = this.#answered() + count;
    await eventually(`${count} more answers`, () => this.#answered() >= target);
  }

  #answered(): number {
    return Number(this.#clientOutput.trimEnd().split("\n").at(-1) ?? 0);
  }

  /** Ends the clients; throws, with the operations at fault, unless their history is linearisable. */
  async checkHistory(): Promise<number> {
    const client = this.#client;
    if (client === undefined) throw new Error("No clients were started");
    client.stdin.end();
    await this.#clientEnded;
    await client.exited;
    this.#client = undefined;
    const line = this.#clientOutput.trimEnd().split("\n").at(-1) ?? "";
    const operations = (JSON.parse(line) as RegisterOperation[]).map((one) =>
      one.returnedAt === NEVER ? { ...one, returnedAt: Number.POSITIVE_INFINITY } : one,
    );
    const verdict = checkLinearizability(operations);
    if (verdict.kind !== "linearizable") {
      throw new Error(`The history is ${verdict.kind}: ${JSON.stringify(verdict)}`);
    }
    return operations.length;
  }

  logTails(): string {
    return this.#masters
      .map((_, i) => this.log(i).split("\n").slice(-LOG_TAIL_LINES))
      .map((lines, i) => `--- master ${i}\n${lines.join("\n")}`)
      .join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const processes = [...this.#masters, this.#client].filter((one) => one !== undefined);
    for (const one of processes) one.kill("SIGKILL");
    await Promise.all(processes.map((one) => one.exited));
    this.network[Symbol.dispose]();
    for (let i = 0; i < MACHINES; i++) {
      Bun.spawnSync(["umount", this.dataDirectory(i)], { stderr: "ignore" });
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}
