/** A framework of the soak: launches what it is given, and judges everything that it is told. */
import { Random } from "../../src/base/random.ts";
import { MasterClient } from "../../src/main/client/master-client.ts";
import { SchedulerClient } from "../../src/main/client/scheduler-client.ts";
import { isTerminalState } from "../../src/model/task-state.ts";
import type { FrameworkInfo } from "../../src/model/v1/frameworks.ts";
import type { Offer, OfferOperation } from "../../src/model/v1/offers.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import type { SchedulerCall, SchedulerEvent } from "../../src/model/v1/scheduler.ts";
import type { TaskInfo, TaskState, TaskStatus } from "../../src/model/v1/tasks.ts";

const CPUS = 0.05;
const MEM = 16;
const EXECUTOR_MEM = 32;
/** A launch that no master knows after so long died with a leader. */
const LOST_AFTER_MS = 12_000;
const ORDER: Partial<Record<TaskState, number>> = { TASK_STAGING: 0, TASK_STARTING: 1, TASK_RUNNING: 2 };

export interface SoakSpec {
  readonly id: string;
  readonly command: string;
  /** Runs until it is killed. */
  readonly endless?: boolean;
  readonly more?: Partial<TaskInfo>;
}

export interface SoakTask extends SoakSpec {
  readonly agentId: string;
  readonly sentAtMs: number;
  /** Subscriptions before it. */
  readonly subscription: number;
  /** As told, in order, without repetitions. */
  readonly told: TaskStatus[];
  /** Or one that no master ever had. */
  end: TaskState | "lost" | undefined;
  isKilled: boolean;
}

export class SoakFramework {
  readonly tasks = new Map<string, SoakTask>();
  /** Each is one task, or a group under an executor of its own. */
  readonly waiting: SoakSpec[][] = [];
  readonly #masters: readonly string[];
  readonly #random: Random;
  readonly #violate: (what: string) => void;
  #info: FrameworkInfo;
  #client: SchedulerClient | undefined;
  #subscribed = false;
  #subscriptions = 0;
  #over = false;

