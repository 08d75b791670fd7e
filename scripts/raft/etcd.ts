/** Three members of Debian's etcd-server on loopback, to compare with. */
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../free-port.ts";

const START_TIMEOUT_MS = 20_000;
const POLL_MS = 100;

export class Etcd implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "mesh-etcd-"));
  readonly #ports = Array.from({ length: 3 }, () => ({ client: freePort(), peer: freePort() }));
  readonly #children: Bun.Subprocess[] = [];

  /** Undefined when the machine has no etcd. */
  static async start(): Promise<Etcd | undefined> {
    if (Bun.which("etcd") === null) return undefined;
    const etcd = new Etcd();
    etcd.#spawn();
    await etcd.leaderPort();
    return etcd;
  }

  static version(): string {
    const [line = ""] = Bun.spawnSync(["etcd", "--version"]).stdout.toString().split("\n");
    return line.replace("etcd Version: ", "");
  }

  get pids(): number[] {
    return this.#children.map((child) => child.pid);
  }

  #spawn(): void {
    const cluster = this.#ports.map(({ peer }, i) => `n${i}=http://127.0.0.1:${peer}`).join(",");
    for (const [i, { client, peer }] of this.#ports.entries()) {
      const output = openSync(join(this.directory, `n${i}.log`), "a");
      const [clientUrl, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
      const urls = ["--listen-client-urls", clientUrl, "--advertise-client-urls", clientUrl];
      const peerUrls = ["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl];
      const names = [
        "--name",
        `n${i}`,
        "--initial-cluster",
        cluster,
        "--data-dir",
        join(this.directory, `n${i}`),
      ];
      this.#children.push(
        Bun.spawn(["etcd", ...names, ...urls, ...peerUrls], { stdio: ["ignore", output, output] }),
      );
      closeSync(output);
    }
  }

  /** Client port of the leading member; waits for one. */
  async leaderPort(): Promise<number> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (performance.now() < deadline) {
      for (const { client } of this.#ports) if (await leads(client)) return client;
      await Bun.sleep(POLL_MS);
    }
    throw new Error(`No etcd member led within ${START_TIMEOUT_MS / 1000} s; logs are in ${this.directory}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill("SIGKILL");
    await Promise.all(this.#children.map((child) => child.exited));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function leads(port: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/v3/maintenance/status`, {
      method: "POST",
      body: "{}",
    });
    const { header, leader } = (await answer.json()) as { header?: { member_id: string }; leader?: string };
    return leader !== undefined && leader !== "0" && header?.member_id === leader;
  } catch {
    return false;
  }
}
