/**
 * One agent machine: the real AgentCore over a simulated checkpoint disk,
 * kernel and network. The process may crash and come back at any event; the
 * kernel and what was synced to the disk stay.
 */
import { AGENT_KEY, type CheckpointChange } from "../../src/agent/checkpoint.ts";
import { AgentCore } from "../../src/agent/core.ts";
import { decodeAgentRecord } from "../../src/agent/records.ts";
import { planRecovery, readCheckpoint, recordedContainers } from "../../src/agent/recovery.ts";
import type { AgentConfig, AgentEffect, AgentInput, LeaderAddress } from "../../src/agent/types.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Random } from "../../src/base/random.ts";
import type { ContainerSpec } from "../../src/isolation/container.ts";
import type { AgentToMaster, MasterToAgent } from "../../src/model/agent-protocol.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import type { Channel, ChannelEnds } from "./channel.ts";
import { ExecutorEdge } from "./executor-edge.ts";
import { Kernel } from "./kernel.ts";
import type { Network } from "./network.ts";
import { Process } from "./process.ts";
import { EXECUTOR_COMMAND, type ExecutorHost } from "./sim-executor.ts";
import type { World } from "./world.ts";

/** The masters as an agent's driver sees them. */
export interface MasterDirectory {
  /** Asks one master, by chance, who leads; undefined when it does not know or does not answer. */
  findLeader(from: string): LeaderAddress | undefined;
  /** Opens an agent link to a master's machine. */
  openLink(
    from: string,
    to: string,
    ends: Pick<ChannelEnds, "toClient" | "clientClosed">,
  ): Channel | undefined;
}

export interface TaskRun {
  readonly frameworkId: string;
  readonly taskId: string;
  readonly runId: string;
}

export interface AgentObserver {
  /** Before a container is started. */
  starts(agent: SimAgent, spec: ContainerSpec): void;
  /** A task came to its executor. */
  arrives(agent: SimAgent, executor: ContainerSpec, run: TaskRun): void;
  agentSends(agent: SimAgent, message: AgentToMaster): void;
  /** After a message of a master was handled. */
  heeded(agent: SimAgent, message: MasterToAgent, effects: readonly AgentEffect[]): void;
}

export interface SimAgentOptions {
  readonly name: string;
  /** Own address of the agent: two at one address would replace each other. */
  readonly ip: string;
  readonly resources: readonly Resource[];
  readonly wallSkewMs: number;
  /** Chance that a message of an earlier term comes again, as if something on the way had kept it. */
  readonly staleChance: number;
}

const DISK_MAX_MS = 8;
const SLOW_DISK_MAX_MS = 400;
const LAUNCH_MAX_MS = 30;
/** A crash of the agent may come between the start of a program and the word of it. */
const TELL_LAUNCHED_MAX_MS = 5;
const TELL_EXIT_MAX_MS = 5;
const KILL_MAX_MS = 10;
const CHECK_MAX_MS = 30;
const LAUNCH_FAILURE = 0.02;
const CONNECT_TIMEOUT_MS = 400;
/** Until a supervisor starts an agent again that stopped by itself. */
const RESTART_MS = 200;
const OLD_MESSAGES_MAX = 20;
const EXECUTOR_TIMES = { registrationMs: 3_000, reregistrationMs: 2_000, shutdownGraceMs: 500 };
/** Chance that a loss of power leaves the links half-open: something on the way drops the resets. */
const HALF_OPEN = 0.5;

export class SimAgent {
  readonly name: string;
  readonly ip: string;
  readonly kernel: Kernel;
  readonly process: Process;
  core: AgentCore | undefined;
  /** Its disk is slow. */
  slow = false;
  readonly #world: World;
  readonly #random: Random;
  readonly #network: Network;
  readonly #masters: MasterDirectory;
  readonly #options: SimAgentOptions;
  readonly #observer: AgentObserver;
  #durable = new Map<string, Uint8Array>();
  #channel: { readonly linkId: number; readonly channel: Channel } | undefined;
  #tickAtMs = Number.POSITIVE_INFINITY;
  readonly #edge: ExecutorEdge;
  readonly #launching = new Map<string, { cancelled: boolean }>();
  /** World time at which the agent hears of the start of a container: its end comes later. */
  readonly #toldAtMs = new Map<string, number>();
  #diskFreeAtMs = 0;
  readonly #oldMessages: MasterToAgent[] = [];
  /** Ids it had before its disk was replaced or it left the cluster. */
  readonly formerIds = new Set<string>();
  #awayMs = (): number => RESTART_MS;

