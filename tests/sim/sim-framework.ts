/**
 * A scheduler as a real framework behaves: it looks for the leader, subscribes
 * (again with its id after every break), launches tasks on what it is
 * offered, acknowledges updates (some late, some twice), kills some tasks and
 * reconciles after each new subscription.
 */

import { isTerminalState } from "../../src/model/task-state.ts";
import type { Offer } from "../../src/model/v1/offers.ts";
import type { SchedulerCall, SchedulerEvent } from "../../src/model/v1/scheduler.ts";
import type { TaskInfo, TaskState, TaskStatus } from "../../src/model/v1/tasks.ts";
import { simScript } from "./kernel.ts";
import type { World } from "./world.ts";

/** The way to the masters; every call may get lost. */
export interface MasterGate {
  /** Opens a stream; `undefined` when this master is down, cut off or does not lead. */
  subscribe(from: SimFramework, call: SchedulerCall, life: number): { streamId: string } | undefined;
  call(from: SimFramework, streamId: string, call: SchedulerCall): void;
  /** The scheduler process dies: its connections break. */
  drop(from: SimFramework): void;
}

export interface FrameworkPlan {
  readonly name: string;
  readonly tasks: number;
  readonly partitionAware: boolean;
  readonly failoverTimeoutSeconds: number;
}

const RETRY_MS = 300;
const RECONCILE_MS = 5_000;
/** Silence on the stream after which the scheduler subscribes again. */
const SILENCE_MS = 4_000;

export class SimFramework {
  readonly plan: FrameworkPlan;
  readonly name: string;
  readonly #world: World;
  readonly #gate: MasterGate;
  frameworkId: string | undefined;
  #streamId: string | undefined;
  /** Raised by each subscription attempt and crash: events of older streams are void. */
  life = 0;
  alive = true;
  #launched = 0;
  #heardAtMs = 0;
  /** Latest state told for each launched task. */
  readonly states = new Map<string, TaskState>();
  readonly launchedOn = new Map<string, string>();
  /** Terminal states told, by task: more than one kind is a lie. */
  readonly ends = new Map<string, Set<TaskState>>();
  /** The cluster ended the framework: its deadline passed, or it tore itself down. */
  removed = false;
  /** No new tasks; what runs is killed, so that everything ends. */
  draining = false;
  events = 0;

  constructor(world: World, gate: MasterGate, plan: FrameworkPlan) {
    this.#world = world;
    this.#gate = gate;
    this.plan = plan;
    this.name = plan.name;
    this.#retry(0);
    this.#reconcileLater();
  }

  /** All tasks that were launched have ended, as far as it was told. */
  get settled(): boolean {
    return this.removed || [...this.states.values()].every(isTerminalState);
  }

  get subscribed(): boolean {
    return this.#streamId !== undefined;
  }

  crash(): void {
    this.alive = false;
    this.life++;
    this.#streamId = undefined;
    this.#gate.drop(this);
  }

  restart(): void {
    this.alive = true;
    this.#retry(0);
  }

  /** From the network: an event of the stream opened in `life`. */
  onEvent(life: number, event: SchedulerEvent): void {
    if (life !== this.life || !this.alive) return;
    this.events++;
    this.#heardAtMs = this.#world.nowMs;
    switch (event.type) {
      case "SUBSCRIBED":
        this.frameworkId = event.subscribed?.framework_id.value;
        this.#reconcile();
        return;
      case "OFFERS":
        for (const offer of event.offers?.offers ?? []) this.#onOffer(offer);
        return;
      case "UPDATE":
        if (event.update?.status !== undefined) this.#onStatus(event.update.status);
        return;
      case "ERROR":
        this.#onError(event.error?.message ?? "");
        return;
      default:
        return;
    }
  }

  onClosed(life: number): void {
    if (life !== this.life || !this.alive) return;
    this.#streamId = undefined;
    this.#retry(RETRY_MS);
  }

