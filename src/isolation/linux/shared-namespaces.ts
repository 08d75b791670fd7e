/** The namespaces that containers join: opened, and those of pods held. See ../shared-namespaces.ts. */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { CONTAINER_KILL_TIMEOUT_MS } from "../../base/limits.ts";
import { fail, ok, type Result } from "../../base/result.ts";
import type { ContainerPod, ContainerSpec } from "../container.ts";
import { holderCommand } from "../pod-holder-script.ts";
import { joinStep, type NamespaceFiles } from "../shared-namespaces.ts";
import { FAILED_STEP_MARK, SUPERVISOR_MARK } from "../supervisor-script.ts";
import type { Host } from "../tools.ts";
import type { EventFiles } from "./exits.ts";
import { type ProcessTable, sendSignal } from "./process-table.ts";
import type { ContainerRecord, Records } from "./records.ts";
import { findSupervisor, readTracked } from "./recovery.ts";
import { announced } from "./started.ts";
import { initOf, supervisorAlive, type Tracked } from "./tracked.ts";

/** Open files of this process, which a container's supervisor finds by their paths. */
export interface OpenNamespaces {
  readonly files: NamespaceFiles | undefined;
  close(): void;
}

const NONE: OpenNamespaces = { files: undefined, close() {} };
const POLL_MS = 2;
/** How long the process that forks the holder may have no child. */
const ALONE_MAX_MS = 500;

export interface SharedNamespacesContext {
  readonly host: Host;
  readonly table: ProcessTable;
  readonly records: Records;
  readonly events: EventFiles;
  readonly bootId: string;
  /** A container that runs. */
  running(containerId: string): Tracked | undefined;
}

export class SharedNamespaces {
  readonly #context: SharedNamespacesContext;
  /** Holders that are being started, by their pods. */
  readonly #starting = new Map<string, Promise<Result<Tracked>>>();

  constructor(context: SharedNamespacesContext) {
    this.#context = context;
  }

  /** What the container joins, to be closed when it has started. */
  async open(spec: ContainerSpec): Promise<Result<OpenNamespaces>> {
    const { host, running } = this.#context;
    const step = joinStep(spec, host);
    if (step === undefined) return ok(NONE);
    const found = spec.pod === undefined ? running(step.of) : await this.#holder(spec.pod);
    if (found === undefined) return fail(`container "${step.of}" does not run`);
    if ("ok" in found && !found.ok) return found;
    const tracked = "ok" in found ? found.value : found;
    return this.#open(tracked, [...step.namespaces, ...(step.mounts ? (["mount"] as const) : [])]);
  }

  #open(tracked: Tracked, kinds: readonly (keyof NamespaceFiles)[]): Result<OpenNamespaces> {
    const { table } = this.#context;
    const pid = initOf(table, tracked) ?? tracked.supervisor.pid;
    const opened: number[] = [];
    const close = (): void => {
      for (const file of opened) closeSync(file);
    };
    const files: { -readonly [K in keyof NamespaceFiles]: NamespaceFiles[K] } = {};
    const names = { pid: "pid", ipc: "ipc", mount: "mnt" } as const;
    try {
      for (const kind of kinds) {
        const file = openSync(`/proc/${pid}/ns/${names[kind]}`, "r");
        opened.push(file);
        files[kind] = `/proc/${process.pid}/fd/${file}`;
      }
    } catch (error) {
      close();
      return fail(error instanceof Error ? error.message : String(error));
    }
    // Only now it is sure that the number was still its own.
    if (supervisorAlive(table, tracked) && (initOf(table, tracked) ?? tracked.supervisor.pid) === pid)
      return ok({ files, close });
    close();
    return fail(`container "${tracked.record.containerId}" has ended`);
  }

  /** The pod's, which is started unless it runs. */
  #holder(pod: ContainerPod): Promise<Result<Tracked>> {
    const id = pod.containerId;
    const present = this.#starting.get(id) ?? this.#findOrStart(pod).finally(() => this.#starting.delete(id));
    this.#starting.set(id, present);
    return present;
  }

  async #findOrStart(pod: ContainerPod): Promise<Result<Tracked>> {
    const { records, table } = this.#context;
    const known = readTracked(records, pod.containerId);
    if (known !== undefined && supervisorAlive(table, known) && initOf(table, known) !== undefined)
      return ok(known);
    await this.end(pod.containerId);
    return await this.#start(pod);
  }

  async #start(pod: ContainerPod): Promise<Result<Tracked>> {
    const { host, records, bootId } = this.#context;
    const id = pod.containerId;
    const { cgroupRoot } = host.capabilities;
    const record: ContainerRecord = {
      ...{ version: 1, containerId: id, bootId, namespaces: ["pid"], ownSession: false, holder: true },
      ...(cgroupRoot === undefined ? {} : { cgroup: `${cgroupRoot}/${id}` }),
    };
    let file: number | undefined;
    try {
      file = records.create(record);
      const command = holderCommand(pod, host, records.path(id));
      const child = Bun.spawn([...command.argv], {
        cwd: "/",
        env: { ...command.environment },
        stdio: ["ignore", "ignore", file],
        detached: true,
      });
      child.unref();
      writeSync(file, `${SUPERVISOR_MARK}${readFileSync(`/proc/${child.pid}/stat`, "utf8").trimEnd()}\n`);
      this.#moveAway(child.pid);
      await announced(this.#context, id, child);
    } catch (error) {
      await this.end(id);
      return fail(error instanceof Error ? error.message : String(error));
    } finally {
      if (file !== undefined) closeSync(file);
    }
    const started = readTracked(records, id);
    if (started !== undefined) return ok(started);
    const said = (records.read(id)?.messages ?? "").split("\n");
    await this.end(id);
    const words = said.filter((line) => line !== "" && !line.startsWith(FAILED_STEP_MARK)).join("; ");
    return fail(words === "" ? "the process that is to hold them did not start" : words);
  }

  /** It must outlive the agent's own service. */
  #moveAway(pid: number): void {
    const { supervisorsCgroup } = this.#context.host;
    if (supervisorsCgroup === undefined) return;
    try {
      writeFileSync(`${supervisorsCgroup}/cgroup.procs`, `${pid}`);
    } catch {
      // It has ended, or its shell meets the same problem and says so.
    }
  }

  /** Ends the holder of a pod, if there is one; with it the kernel ends all in its pid namespace. */
  async end(podId: string): Promise<void> {
    const { records, table } = this.#context;
    const tracked = readTracked(records, podId) ?? findSupervisor(table, records, podId);
    const begin = performance.now();
    while (tracked !== undefined && supervisorAlive(table, tracked)) {
      const spent = performance.now() - begin;
      if (spent > CONTAINER_KILL_TIMEOUT_MS) break;
      const init = initOf(table, tracked);
      // Without a child it is about to fork, or to end.
      if (init !== undefined) sendSignal(init, "SIGKILL");
      else if (spent > ALONE_MAX_MS) sendSignal(tracked.supervisor.pid, "SIGKILL");
      await Bun.sleep(POLL_MS);
    }
    records.remove(podId);
  }
}
