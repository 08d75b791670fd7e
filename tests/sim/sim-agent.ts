/**
 * One agent machine: the real AgentCore over a simulated checkpoint disk,
 * kernel and network. The process may crash and come back at any event; the
 * kernel and what was synced to the disk stay.
 */

import type { CheckpointChange } from "../../src/agent/checkpoint.ts";
import { AgentCore } from "../../src/agent/core.ts";
import { planRecovery, readCheckpoint } from "../../src/agent/recovery.ts";
import type { AgentConfig, AgentEffect, AgentInput, LeaderAddress } from "../../src/agent/types.ts";
import { silentLog } from "../../src/base/log.ts";
import { Random } from "../../src/base/random.ts";
import type { ContainerSpec } from "../../src/isolation/container.ts";
import type { AgentToMaster, MasterToAgent } from "../../src/model/agent-protocol.ts";
import { Kernel } from "./kernel.ts";
import type { Channel, ChannelEnds, Network } from "./network.ts";
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

/** Told of every start of a task, for the checker. */
export type StartListener = (agent: string, spec: ContainerSpec) => void;

const DISK_MAX_MS = 8;
const LAUNCH_MAX_MS = 30;
/** A crash of the agent may come between the start of a program and the word of it. */
const TELL_LAUNCHED_MAX_MS = 5;
const LAUNCH_FAILURE = 0.02;
const CONNECT_TIMEOUT_MS = 400;

export class SimAgent {
  readonly name: string;
  readonly kernel: Kernel;
  readonly #world: World;
  readonly #network: Network;
  readonly #masters: MasterDirectory;
  readonly #onStart: StartListener;
  readonly #resources: AgentConfig["info"]["resources"];
  core: AgentCore | undefined;
  /** Raised by each crash: events of an earlier life are void. */
  #life = 0;
  #durable = new Map<string, Uint8Array>();
  #channel: { readonly linkId: number; readonly channel: Channel } | undefined;
  #tickAtMs = Number.POSITIVE_INFINITY;
  readonly #launching = new Map<string, { cancelled: boolean }>();
  #diskFreeAtMs = 0;
  stopped: string | undefined;

  constructor(
    world: World,
    network: Network,
    masters: MasterDirectory,
    name: string,
    resources: AgentConfig["info"]["resources"],
    onStart: StartListener,
  ) {
    this.#world = world;
    this.#network = network;
    this.#masters = masters;
    this.name = name;
    this.#resources = resources;
    this.#onStart = onStart;
    this.kernel = new Kernel(world);
    this.start();
  }

  get alive(): boolean {
    return this.core !== undefined;
  }

