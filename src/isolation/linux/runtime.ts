/**
 * Door of src/isolation/linux: the runtime on real processes. It carries out
 * the plans of src/isolation/plan.ts, with namespaces and cgroups where the
 * probe found them usable (`form: "linux"`), else with sessions only
 * (`form: "posix"`, also macOS). Linux is what it is made for; hence the name.
 *
 * The end of a container is noticed in three ways, which all lead to the same
 * record on disk: its supervisor is a child of this process and ends; inotify
 * tells of the exit record (containers of an earlier agent process); a slow
 * sweep looks whether recovered supervisors still live.
 */
import { closeSync, realpathSync } from "node:fs";
import { CONTAINER_SWEEP_INTERVAL_MS } from "../../base/limits.ts";
import { type Log, silentLog } from "../../base/log.ts";
import { fail, ok, type Result } from "../../base/result.ts";
import type { ResourceStatistics } from "../../model/v1/statistics.ts";
import { updateFiles } from "../cgroup-limits.ts";
import type { CheckProbe, CheckResult } from "../check.ts";
import type { ContainerResources, ContainerSpec, Exit, Limitation } from "../container.ts";
import type { ContainerState, LaunchError, Launched, Runtime, RuntimeCapabilities } from "../runtime.ts";
import type { ProgramInput, Session } from "../session.ts";
import { LIMITATION_MARK, RESOURCES_MARK } from "../supervisor-script.ts";
import type { Host } from "../tools.ts";
import { bootId } from "./boot-id.ts";
import { cgroupChildren, limitRunning, makeCgroup, removeAgentCgroup, SUPERVISORS } from "./cgroup.ts";
import { Checker } from "./check.ts";
import { CONTAINER_ENDED } from "./command-check.ts";
import { type Container, newContainer } from "./container-entry.ts";
import { exitOfChild, recordedExit, stateOfExit, stateWhenOver } from "./container-exit.ts";
import { endCause } from "./end-cause.ts";
import { lookIfPossible, patiently } from "./exhaustion.ts";
import { EventFiles } from "./exits.ts";
import { containersFound } from "./found-containers.ts";
import { GpuHolders } from "./gpu-holders.ts";
import { killAll, killCgroupAndRemove, killStragglers, signalContainer } from "./kill.ts";
import { type LaunchContext, launchContainer, type Started } from "./launch.ts";
import { LeftBehind } from "./left-behind.ts";
import { listeningPorts } from "./listening.ts";
import { openNetworks } from "./open-networks.ts";
import { Pods } from "./pods.ts";
import { demandHost, makeRuntimeDirectory } from "./probe.ts";
import { type ProcessTable, procTable, psTable } from "./process-table.ts";
import { type ContainerRecord, Records } from "./records.ts";
import { RecoveredContainers } from "./recovered.ts";
import { findSupervisor, readTracked } from "./recovery.ts";
import type { LinuxRuntimeOptions } from "./runtime-options.ts";
import { Sessions } from "./session.ts";
import { SharedNamespaces } from "./shared-namespaces.ts";
import { drainTerminal, giveTerminal } from "./task-terminal.ts";
import type { Tracked } from "./tracked.ts";
import { containerUsage } from "./usage.ts";

/**
 * Probes the machine and opens the records. Throws when the runtime directory
 * cannot be made, and MeshError BAD_FLAG for settings that the machine cannot keep.
 */
export function openLinuxRuntime(options: LinuxRuntimeOptions): Runtime {
  makeRuntimeDirectory(options.runtimeDirectory);
  const runtimeDirectory = realpathSync(options.runtimeDirectory);
  const host = options.host ?? demandHost({ ...options, runtimeDirectory });
  return new LinuxRuntime(host, runtimeDirectory, options);
}

function unforeseen(error: unknown): Result<never, LaunchError> {
  return fail({ step: "start", message: `The launch failed unforeseen: ${String(error)}` });
}

class LinuxRuntime implements Runtime {
  readonly capabilities: RuntimeCapabilities;
  readonly #context: LaunchContext;
  readonly #table: ProcessTable;
  readonly #containers = new Map<string, Container>();
  readonly #recovered: RecoveredContainers;
  readonly #leftBehind: LeftBehind;
  readonly #log: Log;
  readonly #checker: Checker;
  readonly #ownsHost: boolean;
  readonly #pods: Pods;
  readonly #sessions: Sessions;
  #listener: (containerId: string, exit: Exit) => void = () => {};
  #closed = false;

