/**
 * Three masters of dist/mesh on loopback in a directory of their own, for
 * benchmarks of the replicated log. All is gone when it is disposed of.
 */
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BINARY, ensureBuilt } from "../build.ts";
import { freePort } from "../free-port.ts";

const LEADER_TIMEOUT_MS = 20_000;
const POLL_MS = 5;

export interface MasterPlace {
  readonly port: number;
  readonly raftPort: number;
  readonly directory: string;
}

export class Masters implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "mesh-masters-"));
  readonly places: readonly MasterPlace[];
  readonly #children: (Bun.Subprocess | undefined)[] = [];
  readonly #environment: Readonly<Record<string, string>>;

  private constructor(count: number, environment: Readonly<Record<string, string>>) {
    this.#environment = environment;
    this.places = Array.from({ length: count }, (_, i) => ({
      port: freePort(),
      raftPort: freePort(),
      directory: join(this.directory, `m${i}`),
    }));
  }

  /** `environment`: of the masters, beside this process's own. */
  static async start(count = 3, environment: Readonly<Record<string, string>> = {}): Promise<Masters> {
    await ensureBuilt();
    const masters = new Masters(count, environment);
    for (const i of masters.places.keys()) masters.startOne(i);
    await masters.leader();
    return masters;
  }

  get pids(): number[] {
    return this.#children.flatMap((child) => (child === undefined ? [] : [child.pid]));
  }

  pid(i: number): number {
    return this.#children[i]?.pid ?? 0;
  }

  /** Raft ports, where clients link to. */
  get links(): { readonly hostname: string; readonly port: number }[] {
    return this.places.map(({ raftPort }) => ({ hostname: "127.0.0.1", port: raftPort }));
  }

  startOne(i: number): void {
    const place = this.places[i];
    if (place === undefined) throw new Error(`There is no master ${i}`);
    const output = openSync(join(this.directory, `m${i}.log`), "a");
    const address = [
      "--ip",
      "127.0.0.1",
      "--port",
      String(place.port),
      "--raft-port",
      String(place.raftPort),
    ];
    const peers = this.places.map(({ raftPort }) => `127.0.0.1:${raftPort}`).join(",");
    this.#children[i] = Bun.spawn(
      [BINARY, "master", ...address, "--peers", peers, "--data-dir", place.directory],
      {
        cwd: this.directory,
        env: { ...process.env, ...this.#environment },
        stdio: ["ignore", output, output],
      },
    );
    closeSync(output);
  }

  /** Ends one master; resolves when it is gone. */
  async stopOne(i: number, signal: NodeJS.Signals): Promise<void> {
    const child = this.#children[i];
    this.#children[i] = undefined;
    child?.kill(signal);
    await child?.exited;
  }

  /** Sends a signal without waiting for its effect. */
  signal(i: number, signal: NodeJS.Signals): void {
    this.#children[i]?.kill(signal);
  }

  /** Which master leads and is ready; waits for one. Asks for what is small however large the cluster is. */
  async leader(except?: number): Promise<number> {
    const deadline = performance.now() + LEADER_TIMEOUT_MS;
    while (performance.now() < deadline) {
      for (const [i, { port }] of this.places.entries()) {
        if (i === except || this.#children[i] === undefined) continue;
        const answer = await fetch(`http://127.0.0.1:${port}/weights`, {
          redirect: "manual",
          signal: AbortSignal.timeout(500),
        }).catch(() => undefined);
        if (answer?.status === 200) return i;
      }
      await Bun.sleep(POLL_MS);
    }
    throw new Error(`No master led within ${LEADER_TIMEOUT_MS / 1000} s; logs are in ${this.directory}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.places.map((_, i) => this.stopOne(i, "SIGKILL")));
    rmSync(this.directory, { recursive: true, force: true });
  }
}