  start(): void {
    const life = ++this.#life;
    const core = new AgentCore(this.#config(), new Random(this.#world.random.u32()), silentLog);
    this.core = core;
    this.#tickAtMs = Number.POSITIVE_INFINITY;
    const entries = [...this.#durable]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => ({ key, value }));
    const recorded = readCheckpoint(entries);
    if (!recorded.ok) throw new Error(`${this.name} cannot read its own checkpoint: ${recorded.error}`);
    const known = new Set(recorded.value.tasks.map(({ task }) => task.containerId));
    const states = new Map([...known].map((id) => [id, this.kernel.inspect(id)] as const));
    const orphans = this.kernel.containers().filter((id) => !known.has(id));
    this.kernel.onExit = (containerId, exit) => {
      this.#world.after(this.#world.random.below(5), () =>
        this.#input(life, { kind: "exited", containerId, exit }),
      );
    };
    const plan = planRecovery(this.kernel.bootId, recorded.value, states, orphans);
    this.#input(life, { kind: "recovered", plan });
  }

  /** kill -9 of the agent: tasks live on. `reboot`: the machine lost power. */
  crash(reboot: boolean): void {
    this.#life++;
    this.core = undefined;
    this.kernel.onExit = undefined;
    for (const launch of this.#launching.values()) launch.cancelled = true;
    this.#launching.clear();
    this.#channel = undefined;
    this.#network.resetAll(this.name);
    if (reboot) this.kernel.reboot();
  }

  #config(): AgentConfig {
    return {
      info: { hostname: this.name, port: 5051, resources: this.#resources ?? [] },
      ip: "10.0.0.9",
      port: 5051,
      version: "1.0.0",
      workDir: `/sim/${this.name}`,
      bootId: this.kernel.bootId,
      switchUser: false,
    };
  }

  #input(life: number, input: AgentInput): void {
    if (life !== this.#life || this.core === undefined) return;
    const effects = this.core.step(input, this.#world.now);
    for (const effect of effects) this.#carryOut(life, effect);
    this.#armTick(life);
  }

  #armTick(life: number): void {
    const deadline = this.core?.nextDeadlineMs();
    if (deadline === undefined || deadline >= this.#tickAtMs) return;
    this.#tickAtMs = deadline;
    this.#world.after(deadline - this.#world.nowMs, () => {
      if (life !== this.#life || this.#world.nowMs < this.#tickAtMs) return;
      this.#tickAtMs = Number.POSITIVE_INFINITY;
      this.#input(life, { kind: "tick" });
    });
  }

  #carryOut(life: number, effect: AgentEffect): void {
    switch (effect.kind) {
      case "find-leader":
        this.#findLeader(life);
        return;
      case "connect":
        this.#connect(life, effect.linkId, effect.leader);
        return;
      case "disconnect":
        if (this.#channel?.linkId === effect.linkId) this.#channel.channel.close("client");
        return;
      case "send":
        if (this.#channel?.linkId === effect.linkId) this.#send(effect.message);
        return;
      case "checkpoint":
        this.#checkpoint(life, effect.token, effect.changes);
        return;
      case "launch":
        this.#launch(life, effect.spec);
        return;
      case "signal":
        this.kernel.terminate(effect.containerId);
        return;
      case "kill":
      case "remove-orphan":
        this.#kill(effect.containerId, effect.kind === "remove-orphan");
        return;
      case "cleanup":
        this.kernel.cleanup(effect.containerId);
        return;
      case "stop":
        this.stopped = effect.reason;
        this.crash(false);
        return;
    }
  }

  #findLeader(life: number): void {
    this.#world.after(this.#network.delayMs() * 2, () => {
      if (life !== this.#life) return;
      const leader = this.#masters.findLeader(this.name);
      if (leader === undefined) this.#input(life, { kind: "leader-not-found", reason: "no master answers" });
      else this.#input(life, { kind: "leader-found", leader });
    });
  }

  #connect(life: number, linkId: number, leader: LeaderAddress): void {
    const closed = (): void => {
      if (this.#channel?.linkId === linkId) this.#channel = undefined;
      this.#input(life, { kind: "link-closed", linkId, reason: "connection lost" });
    };
    this.#world.after(this.#network.delayMs() * 2, () => {
      if (life !== this.#life) return;
      const channel = this.#masters.openLink(this.name, leader.linkHostname, {
        toClient: (payload) =>
          this.#input(life, { kind: "message", linkId, message: payload as MasterToAgent }),
        clientClosed: closed,
      });
      if (channel === undefined) {
        this.#world.after(CONNECT_TIMEOUT_MS, closed);
        return;
      }
      this.#channel = { linkId, channel };
      this.#input(life, { kind: "link-opened", linkId });
    });
  }

  #send(message: AgentToMaster): void {
    this.#channel?.channel.send("client", message);
  }

  /** Writes complete in order; a crash loses those that did not complete. */
  #checkpoint(life: number, token: number, changes: readonly CheckpointChange[]): void {
    const atMs =
      Math.max(this.#diskFreeAtMs, this.#world.nowMs) + this.#world.random.fraction() * DISK_MAX_MS;
    this.#diskFreeAtMs = atMs;
    this.#world.after(atMs - this.#world.nowMs, () => {
      if (life !== this.#life) return;
      for (const { key, value } of changes) {
        if (value === undefined) this.#durable.delete(key);
        else this.#durable.set(key, value);
      }
      this.#input(life, { kind: "checkpointed", token });
    });
  }

  #launch(life: number, spec: ContainerSpec): void {
    const launch = { cancelled: false };
    const { containerId } = spec;
    this.#launching.set(containerId, launch);
    this.#world.after(this.#world.random.fraction() * LAUNCH_MAX_MS, () => {
      if (life !== this.#life) return;
      this.#launching.delete(containerId);
      if (launch.cancelled || this.#world.random.chance(LAUNCH_FAILURE)) {
        const step = launch.cancelled ? "cancelled" : "start";
        this.#input(life, {
          kind: "launch-failed",
          containerId,
          error: { step, message: `simulated: ${step}` },
        });
        return;
      }
      this.#onStart(this.name, spec);
      const launched = this.kernel.launch(spec);
      const delayMs = this.#world.random.fraction() * TELL_LAUNCHED_MAX_MS;
      this.#world.after(delayMs, () => this.#input(life, { kind: "launched", containerId, launched }));
    });
  }

  #kill(containerId: string, forget: boolean): void {
    const launch = this.#launching.get(containerId);
    if (launch !== undefined) launch.cancelled = true;
    this.#world.after(this.#world.random.below(10), () => {
      this.kernel.kill(containerId);
      if (forget) this.kernel.cleanup(containerId);
    });
  }
}