  constructor(name: string, masters: readonly string[], seed: number, violate: (what: string) => void) {
    this.#masters = masters;
    this.#random = new Random(seed);
    this.#violate = violate;
    this.#info = {
      user: "root",
      name,
      roles: ["*"],
      failover_timeout: 3600,
      checkpoint: true,
      capabilities: [{ type: "MULTI_ROLE" }, { type: "PARTITION_AWARE" }],
    };
    void this.#live();
  }

  get id(): string | undefined {
    return this.#info.id?.value;
  }

  get isSubscribed(): boolean {
    return this.#subscribed;
  }

  get open(): readonly SoakTask[] {
    return [...this.tasks.values()].filter(({ end }) => end === undefined);
  }

  /** Its process dies and is back, with what it has written down, after this time. */
  async crash(awayMs: number): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    this.#subscribed = false;
    client?.close();
    await Bun.sleep(awayMs);
    if (!this.#over) void this.#live();
  }

  close(): void {
    this.#over = true;
    this.#client?.close();
  }

  async launch(specs: readonly SoakSpec[]): Promise<void> {
    this.waiting.push([...specs]);
    await this.#call({ type: "REVIVE", revive: {} });
  }

  async kill(task: SoakTask): Promise<void> {
    task.isKilled = true;
    await this.#call({ type: "KILL", kill: { task_id: { value: task.id } } });
  }

  /** Asks for all that has not ended, and kills again what was to end. */
  async reconcile(): Promise<void> {
    const tasks = this.open.map(({ agentId, id }) => ({
      task_id: { value: id },
      agent_id: { value: agentId },
    }));
    if (tasks.length > 0) await this.#call({ type: "RECONCILE", reconcile: { tasks } });
    for (const task of this.open) if (task.isKilled) await this.kill(task);
  }

  async #live(): Promise<void> {
    const client = new SchedulerClient(new MasterClient(this.#masters), this.#info);
    this.#client = client;
    try {
      for await (const event of client.events()) {
        // What a process that died had still to read is lost.
        if (this.#client !== client) return;
        this.#handle(event);
      }
    } catch (error) {
      this.#violate(`${this.#info.name}: ${String(error)}`);
    }
  }

  /** Calls are lost as those of any framework. */
  async #call(call: SchedulerCall): Promise<void> {
    await this.#client?.call(call).catch(() => {});
  }

  #handle(event: SchedulerEvent): void {
    const id = event.subscribed?.framework_id;
    if (id !== undefined) {
      if (this.id !== undefined && this.id !== id.value) this.#violate(`${this.id} became ${id.value}`);
      this.#info = { ...this.#info, id };
      this.#subscribed = true;
      this.#subscriptions++;
      void this.reconcile();
    }
    for (const offer of event.offers?.offers ?? []) void this.#take(offer);
    if (event.update !== undefined) this.#update(event.update.status);
  }

  #update(status: TaskStatus): void {
    const task = this.tasks.get(status.task_id.value);
    if (task === undefined) {
      this.#violate(`${status.task_id.value} was never launched: ${status.state}`);
      return;
    }
    if (status.reason === "REASON_RECONCILIATION") this.#reconciled(task, status);
    else this.#told(task, status);
    const { agent_id, task_id, uuid } = status;
    if (uuid === undefined || agent_id === undefined) return;
    const client = this.#client;
    const late = this.#random.below(10) === 0 ? this.#random.below(2_500) : 0;
    setTimeout(() => {
      if (this.#client !== client) return;
      void this.#call({ type: "ACKNOWLEDGE", acknowledge: { agent_id, task_id, uuid } });
    }, late);
  }

  #reconciled(task: SoakTask, { message, state }: TaskStatus): void {
    const known = state !== "TASK_UNKNOWN" && state !== "TASK_GONE";
    if (task.end !== undefined) {
      if (known && !isTerminalState(state)) this.#violate(`${task.id} ended ${task.end}, and is ${state}`);
    } else if (!known && task.told.length > 0) {
      // An agent that leaves takes its tasks with it: that is told once, to who is subscribed.
      if (this.#subscriptions > task.subscription) task.end = "TASK_GONE";
      else this.#violate(`${task.id} was ${task.told.at(-1)?.state}, and is ${state}: ${message}`);
    } else if (!known && performance.now() - task.sentAtMs > LOST_AFTER_MS) task.end = "lost";
  }

  #told(task: SoakTask, status: TaskStatus): void {
    const last = task.told.at(-1);
    const isSame = last?.state === status.state && sameUuid(last, status);
    const what = `${task.id}, ${task.told.map(({ state }) => state).join()}, is told ${status.state}: ${status.message}`;
    if (task.end === "lost") this.#violate(`${what}; no master knew it`);
    else if (task.end !== undefined && !isSame) this.#violate(`${what}; it had ended`);
    else if (rankOf(status) < rankOf(last) && !task.told.some((one) => sameUuid(one, status))) {
      this.#violate(`${what}; that is a step back`);
    }
    if (!isSame) task.told.push(status);
    if (isTerminalState(status.state)) task.end ??= status.state;
  }

  async #take(offer: Offer): Promise<void> {
    const client = this.#client;
    // Some offers are gone when they are taken.
    if (this.#random.below(4) === 0) await Bun.sleep(this.#random.below(3_000));
    if (this.#client !== client) return;
    const operations = this.#operations(offer);
    if (operations.length > 0) {
      const accept = { offer_ids: [offer.id], operations, filters: { refuse_seconds: 0 } };
      await this.#call({ type: "ACCEPT", accept });
    } else {
      const decline = { offer_ids: [offer.id], filters: { refuse_seconds: 1 } };
      await this.#call({ type: "DECLINE", decline });
    }
  }

  #operations(offer: Offer): OfferOperation[] {
    const of = (name: string): number =>
      (offer.resources ?? []).reduce(
        (sum, one) => sum + (one.name === name ? (one.scalar?.value ?? 0) : 0),
        0,
      );
    let [cpus, mem, disk] = [of("cpus"), of("mem"), of("disk")];
    const operations: OfferOperation[] = [];
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      const isGroup = next.length > 1;
      cpus -= CPUS * (next.length + (isGroup ? 1 : 0));
      mem -= MEM * next.length + (isGroup ? EXECUTOR_MEM : 0);
      disk -= isGroup ? 1 : 0;
      if (cpus < 0 || mem < 0 || disk < 0) break;
      this.waiting.shift();
      operations.push(this.#operation(next, offer));
    }
    return operations;
  }

  #operation(specs: readonly SoakSpec[], offer: Offer): OfferOperation {
    const sentAtMs = performance.now();
    for (const spec of specs) {
      const subscription = this.#subscriptions;
      const begun = { sentAtMs, subscription, agentId: offer.agent_id.value };
      this.tasks.set(spec.id, { ...spec, ...begun, told: [], end: undefined, isKilled: false });
    }
    const tasks = specs.map((spec) => taskInfo(spec, offer));
    if (specs.length === 1) return { type: "LAUNCH", launch: { task_infos: tasks } };
    const resources = [scalar("cpus", CPUS), scalar("mem", EXECUTOR_MEM), scalar("disk", 1)];
    const executor = {
      type: "DEFAULT" as const,
      executor_id: { value: `of-${specs[0]?.id}` },
      resources,
    };
    return { type: "LAUNCH_GROUP", launch_group: { executor, task_group: { tasks } } };
  }
}

/** Ends follow everything. */
function rankOf(status: TaskStatus | undefined): number {
  return status === undefined ? -1 : (ORDER[status.state] ?? 2);
}

function sameUuid(a: TaskStatus, b: TaskStatus): boolean {
  return Buffer.from(a.uuid ?? []).equals(Buffer.from(b.uuid ?? []));
}

function scalar(name: string, value: number): Resource {
  return { name, type: "SCALAR", scalar: { value } };
}

function taskInfo({ command, id, more }: SoakSpec, { agent_id }: Offer): TaskInfo {
  const resources = [scalar("cpus", CPUS), scalar("mem", MEM)];
  return { name: id, task_id: { value: id }, agent_id, resources, command: { value: command }, ...more };
}
