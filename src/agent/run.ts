/**
 * The agent's pump: brings inputs to the core in turns, carries its effects
 * out through the drivers, and shows its memory to the HTTP edge.
 *
 *     drivers -> inbox -> core.step ... core.step -> effects -> drivers
 *                         (one turn)         \-> one checkpoint write
 *
 * Checkpoint changes of a turn, and of all turns during a write, make one
 * synced batch. A failed write ends the process: what the disk holds is then
 * unknown; the tasks run on, and a new process finds them.
 */
import { AGENT_TURN_MAX_MS, INBOX_MAX_INPUTS, TURN_MAX_INPUTS } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { fail } from "../base/result.ts";
import type { Instant } from "../base/time.ts";
import type { ContainerResources } from "../isolation/container.ts";
import type { Drain } from "../model/drain-info.ts";
import type { AgentInfo } from "../model/v1/frameworks.ts";
import type { CheckpointChange } from "./checkpoint.ts";
import { AgentCore } from "./core.ts";
import { shownDrain } from "./drain.ts";
import { ExecutorGate } from "./executor-gate.ts";
import { type Launch, LaunchQueue, textOf, unforeseen } from "./launch-queue.ts";
import { agentMetrics } from "./metrics.ts";
import { type FileLocation, resolveSandboxPath } from "./paths.ts";
import type { AgentFrameworkView, AgentPort, SandboxPort, SandboxRun } from "./port.ts";
import type { AgentDrivers, AgentEnd, AgentOptions } from "./run-drivers.ts";
import { MasterLink } from "./run-link.ts";
import { NestedGate } from "./run-nested.ts";
import { readRecovery } from "./run-recovery.ts";
import { ContainerSessions } from "./run-sessions.ts";
import { holdsContainer, sandboxRuns, taskSandboxRun } from "./sandbox-runs.ts";
import type { AgentEffect, AgentInput } from "./types.ts";
import { findFrameworkView, frameworkViews, sandboxPaths } from "./views.ts";

/** Where /files shows the agent's log, as in Mesos. */
const LOG_PATH = "/slave/log";

export class Agent implements AgentPort, SandboxPort {
  readonly startedAtMs: number;
  readonly hostname: string;
  readonly ip: string;
  readonly port: number;
  readonly #ending = Promise.withResolvers<AgentEnd>();
  /** Resolves when the agent cannot or may not go on; then call `close`. */
  readonly ended = this.#ending.promise;

  readonly executors: ExecutorGate;
  readonly nested: NestedGate;
  readonly containers: ContainerSessions;

  readonly #core: AgentCore;
  readonly #options: AgentOptions;
  readonly #drivers: AgentDrivers;
  readonly #log: Log;
  readonly #launches: LaunchQueue;
  readonly #link: MasterLink;
  readonly #startedAt: Instant;
  #inbox: AgentInput[] = [];
  /** Inputs wait until the plan of the recovery goes before them. */
  #recovering = true;
  #turn: ReturnType<typeof setImmediate> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #launchTurn: ReturnType<typeof setImmediate> | undefined;
  #changes: CheckpointChange[] = [];
  #token = 0;
  #writing: Promise<void> | undefined;
  #closed = false;