  #onError(message: string): void {
    this.#world.note(`${this.name} ERROR ${message}`);
    if (message.includes("removed")) this.removed = true;
    else if (!message.includes("failed over")) throw new Error(`${this.name} got ERROR '${message}'`);
  }

  #retry(delayMs: number): void {
    const life = ++this.life;
    this.#world.after(delayMs, () => {
      if (life !== this.life || !this.alive || this.removed) return;
      const opened = this.#gate.subscribe(this, this.#subscribeCall(), life);
      if (opened === undefined) {
        this.#retry(RETRY_MS);
        return;
      }
      this.#streamId = opened.streamId;
      this.#heardAtMs = this.#world.nowMs;
      this.#watchSilence(life);
    });
  }

  #watchSilence(life: number): void {
    this.#world.after(SILENCE_MS, () => {
      if (life !== this.life || !this.alive) return;
      if (this.#world.nowMs - this.#heardAtMs < SILENCE_MS) {
        this.#watchSilence(life);
        return;
      }
      this.#gate.drop(this);
      this.#streamId = undefined;
      this.#retry(0);
    });
  }

  #subscribeCall(): SchedulerCall {
    const id = this.frameworkId === undefined ? undefined : { value: this.frameworkId };
    return {
      type: "SUBSCRIBE",
      ...(id === undefined ? {} : { framework_id: id }),
      subscribe: {
        framework_info: {
          user: "root",
          name: this.name,
          roles: ["*"],
          failover_timeout: this.plan.failoverTimeoutSeconds,
          checkpoint: true,
          capabilities: [
            { type: "MULTI_ROLE" },
            ...(this.plan.partitionAware ? [{ type: "PARTITION_AWARE" as const }] : []),
          ],
          ...(id === undefined ? {} : { id }),
        },
      },
    };
  }

  #call(call: SchedulerCall): void {
    if (this.#streamId === undefined || this.frameworkId === undefined) return;
    this.#gate.call(this, this.#streamId, { framework_id: { value: this.frameworkId }, ...call });
  }

  #onOffer(offer: Offer): void {
    const { random } = this.#world;
    if (this.draining || this.#launched >= this.plan.tasks || random.chance(0.2)) {
      const refuse_seconds = random.pick([0.5, 1, 5]);
      this.#call({ type: "DECLINE", decline: { offer_ids: [offer.id], filters: { refuse_seconds } } });
      return;
    }
    const count = Math.min(random.between(1, 4), this.plan.tasks - this.#launched, room(offer));
    const task_infos = Array.from({ length: count }, () => this.#newTask(offer));
    this.#call({
      type: "ACCEPT",
      accept: {
        offer_ids: [offer.id],
        operations: [{ type: "LAUNCH", launch: { task_infos } }],
        filters: { refuse_seconds: random.pick([0, 1]) },
      },
    });
  }

  #newTask(offer: Offer): TaskInfo {
    const { random } = this.#world;
    const id = `${this.name}-t${this.#launched++}`;
    this.states.set(id, "TASK_STAGING");
    this.launchedOn.set(id, offer.agent_id.value);
    const script = simScript({
      runMs: random.pick([5, 50, 500, 3_000, 15_000]),
      code: random.chance(0.8) ? 0 : 3,
      obedient: random.chance(0.8),
    });
    return {
      name: id,
      task_id: { value: id },
      agent_id: offer.agent_id,
      resources: [
        { name: "cpus", type: "SCALAR", scalar: { value: TASK_CPUS } },
        { name: "mem", type: "SCALAR", scalar: { value: TASK_MEM } },
      ],
      command: { shell: true, value: script },
    };
  }

  #onStatus(status: TaskStatus): void {
    const id = status.task_id.value;
    const told = this.states.get(id);
    if (told === undefined) throw new Error(`${this.name} was told of ${id}, which it never launched`);
    if (isTerminalState(status.state)) this.#noteEnd(id, status);
    // An end without uuid is the master's word (lost, gone): the task may yet come back with its agent.
    if (!this.ends.has(id)) this.states.set(id, status.state);
    this.#acknowledge(status);
    if (this.#world.random.chance(0.03)) this.#call({ type: "KILL", kill: { task_id: { value: id } } });
  }

  /** Master-made ends such as TASK_LOST may be followed by the agent's own word; the agent's words agree. */
  #noteEnd(id: string, status: TaskStatus): void {
    if (status.uuid === undefined) return;
    const ends = this.ends.get(id) ?? new Set();
    ends.add(status.state);
    this.ends.set(id, ends);
    if (ends.size > 1) throw new Error(`${this.name} was told two ends of ${id}: ${[...ends].join(", ")}`);
  }

  #acknowledge(status: TaskStatus): void {
    const { uuid, agent_id } = status;
    if (uuid === undefined || agent_id === undefined) return;
    const { random } = this.#world;
    const send = (): void =>
      this.#call({ type: "ACKNOWLEDGE", acknowledge: { agent_id, task_id: status.task_id, uuid } });
    if (random.chance(0.05)) return;
    if (random.chance(0.1)) this.#world.after(random.below(3_000), send);
    else send();
    if (random.chance(0.05)) send();
  }

  #reconcileLater(): void {
    this.#world.after(RECONCILE_MS, () => {
      if (this.alive) this.#reconcile();
      if (this.draining) this.#killAll();
      this.#reconcileLater();
    });
  }

  #reconcile(): void {
    const tasks = [...this.states]
      .filter(([, state]) => !isTerminalState(state))
      .map(([id]) => ({ task_id: { value: id }, agent_id: { value: this.launchedOn.get(id) ?? "" } }));
    if (tasks.length > 0) this.#call({ type: "RECONCILE", reconcile: { tasks } });
  }

  #killAll(): void {
    for (const id of this.states.keys()) {
      if (!this.ends.has(id)) this.#call({ type: "KILL", kill: { task_id: { value: id } } });
    }
  }
}

export const TASK_CPUS = 0.1;
export const TASK_MEM = 32;

/** How many simulated tasks fit the offer. */
function room(offer: Offer): number {
  const of = (name: string): number =>
    (offer.resources ?? []).reduce((sum, r) => sum + (r.name === name ? (r.scalar?.value ?? 0) : 0), 0);
  return Math.max(1, Math.min(Math.floor(of("cpus") / TASK_CPUS), Math.floor(of("mem") / TASK_MEM)));
}
