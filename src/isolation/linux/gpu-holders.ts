/** Gives GPUs to containers of this machine and takes them back; who holds which is in their records. */
import { GPU_WAIT_MAX_MS } from "../../base/limits.ts";
import type { Log } from "../../base/log.ts";
import { fail, ok, type Result } from "../../base/result.ts";
import type { ContainerSpec } from "../container.ts";
import { deviceProgram } from "../device-program.ts";
import { deviceRules } from "../device-steps.ts";
import { type DeviceNode, GpuBook } from "../gpus.ts";
import { GPUS_MARK } from "../supervisor-script.ts";
import type { Host } from "../tools.ts";
import { attachDeviceProgram } from "./bpf.ts";
import type { Records } from "./records.ts";

export class GpuHolders {
  readonly #host: Host;
  readonly #records: Records;
  readonly #log: Log;
  readonly #book: GpuBook;
  /** Launches that wait until GPUs are free, by container id. */
  readonly #waiting = new Map<string, () => void>();

  constructor(host: Host, records: Records, bootId: string, log: Log) {
    this.#host = host;
    this.#records = records;
    this.#log = log;
    this.#book = new GpuBook(host.gpus?.gpus ?? []);
    if (host.gpus === undefined) return;
    // What an earlier process gave is held until its container is known to have ended.
    for (const id of records.ids()) {
      const found = records.read(id);
      if (found?.record.bootId !== bootId || found.gpus === undefined) continue;
      this.#book.restore(id, found.gpus, found.resources?.gpus);
    }
  }

  /** The container with its GPUs; waits for a while when others, which are on their way out, hold them. */
  async give(spec: ContainerSpec, signal: AbortSignal): Promise<Result<ContainerSpec>> {
    const { containerId: id, resources } = spec;
    if (this.#host.gpus === undefined) return ok(spec);
    const { gpus = 0 } = resources;
    if (gpus === 0) return ok(this.#withDevices(spec, this.#around(id)));
    const excess = this.#excess(gpus);
    if (excess !== undefined) return fail(excess);
    this.#book.want(id, gpus);
    this.#serve();
    if (this.#book.waits(id)) await this.#wait(id, signal);
    if (!this.#book.waits(id)) return ok(this.#withDevices(spec, this.#book.held(id)));
    this.release(id);
    const seconds = GPU_WAIT_MAX_MS / 1_000;
    return fail(
      `Cannot start container ${id}: of the ${gpus} GPUs that it asks for others still hold some after ${seconds} s`,
    );
  }

  /** A running container is to hold so many from now on. */
  resize(id: string, count: number): Result<void> {
    if (this.#host.gpus === undefined) return ok(undefined);
    const held = this.#book.held(id);
    if (count === held.length && !this.#book.waits(id)) return ok(undefined);
    const excess = this.#excess(count);
    if (excess !== undefined) return fail(excess);
    if (count < held.length) {
      // Before others get them.
      const opened = this.#open(id, held.slice(0, count));
      if (!opened.ok) return opened;
    }
    this.#book.want(id, count);
    this.#serve();
    if (!this.#book.waits(id)) return ok(undefined);
    return fail(`Container ${id} gets the ${count} GPUs that it asks for when others let go of them`);
  }

  /** Nothing of the container is left. */
  release(id: string): void {
    this.#book.release(id);
    this.#serve();
  }

  #excess(count: number): string | undefined {
    const { total } = this.#book;
    return count <= total ? undefined : `It asks for ${count} GPUs; this agent hands out ${total}`;
  }

  /** Those of containers that it is inside of. */
  #around(id: string): readonly DeviceNode[] {
    const parts = id.split(".");
    return parts.slice(1).flatMap((_, at) => this.#book.held(parts.slice(0, at + 1).join(".")));
  }

  #withDevices(spec: ContainerSpec, held: readonly DeviceNode[]): ContainerSpec {
    return held.length === 0 ? spec : { ...spec, devices: this.#devices(held) };
  }

  #devices(held: readonly DeviceNode[]): readonly DeviceNode[] {
    return held.length === 0 ? [] : [...held, ...(this.#host.gpus?.driver ?? [])];
  }

  #serve(): void {
    for (const { containerId, held } of this.#book.serve()) {
      const launch = this.#waiting.get(containerId);
      if (launch !== undefined) launch();
      else if (this.#records.exists(containerId)) {
        const opened = this.#open(containerId, held);
        if (!opened.ok)
          this.#log.error("Cannot open GPUs to a container", { containerId, reason: opened.error });
      }
    }
  }

  /** To a running container. Its record names all that it can open, wherever the agent dies. */
  #open(id: string, held: readonly DeviceNode[]): Result<void> {
    const cgroup = this.#records.read(id)?.record.cgroup;
    if (cgroup === undefined) return fail(`container ${id} has no cgroup`);
    const program = deviceProgram(deviceRules(this.#devices(held), this.#host));
    const paths = held.map(({ path }) => path);
    const loses = held.length < this.#book.held(id).length;
    const noted = loses ? ok(undefined) : this.#records.note(id, GPUS_MARK, paths);
    if (!noted.ok) return noted;
    const attached = attachDeviceProgram(cgroup, program);
    return loses && attached.ok ? this.#records.note(id, GPUS_MARK, paths) : attached;
  }

  async #wait(id: string, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(id, resolve);
    const limit = setTimeout(resolve, GPU_WAIT_MAX_MS);
    signal.addEventListener("abort", () => resolve(), { once: true });
    this.#log.info("A container waits for GPUs that others still hold", { containerId: id });
    await promise;
    clearTimeout(limit);
    this.#waiting.delete(id);
  }
}
