/**
 * The scheduler behind `mesh run`: takes offers until every instance is
 * launched, then waits for all of them to end.
 */

import { MeshError } from "../../base/errors.ts";
import { hostPort } from "../../base/host-port.ts";
import { isTerminalState } from "../../model/task-state.ts";
import type { ContainerInfo } from "../../model/v1/containers.ts";
import type { Offer } from "../../model/v1/offers.ts";
import type { Resource } from "../../model/v1/resources.ts";
import type { SchedulerEvent } from "../../model/v1/scheduler.ts";
import type { CommandInfo, Task, TaskInfo, TaskStatus } from "../../model/v1/tasks.ts";
import type { TaskPlace } from "./sandbox-reader.ts";
import type { SchedulerClient } from "./scheduler-client.ts";

/** Seconds for which an offer that is too small is refused; a better one may come any time. */
const SMALL_OFFER_REFUSE_SECONDS = 5;
/** Seconds for which everything else is refused once all is launched. */
const DONE_REFUSE_SECONDS = 3600;

export interface JobSpec {
  readonly name: string;
  readonly instances: number;
  readonly cpus: number;
  /** MB. */
  readonly mem: number;
  readonly command: CommandInfo;
  readonly container?: ContainerInfo;
}

export interface Instance {
  readonly number: number;
  readonly taskId: string;
  place: TaskPlace | undefined;
  /** The latest status seen. */
  status: TaskStatus | undefined;
}

export interface JobListener {
  /** A status came; the instance holds it. */
  onStatus(instance: Instance): void;
  /** Offers came and none was large enough. */
  onTooSmall(offers: readonly Offer[]): void;
}

/** What the masters remember of a task, also of one that ended; undefined: they never had it. */
export type LookUp = (frameworkId: string, taskId: string) => Promise<Task | undefined>;

export class Job {
  readonly #spec: JobSpec;
  readonly #scheduler: SchedulerClient;
  readonly #listener: JobListener;
  readonly #lookUp: LookUp;
  readonly instances: readonly Instance[];
  #killed = false;

  /** `run` makes task ids of this run unlike those of any other. */
  constructor(spec: JobSpec, run: string, scheduler: SchedulerClient, listener: JobListener, lookUp: LookUp) {
    this.#spec = spec;
    this.#scheduler = scheduler;
    this.#listener = listener;
    this.#lookUp = lookUp;
    this.instances = Array.from({ length: spec.instances }, (_, i) => ({
      number: i,
      taskId: spec.instances === 1 ? `${spec.name}.${run}` : `${spec.name}.${run}.${i}`,
      place: undefined,
      status: undefined,
    }));
  }

  /**
   * Resolves when every instance has ended, or is not launched and will not be, and `finish` was true; false
   * is for a subscription that was over, and it is called again in the next.
   */
  async run(finish: () => Promise<boolean>): Promise<void> {
    for await (const event of this.#scheduler.events()) {
      await this.#handle(event);
      if (!this.instances.every((instance) => this.#isOver(instance))) continue;
      if (await finish()) return;
    }
  }

  /** Kills what runs and launches nothing more; {@link run} ends when the ends are known. */
  async kill(): Promise<void> {
    this.#killed = true;
    for (const instance of this.instances) {
      if (instance.place === undefined || hasEnded(instance)) continue;
      await this.#scheduler.call({ type: "KILL", kill: { task_id: { value: instance.taskId } } });
    }
  }

  /** True when nothing that was launched runs, so that there is no end to wait for. */
  get idle(): boolean {
    return this.instances.every((instance) => instance.place === undefined || hasEnded(instance));
  }

  #isOver(instance: Instance): boolean {
    return hasEnded(instance) || (this.#killed && instance.place === undefined);
  }

  async #handle(event: SchedulerEvent): Promise<void> {
    if (event.type === "SUBSCRIBED") await this.#reconcile();
    if (event.type === "OFFERS") await this.#take(event.offers?.offers ?? []);
    const status = event.update?.status;
    if (status !== undefined) await this.#update(status);
  }

  /** After a break of the stream: states may have changed meanwhile, and calls may have been lost. */
  async #reconcile(): Promise<void> {
    if (this.#killed) await this.kill();
    const tasks = this.instances
      .filter((instance) => instance.place !== undefined && !hasEnded(instance))
      .map((instance) => ({ task_id: { value: instance.taskId } }));
    if (tasks.length > 0) await this.#scheduler.call({ type: "RECONCILE", reconcile: { tasks } });
  }

  async #take(offers: readonly Offer[]): Promise<void> {
    let launchedAny = false;
    for (const offer of offers) {
      const taken = this.#fit(offer);
      launchedAny ||= taken.length > 0;
      if (taken.length === 0) {
        await this.#decline(offer);
        continue;
      }
      await this.#launch(offer, taken);
    }
    const waiting = this.#waiting();
    if (waiting.length === 0) await this.#scheduler.call({ type: "SUPPRESS", suppress: {} });
    else if (!launchedAny) this.#listener.onTooSmall(offers);
  }

