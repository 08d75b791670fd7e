/**
 * Three masters and three agents, the built binary, each in a network namespace and on a small disk of its
 * own. A process that ends by itself is started again, as systemd would.
 */
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseRuntimeDirectory } from "../../src/main/runtime-directory.ts";
import { BINARY, type CommandResult, eventually } from "../e2e/test-cluster.ts";

export const MASTERS = 3;
export const AGENTS = 3;
const DISK_MIB = 256;
const RESTART_MS = 1_000;
const END_MS = 20_000;
/** So that agents become unreachable, and what ended is removed, within one round. */
const MASTER_FLAGS = ["--agent-ping-timeout", "1", "--max-agent-ping-timeouts", "4"];
const AGENT_FLAGS = ["--gc-delay", "15secs", "--disk-watch-interval", "3secs", "--max-stdout-size", "1MB"];

/** How machines of the soak reach each other, by number; masters come first. */
export interface SoakNetwork {
  /** Of the machine that the frameworks are on. */
  readonly hub: string;
  address(i: number): string;
  on(i: number, command: readonly string[]): string[];
  cutOff(i: number): void;
  healOff(i: number): void;
  cutOneWay(from: number, to: number): void;
  healOneWay(from: number, to: number): void;
}

export class SoakProcess {
  readonly name: string;
  /** Its disk. */
  readonly directory: string;
  readonly #command: readonly string[];
  readonly #log: string;
  readonly #say: (text: string) => void;
  #child: Bun.Subprocess | undefined;
  #wanted = false;
  #frozen = false;

  constructor(root: string, name: string, command: readonly string[], say: (text: string) => void) {
    this.name = name;
    this.#say = say;
    this.directory = join(root, name);
    this.#command = command;
    this.#log = join(root, `${name}.log`);
    mkdirSync(this.directory);
    const mount = ["mount", "-t", "tmpfs", "-o", `size=${DISK_MIB}m,mode=755`, "tmpfs", this.directory];
    if (!Bun.spawnSync(mount).success) throw new Error(`Cannot mount a disk at ${this.directory}`);
  }

  get running(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get log(): string {
    return readFileSync(this.#log, "utf8");
  }

  /** MiB. */
  get residentMib(): number {
    const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, "utf8"))?.[1];
    return Math.round(Number(kib ?? 0) / 1024);
  }

