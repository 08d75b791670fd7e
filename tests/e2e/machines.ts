/**
 * Machines m1, m2, … of a test's own: each has a network namespace with an
 * address and a host name, and sees its own /var/lib, /var/backups and
 * /usr/local/bin, so that commands of the documents run on it as they stand.
 */
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Namespaces } from "./net-namespaces.ts";
import { BINARY, type CommandResult } from "./test-cluster.ts";

/** Seen by a machine as its own. */
const OWN_DIRECTORIES = ["/var/lib", "/var/backups", "/usr/local/bin"] as const;
const LOG_TAIL_LINES = 20;

export class Machines implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "mesh-machines-"));
  readonly #network: Namespaces;
  readonly #names: readonly string[];
  readonly #running = new Map<string, Bun.Subprocess>();
  /** `export` lines so far: operators keep their shell. */
  #exports: string[] = [];

  constructor(count: number, binary: string = BINARY) {
    this.#names = Array.from({ length: count }, (_, i) => `m${i + 1}`);
    this.#network = new Namespaces(count);
    const hosts = this.#names.map((name, i) => `${this.#network.address(i)} ${name}`);
    writeFileSync(join(this.directory, "hosts"), ["127.0.0.1 localhost", ...hosts, ""].join("\n"));
    for (const name of this.#names) {
      for (const path of OWN_DIRECTORIES) mkdirSync(this.path(name, path), { recursive: true });
      mkdirSync(this.path(name, "/home"));
      this.install(name, binary);
    }
  }

  /** Where the test finds a path of a machine. */
  path(name: string, path: string): string {
    return join(this.directory, name, path);
  }

  /** Puts a binary in the place of the one that is there. */
  install(name: string, binary: string): void {
    const place = this.path(name, "/usr/local/bin/mesh");
    rmSync(place, { force: true });
    copyFileSync(binary, place);
  }

  /** Runs a line of shell to its end. */
  async run(name: string, line: string): Promise<CommandResult> {
    if (line.startsWith("export ")) {
      this.#exports.push(line);
      return { status: 0, stdout: "", stderr: "" };
    }
    const child = Bun.spawn(this.#shell(name, line), { stdio: ["ignore", "pipe", "pipe"] });
    const [stdout, stderr, status] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { status, stdout, stderr };
  }

  /** As {@link run}; throws unless it ends well. Resolves with what it printed. */
  async must(name: string, line: string): Promise<string> {
    const { status, stdout, stderr } = await this.run(name, line);
    if (status !== 0) throw new Error(`"${line}" on ${name} ended with ${status}: ${stdout}${stderr}`);
    return stdout;
  }

  /** Starts what does not end by itself; `as` tells several on one machine apart. */
  start(name: string, line: string, as = name): void {
    const output = openSync(this.#logPath(as), "a");
    const child = Bun.spawn(this.#shell(name, `exec ${line}`), { stdio: ["ignore", output, output] });
    closeSync(output);
    this.#running.set(as, child);
  }

  /** Ends what was started. */
  async stop(as: string, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const child = this.#running.get(as);
    this.#running.delete(as);
    child?.kill(signal);
    await child?.exited;
  }

  log(as: string): string {
    return readFileSync(this.#logPath(as), "utf8");
  }

  logTails(): string {
    return [...this.#running.keys()]
      .map((as) => `--- ${as}\n${this.log(as).split("\n").slice(-LOG_TAIL_LINES).join("\n")}`)
      .join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.keys()].map((as) => this.stop(as, "SIGKILL")));
    this.#network[Symbol.dispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #logPath(as: string): string {
    return join(this.directory, `${as}.log`);
  }

  /** Command words for a shell on the machine, with its own host name and directories. */
  #shell(name: string, line: string): string[] {
    const own = OWN_DIRECTORIES.map((path) => `mount --bind ${this.path(name, path)} ${path}`);
    const script = [
      "set -e",
      `hostname ${name}`,
      `mount --bind ${join(this.directory, "hosts")} /etc/hosts`,
      ...own,
      `cd ${this.path(name, "/home")}`,
      ...this.#exports,
      line,
    ];
    const shell = ["unshare", "--mount", "--uts", "sh", "-c", script.join("\n")];
    return this.#network.on(this.#names.indexOf(name), shell);
  }
}