  /** Instances that fit the offer, first come first served. */
  #fit(offer: Offer): Instance[] {
    const room = Math.min(
      Math.floor(scalarOf(offer.resources, "cpus") / this.#spec.cpus + 1e-9),
      Math.floor(scalarOf(offer.resources, "mem") / this.#spec.mem + 1e-9),
    );
    return this.#waiting().slice(0, Math.max(0, room));
  }

  #waiting(): Instance[] {
    return this.#killed ? [] : this.instances.filter((instance) => instance.place === undefined);
  }

  async #launch(offer: Offer, instances: readonly Instance[]): Promise<void> {
    for (const instance of instances) {
      instance.place = {
        agent: agentAddress(offer),
        frameworkId: offer.framework_id.value,
        executorId: instance.taskId,
      };
    }
    const task_infos = instances.map((instance) => this.#taskInfo(offer, instance));
    // Whether one that was not answered was taken is asked in the next subscription.
    await this.#scheduler.call({
      type: "ACCEPT",
      accept: {
        offer_ids: [offer.id],
        operations: [{ type: "LAUNCH", launch: { task_infos } }],
        filters: {
          refuse_seconds: this.#waiting().length > 0 ? SMALL_OFFER_REFUSE_SECONDS : DONE_REFUSE_SECONDS,
        },
      },
    });
  }

  #taskInfo(offer: Offer, instance: Instance): TaskInfo {
    const { container, command } = this.#spec;
    const environment = command.environment?.variables ?? [];
    return {
      name: this.#spec.name,
      task_id: { value: instance.taskId },
      agent_id: offer.agent_id,
      resources: [scalar("cpus", this.#spec.cpus), scalar("mem", this.#spec.mem)],
      command: {
        ...command,
        environment: {
          variables: [...environment, { name: "MESH_INSTANCE", value: String(instance.number) }],
        },
      },
      ...(container === undefined ? {} : { container }),
    };
  }

  async #decline(offer: Offer): Promise<void> {
    const refuse_seconds = this.#waiting().length > 0 ? SMALL_OFFER_REFUSE_SECONDS : DONE_REFUSE_SECONDS;
    await this.#scheduler.call({
      type: "DECLINE",
      decline: { offer_ids: [offer.id], filters: { refuse_seconds } },
    });
  }

  async #update(status: TaskStatus): Promise<void> {
    if (status.uuid !== undefined && status.agent_id !== undefined) {
      await this.#scheduler.call({
        type: "ACKNOWLEDGE",
        acknowledge: { agent_id: status.agent_id, task_id: status.task_id, uuid: status.uuid },
      });
    }
    const instance = this.instances.find((one) => one.taskId === status.task_id.value);
    if (instance === undefined || hasEnded(instance)) return;
    if (status.state === "TASK_UNKNOWN") return this.#unknown(instance, status);
    const dropped = status.state === "TASK_DROPPED" && status.reason === "REASON_INVALID_OFFERS";
    // The offer was gone before the launch reached it: nothing ran.
    if (dropped && !this.#killed) return this.#launchAgain(instance);
    this.#told(instance, status);
  }

  #told(instance: Instance, status: TaskStatus): void {
    instance.status = status;
    this.#listener.onStatus(instance);
  }

  async #launchAgain(instance: Instance): Promise<void> {
    instance.place = undefined;
    await this.#scheduler.call({ type: "REVIVE", revive: {} });
  }

  /**
   * Reconciliation has no such task: it ended while nobody was subscribed, and the masters tell that only
   * once when its agent left, or its ACCEPT died with a leader.
   */
  async #unknown(instance: Instance, status: TaskStatus): Promise<void> {
    if (instance.place === undefined) return;
    let task: Task | undefined;
    try {
      task = await this.#lookUp(instance.place.frameworkId, instance.taskId);
    } catch (error) {
      if (!(error instanceof MeshError) || error.code !== "MASTER_UNREACHABLE") throw error;
      return this.#reconcile();
    }
    if (task !== undefined) {
      const last = task.statuses?.at(-1);
      const { message: _, ...bare } = status;
      if (isTerminalState(task.state)) {
        this.#told(instance, last?.state === task.state ? last : { ...bare, state: task.state });
      }
    } else if (instance.status === undefined) await this.#launchAgain(instance);
    else this.#told(instance, { ...status, state: "TASK_LOST", message: "Nobody knows how it ended" });
  }
}

export function hasEnded(instance: Instance): boolean {
  return instance.status !== undefined && isTerminalState(instance.status.state);
}

function scalar(name: string, value: number): Resource {
  return { name, type: "SCALAR", scalar: { value } };
}

function scalarOf(resources: readonly Resource[] | undefined, name: string): number {
  let sum = 0;
  for (const resource of resources ?? []) if (resource.name === name) sum += resource.scalar?.value ?? 0;
  return sum;
}

function agentAddress(offer: Offer): string {
  const address = offer.url?.address;
  return hostPort(address?.ip ?? offer.hostname, address?.port ?? 5051);
}