  constructor(options: AgentOptions, drivers: AgentDrivers, random: Random, log: Log) {
    const { config } = options;
    this.#options = options;
    this.#drivers = drivers;
    this.#log = log;
    this.#core = new AgentCore(config, random, log);
    this.executors = new ExecutorGate(this.#core.state, (input) => this.#offer(input));
    const put = (input: AgentInput): void => this.#put(input);
    this.nested = new NestedGate(this.#core.state, drivers, { offer: (input) => this.#offer(input), put });
    this.containers = new ContainerSessions(this.#core.state, drivers);
    this.#launches = new LaunchQueue(options.maxLaunches);
    this.#link = new MasterLink(drivers, {
      put: (input) => this.#put(input),
      size: () => this.#inbox.length,
    });
    this.#startedAt = drivers.now();
    this.startedAtMs = this.#startedAt.wallMs;
    this.hostname = config.info.hostname;
    this.ip = config.ip;
    this.port = config.port;
  }

  /**
   * Reads the checkpoint, finds the tasks that live on, and begins to look for
   * the leader. Throws MeshError CHECKPOINT_DAMAGED.
   */
  async start(): Promise<void> {
    const { runtime, store } = this.#drivers;
    runtime.onExit((containerId, exit) => {
      this.#options.onExit?.(containerId);
      this.containers.containerEnded(containerId, exit);
      this.#put({ kind: "exited", containerId, exit });
    });
    const plan = await readRecovery(this.#options, { runtime, store }, this.#log);
    this.#recovering = false;
    this.#put({ kind: "recovered", plan }, true);
  }

  /** Ends the tasks, leaves the cluster; `ended` tells when it is done. */
  unregister(): void {
    this.#put({ kind: "unregister" });
  }

  /** Stops the process's part; tasks live on. Waits for writes under way. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearImmediate(this.#turn);
    clearImmediate(this.#launchTurn);
    clearTimeout(this.#timer);
    this.#link.close();
    await this.#writing;
    await this.#drivers.runtime.close();
    await this.#drivers.store.close();
  }

  /** @param first puts the input before all others */
  #put(input: AgentInput, first = false): void {
    if (this.#closed) return;
    if (first) this.#inbox.unshift(input);
    else this.#inbox.push(input);
    // The end of a container that is found while others are still looked for must not be told to a core that
    // knows of none.
    if (this.#recovering) return;
    this.#turn ??= setImmediate(() => this.#runTurn());
  }

  /** False when there is no room, or nobody to take it. */
  #offer(input: AgentInput): boolean {
    if (this.#closed || this.#inbox.length >= INBOX_MAX_INPUTS) return false;
    this.#put(input);
    return true;
  }

  #runTurn(): void {
    this.#turn = undefined;
    if (this.#closed) return;
    try {
      this.#takeInputs();
      this.#write();
      if (this.#inbox.length > 0) this.#turn ??= setImmediate(() => this.#runTurn());
      this.#setTimer();
    } catch (error) {
      this.#fail(`The agent failed: ${textOf(error)}; start it again, its tasks run on`);
    }
  }

  #takeInputs(): void {
    const endMs = this.#drivers.now().monotonicMs + AGENT_TURN_MAX_MS;
    let taken = 0;
    for (const input of this.#inbox.slice(0, TURN_MAX_INPUTS)) {
      const now = this.#drivers.now();
      if (now.monotonicMs > endMs && taken > 0) break;
      for (const effect of this.#core.step(input, now)) this.#carryOut(effect);
      taken++;
    }
    this.#inbox.splice(0, taken);
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const deadlineMs = this.#core.nextDeadlineMs();
    if (deadlineMs === undefined) return;
    const waitMs = Math.max(0, deadlineMs - this.#drivers.now().monotonicMs);
    // A timer counts whole milliseconds, so it could fire just before the deadline.
    this.#timer = setTimeout(() => this.#put({ kind: "tick" }), Math.min(Math.ceil(waitMs), 2 ** 31 - 1));
  }

  #fail(reason: string): void {
    this.#log.error("The agent stops", { reason });
    this.#ending.resolve({ failed: true, reason });
  }

  #carryOut(effect: AgentEffect): void {
    const { runtime } = this.#drivers;
    switch (effect.kind) {
      case "find-leader":
        void this.#link.findLeader();
        return;
      case "connect":
        void this.#link.connect(effect.linkId, effect.leader);
        return;
      case "disconnect":
        this.#link.disconnect(effect.linkId);
        return;
      case "send":
        this.#link.send(effect.linkId, effect.message);
        return;
      case "checkpoint":
        this.#changes.push(...effect.changes);
        this.#token = effect.token;
        return;
      case "launch":
        this.#launches.add(effect);
        this.#beginLaunches();
        return;
      case "signal":
        this.#background("signal a container", runtime.signal(effect.containerId, effect.signal));
        return;
      case "resize":
        void this.#resize(effect.containerId, effect.resources);
        return;
      case "kill":
        void this.#kill(effect.containerId);
        return;
      case "remove-orphan":
        void this.#removeOrphan(effect.containerId);
        return;
      case "cleanup":
        this.#background("clean up a container", runtime.cleanup(effect.containerId));
        return;
      case "check":
        void this.#check(effect);
        return;
      case "remove-volume":
        void this.#removeVolume(effect);
        return;
      case "executor-event":
      case "close-executor-stream":
      case "executor-answer":
        this.executors.carryOut(effect);
        return;
      case "nested-answer":
      case "nested-ended":
      case "remove-nested":
        this.nested.carryOut(effect);
        return;
      case "stop":
        void this.#stop({ failed: effect.failed, reason: effect.reason });
    }
  }

  /** Writes what has gathered, unless a write is under way, which does it at its end. */
  #write(): void {
    if (this.#writing !== undefined || this.#changes.length === 0 || this.#closed) return;
    const token = this.#token;
    const changes = this.#changes;
    this.#changes = [];
    this.#writing = this.#drivers.store.write(changes).then(
      () => {
        this.#writing = undefined;
        this.#put({ kind: "checkpointed", token });
        this.#write();
      },
      (error: unknown) => {
        // `#writing` stays set: nothing is written after a failure.
        this.#fail(textOf(error));
      },
    );
  }

  /** One a turn of the event loop: a spawn waits for the new process, and sockets want their share. */
  #beginLaunches(): void {
    this.#launchTurn ??= setImmediate(() => {
      this.#launchTurn = undefined;
      const launch = this.#launches.begin();
      if (launch === undefined) return;
      this.#beginLaunches();
      void this.#launch(launch);
    });
  }

  async #launch(launch: Launch): Promise<void> {
    const { spec, latestLink } = launch;
    const { containerId, pod } = spec;
    const sandbox = pod?.sandbox ?? spec.sandbox;
    const { linkLatest, runtime } = this.#drivers;
    if (latestLink !== undefined) {
      this.#background("point the link at the newest sandbox", linkLatest(latestLink, sandbox));
    }
    const launched = await runtime
      .launch(spec, (line) => this.#put({ kind: "launch-progress", containerId, line }))
      .catch(unforeseen);
    this.#launches.finished(launch);
    if (launched.ok) this.#put({ kind: "launched", containerId, launched: launched.value });
    else this.#put({ kind: "launch-failed", containerId, error: launched.error });
    this.#beginLaunches();
  }

  async #kill(containerId: string): Promise<void> {
    if (this.#launches.cancel(containerId)) {
      const message = "it was killed while it waited for its launch";
      this.#put({ kind: "launch-failed", containerId, error: { step: "cancelled", message } });
      return;
    }
    const killed = await this.#drivers.runtime.kill(containerId).catch((error) => fail(textOf(error)));
    if (!killed.ok) this.#put({ kind: "kill-failed", containerId, message: killed.error });
  }

  async #resize(containerId: string, resources: ContainerResources): Promise<void> {
    const done = await this.#drivers.runtime.update(containerId, resources);
    if (!done.ok) this.#log.warn("Cannot resize a container", { containerId, reason: done.error });
  }

  async #removeOrphan(containerId: string): Promise<void> {
    const { runtime } = this.#drivers;
    const killed = await runtime.kill(containerId).catch((error) => fail(textOf(error)));
    if (killed.ok) this.#background("clean up a container", runtime.cleanup(containerId));
    else this.#put({ kind: "orphan-left", containerId, message: killed.error });
  }

  async #check(effect: Extract<AgentEffect, { kind: "check" }>): Promise<void> {
    const { containerId, check, round, probe, timeoutMs } = effect;
    const result = await this.#drivers.runtime.check(containerId, probe, timeoutMs);
    this.#put({ kind: "checked", containerId, check, round, result });
  }

  async #removeVolume({ volume, path }: Extract<AgentEffect, { kind: "remove-volume" }>): Promise<void> {
    this.#put({ kind: "volume-removed", volume, error: await this.#drivers.removeVolume(path, volume) });
  }

  async #stop(end: AgentEnd): Promise<void> {
    // This turn's changes are written when it is over.
    await new Promise((resolve) => setImmediate(resolve));
    await this.#writing;
    this.#ending.resolve(end);
  }

  #background(action: string, promise: Promise<void>): void {
    promise.catch((error: unknown) => {
      this.#log.error(`Cannot ${action}`, { reason: textOf(error) });
    });
  }

  agentId(): string | undefined {
    return this.#core.state.agentId;
  }

  drain(): Drain | undefined {
    return shownDrain(this.#core.state);
  }

  info(): AgentInfo {
    const id = this.agentId();
    const { info } = this.#options.config;
    return id === undefined ? info : { ...info, id: { value: id } };
  }

  masterHostname(): string | undefined {
    const { connection } = this.#core.state;
    return connection.kind === "registered" ? connection.leader.hostname : undefined;
  }

  recovered(): boolean {
    return this.#core.state.recovered;
  }

  flags(): Readonly<Record<string, string>> {
    return this.#options.flags;
  }

  metrics(): Readonly<Record<string, number>> {
    const upMs = this.#drivers.now().monotonicMs - this.#startedAt.monotonicMs;
    return { ...agentMetrics(this.#core.state, upMs), ...this.#options.moreMetrics?.() };
  }

  frameworks(): Iterable<AgentFrameworkView> {
    return frameworkViews(this.#core.state);
  }

  framework(id: string): AgentFrameworkView | undefined {
    return findFrameworkView(this.#core.state, id);
  }

  resolveFile(virtualPath: string): FileLocation | undefined {
    const { config, logFile } = this.#options;
    if (logFile !== undefined && virtualPath === LOG_PATH) return { root: logFile, relative: "" };
    return resolveSandboxPath(config.workDir, this.agentId(), virtualPath);
  }

  attachedFiles(): Readonly<Record<string, string>> {
    const { logFile } = this.#options;
    return {
      ...sandboxPaths(this.#core.state),
      ...(logFile === undefined ? {} : { [LOG_PATH]: logFile }),
    };
  }

  sandboxRuns(): readonly SandboxRun[] {
    return sandboxRuns(this.#core.state);
  }

  taskSandboxRun(containerId: string): SandboxRun | undefined {
    return taskSandboxRun(this.#core.state, containerId);
  }

  holdsContainer(containerId: string): boolean {
    return holdsContainer(this.#core.state, containerId);
  }
}