  constructor(machine: Host, runtimeDirectory: string, options: LinuxRuntimeOptions) {
    const { fetch, images, diskQuotas } = options;
    this.#log = options.log ?? silentLog;
    this.#ownsHost = options.host === undefined;
    const quotaHost: Host = diskQuotas === undefined ? machine : { ...machine, projectQuotas: true };
    const { host, networks } = openNetworks(options.networks, quotaHost, runtimeDirectory, this.#log);
    const sweepIntervalMs = options.sweepIntervalMs ?? CONTAINER_SWEEP_INTERVAL_MS;
    this.#recovered = new RecoveredContainers(sweepIntervalMs, (each) => this.#look(each));
    const records = new Records(runtimeDirectory);
    if (host.supervisorsCgroup !== undefined) makeCgroup(host.supervisorsCgroup);
    this.capabilities = host.capabilities;
    this.#table = host.procfs ? procTable : psTable;
    const { checkNetwork } = options;
    this.#checker = new Checker(host, this.#table, runtimeDirectory, networks, checkNetwork, images);
    this.#pods = new Pods(host);
    this.#sessions = new Sessions(host, this.#table, images);
    this.#leftBehind = new LeftBehind(this.#table, records, this.#checker, this.#sessions);
    const events = new EventFiles(records.containers);
    const running = (id: string) => this.#running(id);
    const basis = { host, records, events, bootId: bootId() };
    const shared = new SharedNamespaces({ ...basis, table: this.#table, running });
    const gpus = new GpuHolders(host, records, basis.bootId, this.#log);
    this.#context = { ...basis, fetch, networks, images, shared, gpus, diskQuotas };
  }

  onExit(listener: (containerId: string, exit: Exit) => void): void {
    this.#listener = listener;
  }

  async launch(
    spec: ContainerSpec,
    progress?: (line: string) => void,
  ): Promise<Result<Launched, LaunchError>> {
    const id = spec.containerId;
    if (this.#containers.has(id) || this.#context.records.exists(id)) {
      const message = `Container "${id}" exists already; container ids are used once`;
      return fail({ step: "validate", message });
    }
    const container = this.#add(id);
    const { signal } = container.cancel;
    const started = await launchContainer(this.#context, spec, signal, progress).catch(unforeseen);
    if (!started.ok) {
      this.#containers.delete(id);
      container.launching.resolve();
      return container.cancel.signal.aborted
        ? fail({ step: "cancelled", message: started.error.message })
        : started;
    }
    container.tracked = started.value.tracked;
    void this.#awaitChild(container, started.value);
    container.launching.resolve();
    return ok(this.#launched(started.value.tracked));
  }

  #launched({ record, supervisor }: Tracked): Launched {
    const networks = this.#context.networks?.infos(record);
    return networks === undefined ? supervisor : { ...supervisor, networks };
  }

  #add(id: string): Container {
    const container = newContainer(id);
    this.#containers.set(id, container);
    return container;
  }

  async #awaitChild(container: Container, { tracked, child }: Started): Promise<void> {
    await child.exited;
    const { records } = this.#context;
    const exit = await patiently(() => exitOfChild(records, this.#table, tracked, child));
    await this.#settle(container, tracked, exit);
  }

  /** The container has ended: end what it left behind, then tell. */
  async #settle(container: Container, tracked: Tracked, exit: Exit): Promise<void> {
    if (container.settling || this.#closed) return;
    container.settling = true;
    this.#recovered.delete(container);
    container.cancel.abort();
    void this.#sessions.end(container.id);
    this.#context.events.forget(container.id);
    const cause = endCause(this.#context.records, this.#log, tracked, exit);
    const cleared = await patiently(() => killStragglers(this.#table, tracked, exit.kind !== "unknown"));
    if (cleared.ok) this.#context.gpus.release(container.id);
    else this.#log.error("Processes of an ended container are left", { reason: cleared.error });
    await patiently(async () => await this.#context.networks?.leave(tracked.record));
    await patiently(() => drainTerminal(this.#table, tracked.terminal));
    // After the callers of `launch` or `recover` have seen their answer.
    await container.launching.promise;
    await new Promise((resolve) => setImmediate(resolve));
    container.exit = cause;
    this.#listener(container.id, cause);
    container.ended.resolve(cause);
  }

  async signal(containerId: string, signal: "SIGTERM" | "SIGKILL" | number): Promise<void> {
    const container = this.#containers.get(containerId);
    if (container?.tracked === undefined || container.exit !== undefined) return;
    signalContainer(this.#table, container.tracked, signal);
  }

  async kill(containerId: string, limitation?: Limitation): Promise<Result<void>> {
    const container = this.#containers.get(containerId);
    if (limitation !== undefined && !this.#noteLimitation(containerId, limitation)) return ok(undefined);
    if (container === undefined) return await this.#killUnknown(containerId);
    container.cancel.abort();
    await container.launching.promise;
    if (container.tracked === undefined || container.exit !== undefined) return ok(undefined);
    await this.#sessions.end(containerId);
    const killed = await killAll(this.#table, container.tracked);
    if (!killed.ok) return killed;
    this.#look(container);
    await container.ended.promise;
    return ok(undefined);
  }

  /** False when the container has ended by itself. */
  #noteLimitation(containerId: string, limitation: Limitation): boolean {
    const { records } = this.#context;
    if (this.#running(containerId) === undefined) return false;
    if (recordedExit(records, containerId) !== undefined) return false;
    const noted = records.note(containerId, LIMITATION_MARK, limitation);
    if (!noted.ok) this.#log.error("Cannot note why a container is ended", { reason: noted.error });
    return true;
  }

  /** An orphan, by what the disk and the kernel know of it. */
  async #killUnknown(id: string): Promise<Result<void>> {
    const { records } = this.#context;
    const tracked = readTracked(records, id) ?? findSupervisor(this.#table, records, id);
    if (tracked !== undefined) {
      const killed = await killAll(this.#table, tracked);
      if (!killed.ok) return killed;
    }
    const cgroup = this.#cgroup(id);
    return cgroup === undefined ? ok(undefined) : await killCgroupAndRemove(cgroup);
  }

  #record(id: string): ContainerRecord | undefined {
    return this.#containers.get(id)?.tracked?.record ?? this.#context.records.read(id)?.record;
  }

  #cgroup(id: string): string | undefined {
    const recorded = this.#record(id)?.cgroup;
    const { cgroupRoot } = this.capabilities;
    if (recorded !== undefined || cgroupRoot === undefined) return recorded;
    return cgroupChildren(cgroupRoot).includes(id) && id !== SUPERVISORS ? `${cgroupRoot}/${id}` : undefined;
  }

  async inspect(containerId: string): Promise<ContainerState> {
    const container = this.#containers.get(containerId);
    if (container?.exit !== undefined) return stateOfExit(container.exit);
    const tracked = container?.tracked ?? readTracked(this.#context.records, containerId);
    return tracked === undefined ? { state: "gone" } : this.#stateOf(tracked);
  }

  async statistics(containerId: string): Promise<ResourceStatistics | undefined> {
    const tracked = this.#running(containerId);
    if (tracked === undefined) return await this.#pods.statistics(containerId);
    return await containerUsage(this.#table, tracked, this.#context.host);
  }

  async listening(): Promise<ReadonlyMap<string, readonly number[]>> {
    const live = [...this.#containers.values()].filter(({ exit }) => exit === undefined);
    const tracked = live.flatMap((each) => each.tracked ?? []);
    return await listeningPorts(this.#table, tracked);
  }

  async update(containerId: string, resources: ContainerResources): Promise<Result<void>> {
    const container = this.#containers.get(containerId);
    const tracked = this.#running(containerId);
    if (container === undefined || tracked === undefined) {
      return this.#pods.update(containerId, resources, this.#containers.keys());
    }
    const { cgroup, limitedDisk, pod } = tracked.record;
    if (limitedDisk !== undefined && pod === undefined) {
      const held = await this.#context.diskQuotas?.limit(limitedDisk, [], resources.diskBytes);
      if (held?.ok === false) return held;
    }
    if (cgroup !== undefined) {
      const limited = limitRunning(cgroup, updateFiles(resources, this.#context.host));
      if (!limited.ok) return limited;
    }
    container.tracked = { ...tracked, resources };
    const noted = this.#context.records.note(containerId, RESOURCES_MARK, resources);
    if (!noted.ok) return noted;
    return this.#context.gpus.resize(containerId, resources.gpus ?? 0);
  }

  #running(containerId: string): Tracked | undefined {
    const container = this.#containers.get(containerId);
    return container?.exit === undefined ? container?.tracked : undefined;
  }

  #stateOf(tracked: Tracked): ContainerState {
    const { bootId, records } = this.#context;
    const over = stateWhenOver(records, this.#table, tracked, bootId);
    return over ?? { state: "running", launched: this.#launched(tracked) };
  }

  async recover(containerIds: readonly string[]): Promise<ReadonlyMap<string, ContainerState>> {
    const states = new Map<string, ContainerState>();
    const { records } = this.#context;
    const unstarted: string[] = [];
    for (const id of containerIds) {
      const tracked = readTracked(records, id);
      if (tracked === undefined) {
        unstarted.push(id);
        continue;
      }
      const found = this.#stateOf(tracked);
      const state =
        found.state === "ended"
          ? { ...found, exit: endCause(records, this.#log, tracked, found.exit) }
          : found;
      states.set(id, state);
      if (state.state === "running") this.#watch(id, tracked);
      else if (tracked.record.bootId === this.#context.bootId)
        await killStragglers(this.#table, tracked, state.state === "ended");
    }
    // When it is known who is in their networks: what no container is in is given back.
    for (const id of unstarted) states.set(id, await this.#unstarted(id));
    return states;
  }

  /** The agent died before the start, or in the middle of it: ends what there is, then looks again. */
  async #unstarted(id: string): Promise<ContainerState> {
    const { records } = this.#context;
    const killed = await this.#killUnknown(id);
    const exit = recordedExit(records, id);
    if (exit !== undefined) return { state: "ended", exit };
    if (!killed.ok || records.read(id)?.started === true) return { state: "gone" };
    await this.#context.networks?.leave(records.read(id)?.record ?? { containerId: id });
    await this.#context.images?.release(id).catch((error: unknown) => {
      this.#log.warn("Cannot remove a container's files of images", { reason: String(error) });
    });
    records.remove(id);
    this.#context.gpus.release(id);
    return { state: "never-started" };
  }

  /** Follows a container that an earlier process started. */
  #watch(id: string, tracked: Tracked): void {
    const container = this.#add(id);
    container.tracked = tracked;
    container.launching.resolve();
    this.#recovered.add(container);
    this.#leftBehind.add(tracked);
    this.#context.events.listen(id, () => this.#look(container));
    this.#context.networks?.retain(tracked.record);
    // It may have ended before the listener was set.
    this.#look(container);
  }

  /** Settles a recovered container that is no longer running. */
  #look(container: Container): void {
    const { tracked } = container;
    if (tracked === undefined || !this.#recovered.has(container)) return;
    // When it cannot be told the next look comes in a moment.
    const state = lookIfPossible(() => this.#stateOf(tracked));
    if (state === undefined || state.state === "running") return;
    const exit: Exit =
      state.state === "ended"
        ? state.exit
        : { kind: "unknown", reason: "its supervisor ended without a record" };
    void this.#settle(container, tracked, exit);
  }

  async listOrphans(): Promise<readonly string[]> {
    const pods = new Set([...this.#containers.values()].map(({ tracked }) => tracked?.record.pod));
    return containersFound(this.#context).filter((id) => !this.#containers.has(id) && !pods.has(id));
  }

  async check(containerId: string, probe: CheckProbe, timeoutMs: number | undefined): Promise<CheckResult> {
    const { tracked, cancel } = this.#containers.get(containerId) ?? {};
    if (tracked === undefined || cancel === undefined) return CONTAINER_ENDED;
    return await this.#checker.check(tracked, probe, timeoutMs, cancel.signal);
  }

  openSession(containerId: string, spec: ContainerSpec): Result<Session> {
    const tracked = this.#running(containerId);
    return tracked === undefined ? fail("the container does not run") : this.#sessions.open(tracked, spec);
  }

  openInput(containerId: string): Result<ProgramInput> {
    const terminal = this.#running(containerId)?.terminal;
    if (terminal === undefined) return fail("it runs without a terminal, with empty input");
    return giveTerminal(this.#context.host, terminal);
  }

  async cleanup(containerId: string): Promise<void> {
    const container = this.#containers.get(containerId);
    if (container !== undefined && container.exit === undefined) return;
    const cgroup = this.#cgroup(containerId);
    const record = this.#record(containerId);
    if (record?.holder === true) await this.#context.shared.end(containerId);
    if (cgroup !== undefined) await killCgroupAndRemove(cgroup);
    await this.#context.networks?.leave(record ?? { containerId });
    await this.#context.images?.release(containerId);
    this.#context.records.remove(containerId);
    this.#context.gpus.release(containerId);
    this.#containers.delete(containerId);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { cancel } of this.#containers.values()) cancel.abort();
    await this.#sessions.end();
    this.#recovered.close();
    this.#leftBehind.close();
    this.#context.events.close();
    this.#context.networks?.close();
    const { supervisorsCgroup, userNamespace } = this.#context.host;
    removeAgentCgroup(supervisorsCgroup);
    if (this.#ownsHost && userNamespace !== undefined) closeSync(userNamespace.file);
  }
}
