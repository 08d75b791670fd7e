/**
 * The agent's runtime alone beside `runc run` (Debian: runc): namespaces and a
 * cgroup are made, /bin/true runs in them, its end is awaited and everything
 * is removed again. One container after another, the two in turns, so that
 * what else the machine does meets both; all files are in memory.
 */
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ok } from "../../src/base/result.ts";
import type { ContainerSpec } from "../../src/isolation/container.ts";
import { openLinuxRuntime } from "../../src/isolation/linux/runtime.ts";

const NAMESPACES = ["pid", "mount", "ipc", "uts"] as const;
const MEMORY = "/dev/shm";
const MEM_BYTES = 32 * 1024 * 1024;
const CPUS_MILLI = 100;
/** Directories of the host that a container of runc gets, so that `true` runs in it. */
const HOST_DIRECTORIES = ["/bin", "/lib", "/lib64", "/usr"];
/** Of each, before the first that counts. */
const WARM_UP = 10;

export interface ContainerTimes {
  /** Milliseconds of each container. */
  readonly meshMs: readonly number[];
  /** Absent: runc is not installed. */
  readonly runcMs: readonly number[] | undefined;
}

export async function containerTimes(count: number): Promise<ContainerTimes> {
  const directory = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "mesh-bench-"));
  const mesh = new MeshContainers(directory);
  const runc = Bun.which("runc") === null ? undefined : new RuncContainers(directory);
  const meshMs: number[] = [];
  const runcMs: number[] = [];
  try {
    for (let at = 0; at < WARM_UP + count; at++) {
      meshMs.push(await timed(() => mesh.run(`c${at}`)));
      if (runc !== undefined) runcMs.push(await timed(() => runc.run(`mesh-bench-${process.pid}-${at}`)));
    }
  } finally {
    await mesh.close();
    runc?.close();
    rmSync(directory, { recursive: true, force: true });
  }
  return {
    meshMs: meshMs.slice(WARM_UP),
    runcMs: runc === undefined ? undefined : runcMs.slice(WARM_UP),
  };
}

async function timed(run: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

/** The runtime of an agent, in this process. */
class MeshContainers {
  readonly #directory: string;
  readonly #runtime: ReturnType<typeof openLinuxRuntime>;
  #ended: () => void = () => {};

  constructor(directory: string) {
    this.#directory = directory;
    const runtimeDirectory = join(directory, "runtime");
    this.#runtime = openLinuxRuntime({ runtimeDirectory, fetch: async () => ok(undefined) });
    const { missing, namespaces, cgroupRoot } = this.#runtime.capabilities;
    const all = NAMESPACES.every((kind) => namespaces.includes(kind)) && cgroupRoot !== undefined;
    if (!all) throw new Error(`The machine cannot isolate containers: ${missing.join("; ")}`);
    this.#runtime.onExit(() => this.#ended());
  }

  async run(containerId: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = resolve;
    const launched = await this.#runtime.launch(this.#spec(containerId));
    if (!launched.ok) throw new Error(launched.error.message);
    await promise;
    const found = await this.#runtime.inspect(containerId);
    if (found.state !== "ended" || found.exit.kind !== "exited" || found.exit.code !== 0) {
      throw new Error(`A container ended otherwise: ${JSON.stringify(found)}`);
    }
    await this.#runtime.cleanup(containerId);
  }

  #spec(containerId: string): ContainerSpec {
    return {
      containerId,
      sandbox: join(this.#directory, "sandboxes", containerId),
      command: { kind: "exec", file: "/bin/true", argv: ["/bin/true"] },
      environment: [["PATH", "/usr/bin:/bin"]],
      stdoutName: "stdout",
      stderrName: "stderr",
      uris: [],
      resources: { cpusMilli: CPUS_MILLI, memBytes: MEM_BYTES, diskBytes: 0 },
      isolation: { namespaces: NAMESPACES, cgroup: true },
    };
  }

  async close(): Promise<void> {
    await this.#runtime.close();
  }
}

class RuncContainers {
  readonly #bundle: string;
  readonly #root: string;
  readonly #nothing: number;

  constructor(directory: string) {
    this.#bundle = join(directory, "bundle");
    this.#root = join(directory, "runc");
    this.#nothing = openSync("/dev/null", "r+");
    writeBundle(this.#bundle);
  }

  async run(id: string): Promise<void> {
    const child = Bun.spawn(["runc", "--root", this.#root, "run", id], {
      cwd: this.#bundle,
      stdio: [this.#nothing, "ignore", "pipe"],
    });
    const status = await child.exited;
    if (status !== 0)
      throw new Error(`runc ended with ${status}: ${await new Response(child.stderr).text()}`);
  }

  close(): void {
    closeSync(this.#nothing);
  }
}

/** A bundle (OCI runtime specification) with the namespaces and limits of mesh's containers. */
function writeBundle(bundle: string): void {
  const root = join(bundle, "rootfs");
  for (const directory of [...HOST_DIRECTORIES, "/proc"])
    mkdirSync(join(root, directory), { recursive: true });
  const binds = HOST_DIRECTORIES.map((path) => ({
    destination: path,
    source: path,
    type: "bind",
    options: ["rbind", "ro"],
  }));
  const config = {
    ociVersion: "1.0.2",
    process: { cwd: "/", args: ["/bin/true"], env: ["PATH=/usr/bin:/bin"], user: { uid: 0, gid: 0 } },
    root: { path: "rootfs" },
    mounts: [{ destination: "/proc", type: "proc", source: "proc" }, ...binds],
    linux: {
      namespaces: NAMESPACES.map((type) => ({ type })),
      resources: { cpu: { shares: Math.round((CPUS_MILLI * 1024) / 1000) }, memory: { limit: MEM_BYTES } },
    },
  };
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
}