  start(): void {
    this.#wanted = true;
    if (this.running) return;
    const output = openSync(this.#log, "a");
    const child = Bun.spawn([...this.#command], {
      cwd: join(this.directory, ".."),
      stdio: ["ignore", output, output],
    });
    closeSync(output);
    this.#child = child;
    void child.exited.then(async (status) => {
      if (!this.#wanted || this.#child !== child) return;
      this.#say(`${this.name} ended with ${status}: ${this.log.trimEnd().split("\n").at(-1)?.slice(0, 300)}`);
      await Bun.sleep(RESTART_MS);
      if (this.#wanted) this.start();
    });
  }

  /** Throws when it does not end. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    this.#wanted = false;
    const child = this.#child;
    this.thaw();
    child?.kill(signal);
    const late = setTimeout(() => {
      this.#say(`VIOLATION: ${this.name} did not end by ${signal} within ${END_MS / 1000} s`);
      child?.kill("SIGKILL");
    }, END_MS);
    await child?.exited;
    clearTimeout(late);
  }

  freeze(): void {
    this.#frozen = this.running;
    if (this.#frozen) this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    if (this.#frozen) this.#child?.kill("SIGCONT");
    this.#frozen = false;
  }

  fillDisk(): void {
    Bun.spawnSync(["dd", "if=/dev/zero", `of=${this.#filler}`, "bs=64k"], { stderr: "ignore" });
  }

  freeDisk(): void {
    rmSync(this.#filler, { force: true });
  }

  get #filler(): string {
    return join(this.directory, "filler");
  }
}

export class SoakCluster implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "mesh-soak-"));
  readonly masters: readonly SoakProcess[];
  readonly agents: readonly SoakProcess[];
  readonly addresses: readonly string[];
  readonly network: SoakNetwork;

  constructor(network: SoakNetwork, say: (text: string) => void) {
    this.network = network;
    Bun.spawnSync(["chmod", "755", this.directory]);
    const numbers = (count: number, from: number) => Array.from({ length: count }, (_, i) => from + i);
    const masters = numbers(MASTERS, 0).map((i) => network.address(i));
    this.addresses = masters.map((ip) => `${ip}:5050`);
    const peers = masters.map((ip) => `${ip}:5060`).join(",");
    const process = (at: number, name: string, args: readonly string[]): SoakProcess =>
      new SoakProcess(this.directory, name, network.on(at, [BINARY, ...args]), say);
    const at = (ip: string, port: number) => ["--ip", ip, "--advertise", `${ip}:${port}`];
    this.masters = masters.map((ip, i) => {
      const data = ["--peers", peers, "--data-dir", join(this.directory, `master-${i}/data`)];
      return process(i, `master-${i}`, ["master", ...at(ip, 5050), ...data, ...MASTER_FLAGS]);
    });
    this.agents = numbers(AGENTS, MASTERS).map((place) => {
      const name = `agent-${place - MASTERS}`;
      const own = ["--hostname", name, "--work-dir", join(this.directory, name, "work")];
      const offered = ["--resources", "cpus:4;mem:2048;disk:500;ports:[31000-31099]"];
      const args = [...at(network.address(place), 5051), "--master", this.addresses.join(",")];
      return process(place, name, ["agent", ...args, ...own, ...offered, ...AGENT_FLAGS]);
    });
  }

  get all(): readonly SoakProcess[] {
    return [...this.masters, ...this.agents];
  }

  /** Records of the containers that agent `i` has. */
  containerRecords(i: number): readonly string[] {
    const directory = `${this.runtimeDirectory(i)}/containers`;
    try {
      return readdirSync(directory);
    } catch {
      return [];
    }
  }

  runtimeDirectory(i: number): string {
    return chooseRuntimeDirectory(join(this.directory, `agent-${i}`, "work"));
  }

  async mesh(...args: string[]): Promise<CommandResult> {
    const child = Bun.spawn([BINARY, ...args, "--master", this.addresses.join(",")], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const text = (stream: ReadableStream<Uint8Array>) => new Response(stream).text();
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { status: await child.exited, stdout, stderr };
  }

  /** From the leader. */
  async get<T>(path: string): Promise<T> {
    return await eventually(path, async () => {
      for (const address of this.addresses) {
        const signal = AbortSignal.timeout(4_000);
        const answer = await fetch(`http://${address}${path}`, { redirect: "manual", signal }).catch(
          () => undefined,
        );
        if (answer?.status === 200) return (await answer.json()) as T;
      }
      return undefined;
    });
  }

  /** Pids of what tasks and their supervisors run, with their command lines. */
  processes(): { readonly pid: number; readonly line: string }[] {
    const own = new Set(this.all.map(({ pid }) => pid));
    const read = (pid: string, file: string) => readFileSync(`/proc/${pid}/${file}`, "utf8");
    return readdirSync("/proc").flatMap((pid) => {
      if (!/^\d+$/.test(pid) || own.has(Number(pid))) return [];
      try {
        const line = read(pid, "cmdline").replaceAll("\0", " ");
        const isOurs = read(pid, "environ").includes(this.directory) || line.includes(this.directory);
        return isOurs && !line.startsWith(BINARY) ? [{ pid: Number(pid), line }] : [];
      } catch {
        return []; // It ended meanwhile.
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((one) => one.kill("SIGKILL")));
    for (const { pid } of this.processes()) process.kill(pid, "SIGKILL");
    for (const { directory } of this.all) Bun.spawnSync(["umount", "-l", directory]);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