  constructor(network: Network, masters: MasterDirectory, options: SimAgentOptions, observer: AgentObserver) {
    const { world } = network;
    this.#world = world;
    this.#random = world.fork();
    this.#network = network;
    this.#masters = masters;
    this.#options = options;
    this.#observer = observer;
    this.name = options.name;
    this.ip = options.ip;
    this.process = new Process(world, options.wallSkewMs);
    this.kernel = new Kernel(world);
    this.#edge = new ExecutorEdge(world, (input, delayMs) => this.#input(input, delayMs));
    this.kernel.executorHost = this.#executorHost();
    this.start();
  }

  /** What a crash leaves of a record of the checkpoint. */
  durable(key: string): Uint8Array | undefined {
    return this.#durable.get(key);
  }

  start(): void {
    this.process.start(this.#random.u32());
    this.core = new AgentCore(this.#config(), this.#random.fork(), silentLog);
    this.#tickAtMs = Number.POSITIVE_INFINITY;
    const entries = [...this.#durable]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => ({ key, value }));
    const recorded = readCheckpoint(entries);
    if (!recorded.ok) throw new Error(`${this.name} cannot read its own checkpoint: ${recorded.error}`);
    const known = new Set(recordedContainers(recorded.value));
    const states = new Map([...known].map((id) => [id, this.kernel.inspect(id)] as const));
    const orphans = this.kernel.containers().filter((id) => !known.has(id));
    this.kernel.onExit = (containerId, exit) => {
      const toldMs = Math.max(this.#toldAtMs.get(containerId) ?? 0, this.#world.nowMs) - this.#world.nowMs;
      this.#toldAtMs.delete(containerId);
      this.#input({ kind: "exited", containerId, exit }, toldMs + this.#random.fraction() * TELL_EXIT_MAX_MS);
    };
    this.#world.note(`${this.name} starts, ${known.size} tasks on disk, ${orphans.length} orphans`);
    const plan = planRecovery(this.kernel.bootId, recorded.value, states, orphans);
    this.#input({ kind: "recovered", plan }, 0);
  }

  /** kill -9 of the agent: tasks live on. `reboot`: the machine lost power. */
  crash(reboot: boolean): void {
    this.#world.note(`${this.name} ${reboot ? "loses power" : "crashes"}`);
    this.process.kill();
    this.core = undefined;
    this.kernel.onExit = undefined;
    this.#launching.clear();
    this.#toldAtMs.clear();
    this.#edge.breakAll();
    this.#channel = undefined;
    if (reboot && this.#random.chance(HALF_OPEN)) this.#network.vanishAll(this.name);
    else this.#network.resetAll(this.name);
    this.#diskFreeAtMs = this.#world.nowMs;
    if (reboot) this.kernel.reboot();
  }

  /** A new disk, while the machine is down: whatever it ran is nobody's any more. */
  wipe(): void {
    if (this.process.alive) return;
    this.#world.note(`${this.name} gets a new disk`);
    this.#giveUpId();
    this.#durable.clear();
  }

  /** An operator has it end its tasks and leave the cluster; it comes back as a new agent. */
  leave(awayMs: () => number): void {
    if (!this.process.answers || this.core?.state.stopping !== undefined) return;
    this.#world.note(`${this.name} is to leave`);
    this.#awayMs = awayMs;
    this.#giveUpId();
    this.#step({ kind: "unregister" });
  }

  #giveUpId(): void {
    const record = decodeAgentRecord(this.#durable.get(AGENT_KEY) ?? new Uint8Array(0));
    const durableId = record.ok ? record.value.agentId : undefined;
    for (const id of [durableId, this.core?.state.agentId]) if (id !== undefined) this.formerIds.add(id);
  }

  /** What the process wrote before is on disk when it ends by its own will. */
  #stopped(reason: string, failed: boolean): void {
    const left = [...this.formerIds].some((id) => reason.includes(`Agent ${id} was removed`));
    const gone = reason.includes("marked gone by an operator");
    const down = reason.includes("is down for maintenance");
    if (failed && !left && !gone && !down) throw new Error(`${this.name} stops: ${reason}`);
    this.#world.note(`${this.name} stops: ${reason}`);
    // The driver takes no more inputs, but finishes the writes under way.
    this.core = undefined;
    this.process.after(Math.max(0, this.#diskFreeAtMs - this.#world.nowMs), () => {
      this.crash(false);
      // Gone, or it crashed while it left and kept its old id: the operator does what the message says.
      if (failed && !down) this.wipe();
      this.#world.after(this.#awayMs(), () => {
        if (!this.process.alive) this.start();
      });
    });
  }

  #executorHost(): ExecutorHost {
    return {
      subscribe: (call, ends) => (this.core === undefined ? undefined : this.#edge.subscribe(call, ends)),
      drop: (streamId) => this.#edge.drop(streamId),
      call: (call, answered) => {
        if (this.core !== undefined) this.#edge.call(call, answered);
      },
      arrived: (spec, frameworkId, taskId) => {
        const runId = this.core?.state.tasks.get(`${frameworkId}/${taskId}`)?.runId;
        // Its framework was removed while the task was on its way to an executor that is being ended.
        if (runId === undefined) return;
        this.#observer.arrives(this, spec, { frameworkId, taskId, runId });
      },
    };
  }

  #config(): AgentConfig {
    const { ip, resources } = this.#options;
    return {
      info: { hostname: this.name, port: 5051, resources: [...resources] },
      ip,
      port: 5051,
      version: "1.0.0",
      workDir: `/sim/${this.name}`,
      bootId: this.kernel.bootId,
      switchUser: false,
      commandChecks: true,
      executorTimes: EXECUTOR_TIMES,
    };
  }

  #input(input: AgentInput, delayMs: number): void {
    this.process.after(delayMs, () => {
      this.#step(input);
    });
  }

  #step(input: AgentInput): void {
    if (this.core === undefined) return;
    const effects = this.core.step(input, this.process.now);
    if (input.kind === "message") this.#observer.heeded(this, input.message, effects);
    for (const effect of effects) this.#carryOut(effect);
    this.#armTick();
  }

  #armTick(): void {
    const atMs = this.core?.nextDeadlineMs();
    if (atMs === undefined || atMs >= this.#tickAtMs) return;
    this.#tickAtMs = atMs;
    this.process.after(this.process.worldMs(atMs) - this.#world.nowMs, () => {
      if (this.#tickAtMs !== atMs) return;
      this.#tickAtMs = Number.POSITIVE_INFINITY;
      this.#step({ kind: "tick" });
    });
  }

  #carryOut(effect: AgentEffect): void {
    switch (effect.kind) {
      case "find-leader":
        this.#findLeader();
        return;
      case "connect":
        this.#connect(effect.linkId, effect.leader);
        return;
      case "disconnect":
        if (this.#channel?.linkId === effect.linkId) this.#channel.channel.close("client");
        return;
      case "send":
        this.#observer.agentSends(this, effect.message);
        if (this.#channel?.linkId === effect.linkId) this.#channel.channel.send("client", effect.message);
        return;
      case "checkpoint":
        this.#checkpoint(effect.token, effect.changes);
        return;
      case "launch":
        this.#launch(effect.spec);
        return;
      case "signal":
        this.kernel.terminate(effect.containerId);
        return;
      case "kill":
      case "remove-orphan":
        this.#kill(effect.containerId, effect.kind === "remove-orphan");
        return;
      case "check": {
        const { containerId, check, round } = effect;
        const result = this.kernel.check(containerId);
        this.#input(
          { kind: "checked", containerId, check, round, result },
          this.#random.fraction() * CHECK_MAX_MS,
        );
        return;
      }
      case "remove-nested":
        // Nobody launches containers by call here.
        return;
      case "remove-volume":
        this.#input({ kind: "volume-removed", volume: effect.volume, error: undefined }, 0);
        return;
      case "cleanup":
        this.kernel.cleanup(effect.containerId);
        return;
      case "resize":
      case "nested-answer":
      case "nested-ended":
        return;
      case "executor-event":
      case "close-executor-stream":
      case "executor-answer":
        this.#edge.carryOut(effect);
        return;
      case "stop":
        this.#stopped(effect.reason, effect.failed);
        return;
    }
  }

  #findLeader(): void {
    this.process.after(this.#network.delayMs() * 2, () => {
      const leader = this.#masters.findLeader(this.name);
      if (leader === undefined) this.#step({ kind: "leader-not-found", reason: "no master answers" });
      else this.#step({ kind: "leader-found", leader });
    });
  }

  #connect(linkId: number, leader: LeaderAddress): void {
    const closed = this.process.guard(() => {
      if (this.#channel?.linkId === linkId) this.#channel = undefined;
      this.#step({ kind: "link-closed", linkId, reason: "connection lost" });
    });
    this.process.after(this.#network.delayMs() * 2, () => {
      const channel = this.#masters.openLink(this.name, leader.linkHostname, {
        toClient: (payload) => this.process.guard(() => this.#receive(linkId, payload as MasterToAgent))(),
        clientClosed: closed,
      });
      if (channel === undefined) {
        this.#world.after(CONNECT_TIMEOUT_MS, closed);
        return;
      }
      this.#channel = { linkId, channel };
      this.#step({ kind: "link-opened", linkId });
    });
  }

  #receive(linkId: number, message: MasterToAgent): void {
    this.#step({ kind: "message", linkId, message });
    const old = this.#oldMessages;
    if (old.length >= OLD_MESSAGES_MAX) old.splice(this.#random.below(old.length), 1);
    old.push(message);
    if (!this.#random.chance(this.#options.staleChance)) return;
    const again = this.#random.pick(old);
    // Of the same term it would be a message that no master sent twice: links repeat nothing.
    if (again.term < message.term) this.#step({ kind: "message", linkId, message: again });
  }

  /** Writes complete in order; a crash loses those that did not complete. */
  #checkpoint(token: number, changes: readonly CheckpointChange[]): void {
    const takesMs = this.#random.fraction() * (this.slow ? SLOW_DISK_MAX_MS : DISK_MAX_MS);
    this.#diskFreeAtMs = Math.max(this.#diskFreeAtMs, this.#world.nowMs) + takesMs;
    this.process.after(this.#diskFreeAtMs - this.#world.nowMs, () => {
      for (const { key, value } of changes) {
        if (value === undefined) this.#durable.delete(key);
        else this.#durable.set(key, value);
      }
      this.#step({ kind: "checkpointed", token });
    });
  }

  #launch(spec: ContainerSpec): void {
    const launch = { cancelled: false };
    const { containerId } = spec;
    this.#launching.set(containerId, launch);
    this.process.after(this.#random.fraction() * LAUNCH_MAX_MS, () => {
      this.#launching.delete(containerId);
      if (launch.cancelled || this.#random.chance(LAUNCH_FAILURE)) {
        const step = launch.cancelled ? "cancelled" : "start";
        const error = { step, message: `simulated: ${step}` } as const;
        this.#step({ kind: "launch-failed", containerId, error });
        return;
      }
      const { command } = spec;
      const isExecutor = command.kind === "shell" && command.script === EXECUTOR_COMMAND;
      if (!isExecutor) this.#observer.starts(this, spec);
      const delayMs = this.#random.fraction() * TELL_LAUNCHED_MAX_MS;
      this.#toldAtMs.set(containerId, this.#world.nowMs + delayMs);
      const launched = this.kernel.launch(spec);
      this.#input({ kind: "launched", containerId, launched }, delayMs);
    });
  }

  #kill(containerId: string, forget: boolean): void {
    const launch = this.#launching.get(containerId);
    if (launch !== undefined) launch.cancelled = true;
    this.process.after(this.#random.below(KILL_MAX_MS), () => {
      this.kernel.kill(containerId);
      if (forget) this.kernel.cleanup(containerId);
    });
  }
}
