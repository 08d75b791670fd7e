/**
 * A scheduler as a real framework behaves: it looks for the leader, subscribes
 * (again with its id after every break), launches tasks on what it is
 * offered, acknowledges updates (some late, some twice), kills some tasks and
 * reconciles from time to time. It complains of whatever no scheduler may see.
 */
import type { Random } from "../../src/base/random.ts";
import { isTerminalState } from "../../src/model/task-state.ts";
import type { Offer, OfferOperation, OperationStatus } from "../../src/model/v1/offers.ts";
import type { SchedulerCall, SchedulerCallSubscribe, SchedulerEvent } from "../../src/model/v1/scheduler.ts";
import type { TaskInfo, TaskStatus } from "../../src/model/v1/tasks.ts";
import { InverseOffers } from "./inverse-offers.ts";
import { simScript } from "./kernel.ts";
import { OperationBook } from "./operation-book.ts";
import { Process } from "./process.ts";
import { TaskBook } from "./task-book.ts";
import type { World } from "./world.ts";

/** The way to the masters; every call may get lost. */
export interface MasterGate {
  /** Opens a stream; `undefined` when this master is down, cut off or does not lead. */
  subscribe(from: SimFramework, call: SchedulerCall, life: number): { streamId: string } | undefined;
  call(from: SimFramework, streamId: string, call: SchedulerCall): void;
  /** The scheduler process dies or gives up: its connection breaks. */
  drop(from: SimFramework): void;
}

export interface FrameworkPlan {
  readonly name: string;
  readonly role: string;
  readonly tasks: number;
  readonly partitionAware: boolean;
  readonly killingState: boolean;
  readonly failoverTimeoutSeconds: number;
  /** World time of its TEARDOWN, if it ends itself. */
  readonly tearsDownAtMs: number | undefined;
  readonly taskRunsMs: readonly number[];
  /** Launches the ids of tasks that are done with again. */
  readonly reusesIds: boolean;
  /** Reserves, makes volumes, and gives both back. */
  readonly operates: boolean;
  /** Takes offers only of some agents, of others after each subscription. */
  readonly picky: boolean;
  /** Launches some of its tasks as groups. */
  readonly groups: boolean;
}

const RETRY_MS = 300;
const RECONCILE_MS = 5_000;
const DRAIN_MS = 2_000;
/** Silence on the stream after which the scheduler subscribes again. */
const SILENCE_MS = 4_000;

export class SimFramework {
  readonly plan: FrameworkPlan;
  readonly name: string;
  readonly process: Process;
  readonly book: TaskBook;
  readonly operations: OperationBook;
  readonly #world: World;
  readonly #random: Random;
  readonly #gate: MasterGate;
  frameworkId: string | undefined;
  #streamId: string | undefined;
  #subscribed = false;
  /** Raised by each subscription attempt: events of older streams are void. */
  #attempt = 0;
  #launched = 0;
  #heardAtMs = 0;
  readonly #inverse: InverseOffers;
  readonly #offersSeen = new Set<string>();
  /** Uuids of updates, in hex, that came on the present stream. */
  #heard = new Set<string>();
  /** The cluster ended the framework: its deadline passed, or it tore itself down. */
  removed = false;
  /** No new tasks; what runs is killed, so that everything ends. */
  #draining = false;
  /** Agents' names that its offer constraints accept; undefined: all. */
  #wants: RegExp | undefined;
  #tearsDown = false;
  events = 0;

  constructor(world: World, gate: MasterGate, plan: FrameworkPlan) {
    this.#world = world;
    this.#random = world.fork();
    this.#gate = gate;
    this.plan = plan;
    this.name = plan.name;
    this.book = new TaskBook(plan.name);
    this.#inverse = new InverseOffers(plan.name);
    this.operations = new OperationBook(plan.name, plan.role);
    this.process = new Process(world);
    this.start();
    if (plan.tearsDownAtMs !== undefined) {
      world.after(plan.tearsDownAtMs, () => {
        this.#tearsDown = true;
      });
    }
  }

  get subscribed(): boolean {
    return this.#subscribed;
  }

  /** Whether the update, its uuid in hex, came on the present stream. */
  hasHeard(uuid: string): boolean {
    return this.#heard.has(uuid);
  }

  start(): void {
    this.process.start(this.#random.u32());
    this.#retry(0);
    this.#upkeep(this.#random.below(RECONCILE_MS));
  }

  crash(): void {
    this.#world.note(`${this.name} crashes`);
    this.process.kill();
    this.#attempt++;
    this.#subscribed = false;
    this.#streamId = undefined;
    this.#gate.drop(this);
  }

  drain(): void {
    this.#draining = true;
  }

  /** From the network: an event of the stream opened by `attempt`. */
  onEvent(attempt: number, event: SchedulerEvent): void {
    this.process.guard(() => {
      if (attempt === this.#attempt) this.#take(event);
    })();
  }

  onClosed(attempt: number): void {
    this.process.guard(() => {
      if (attempt !== this.#attempt) return;
      this.#subscribed = false;
      this.#streamId = undefined;
      this.#retry(RETRY_MS);
    })();
  }

  #take(event: SchedulerEvent): void {
    this.events++;
    this.#heardAtMs = this.#world.nowMs;
    if (!this.#subscribed && event.type !== "SUBSCRIBED" && event.type !== "ERROR") {
      throw new Error(`${this.name} got ${event.type} before SUBSCRIBED`);
    }
    switch (event.type) {
      case "SUBSCRIBED":
        this.#onSubscribed(event.subscribed?.framework_id.value ?? "");
        return;
      case "OFFERS":
        for (const offer of event.offers?.offers ?? []) this.#onOffer(offer);
        return;
      case "INVERSE_OFFERS": {
        const answer = this.#inverse.take(event.inverse_offers?.inverse_offers ?? [], this.#random);
        if (answer !== undefined) this.#call(answer);
        return;
      }
      case "RESCIND_INVERSE_OFFER":
        this.#inverse.rescind(event.rescind_inverse_offer?.inverse_offer_id.value ?? "");
        return;
      case "UPDATE":
        if (event.update?.status !== undefined) this.#onStatus(event.update.status);
        return;
      case "UPDATE_OPERATION_STATUS":
        if (event.update_operation_status !== undefined)
          this.#onOperation(event.update_operation_status.status);
        return;
      case "ERROR":
        this.#onError(event.error?.message ?? "");
        return;
      default:
        return;
    }
  }

  #onOperation(status: OperationStatus): void {
    this.operations.tell(status);
    const { uuid, agent_id, operation_id } = status;
    if (uuid === undefined || agent_id === undefined || operation_id === undefined) return;
    if (!this.#draining && this.#random.chance(0.1)) return;
    const acknowledge_operation_status = { agent_id, operation_id, uuid: uuid.value };
    this.#call({ type: "ACKNOWLEDGE_OPERATION_STATUS", acknowledge_operation_status });
  }

  #onSubscribed(frameworkId: string): void {
    if (this.frameworkId !== undefined && this.frameworkId !== frameworkId) {
      throw new Error(`${this.name} is ${this.frameworkId} and was subscribed as ${frameworkId}`);
    }
    this.#world.note(`${this.name} is subscribed as ${frameworkId}`);
    this.frameworkId = frameworkId;
    this.#subscribed = true;
    this.#heard = new Set();
    this.#inverse.clear();
    this.book.resubscribed();
    if (this.#random.chance(0.7)) this.#reconcile();
  }

  #onError(message: string): void {
    this.#world.note(`${this.name} got ERROR ${message}`);
    if (message.includes("removed")) this.removed = true;
    else if (!message.includes("failed over")) throw new Error(`${this.name} got ERROR '${message}'`);
  }

  #retry(delayMs: number): void {
    const attempt = ++this.#attempt;
    this.process.after(delayMs, () => {
      if (attempt !== this.#attempt || this.removed) return;
      const opened = this.#gate.subscribe(this, this.#subscribeCall(), attempt);
      if (opened === undefined) {
        this.#retry(RETRY_MS);
        return;
      }
      this.#streamId = opened.streamId;
      this.#heardAtMs = this.#world.nowMs;
      this.#watchSilence(attempt);
    });
  }

  #watchSilence(attempt: number): void {
    this.process.after(SILENCE_MS, () => {
      if (attempt !== this.#attempt) return;
      if (this.#world.nowMs - this.#heardAtMs < SILENCE_MS) {
        this.#watchSilence(attempt);
        return;
      }
      this.#gate.drop(this);
      this.#subscribed = false;
      this.#streamId = undefined;
      this.#retry(0);
    });
  }

  #subscribeCall(): SchedulerCall {
    const { plan, frameworkId } = this;
    const id = frameworkId === undefined ? undefined : { value: frameworkId };
    const capabilities = [
      { type: "MULTI_ROLE" as const },
      ...(plan.partitionAware ? [{ type: "PARTITION_AWARE" as const }] : []),
      ...(plan.operates ? [{ type: "RESERVATION_REFINEMENT" as const }] : []),
      ...(plan.killingState ? [{ type: "TASK_KILLING_STATE" as const }] : []),
    ];
    return {
      type: "SUBSCRIBE",
      ...(id === undefined ? {} : { framework_id: id }),
      subscribe: {
        framework_info: {
          user: "root",
          name: this.name,
          roles: [plan.role],
          failover_timeout: plan.failoverTimeoutSeconds,
          checkpoint: true,
          capabilities,
          ...(id === undefined ? {} : { id }),
        },
        ...this.#constraints(),
      },
    };
  }

  /** Drawn anew for each stream; its offers must fit them. */
  #constraints(): Pick<SchedulerCallSubscribe, "offer_constraints"> {
    this.#wants = undefined;
    if (!this.plan.picky || this.#draining) return {};
    const regex = this.#random.pick([".*[13]", ".*2", ".*"]);
    this.#wants = new RegExp(`^(?:${regex})$`);
    const selector = { pseudoattribute_type: "HOSTNAME" as const };
    const constraint = { selector, predicate: { text_matches: { regex } } };
    const groups = [{ attribute_constraints: [constraint] }];
    return { offer_constraints: { role_constraints: { [this.plan.role]: { groups } } } };
  }

  #call(call: SchedulerCall): void {
    if (this.#streamId === undefined || this.frameworkId === undefined) return;
    this.#gate.call(this, this.#streamId, { framework_id: { value: this.frameworkId }, ...call });
  }

  #onOffer(offer: Offer): void {
    const id = offer.id.value;
    if (this.#wants !== undefined && !this.#wants.test(offer.hostname)) {
      throw new Error(
        `${this.name} got an offer of ${offer.hostname}, and its constraints ask for ${this.#wants}`,
      );
    }
    if (this.#offersSeen.has(id)) throw new Error(`${this.name} got offer ${id} twice`);
    this.#offersSeen.add(id);
    const random = this.#random;
    const operations = this.plan.operates ? this.operations.draw(random, offer, this.#draining) : [];
    if (operations.length > 0 && (this.#draining || this.#launched >= this.plan.tasks)) {
      const filters = { refuse_seconds: this.#draining ? 600 : 1 };
      this.#call({ type: "ACCEPT", accept: { offer_ids: [offer.id], operations, filters } });
      return;
    }
    if (
      this.#draining ||
      this.#launched >= this.plan.tasks ||
      (operations.length === 0 && random.chance(0.2))
    ) {
      this.#decline([offer.id], this.#draining ? 600 : random.pick([0.5, 1, 5]));
      return;
    }
    // Some offers are forgotten, as by a scheduler that thinks for long.
    if (random.chance(0.05)) return;
    const count = Math.min(random.between(1, 4), this.plan.tasks - this.#launched, room(offer));
    const task_infos = Array.from({ length: count }, () => this.#newTask(offer));
    this.#call({
      type: "ACCEPT",
      accept: {
        offer_ids: [offer.id],
        operations: [...operations, this.#launchOf(offer, task_infos)],
        filters: { refuse_seconds: random.pick([0, 1]) },
      },
    });
  }

  /** A group is refused by the agent, which runs none yet; new ids, or one in use would refuse the whole. */
  #launchOf(offer: Offer, task_infos: TaskInfo[]): OfferOperation {
    const mayGroup = this.plan.groups && !this.plan.reusesIds && room(offer) > task_infos.length;
    if (!mayGroup || this.#random.chance(0.5)) return { type: "LAUNCH", launch: { task_infos } };
    const executor = {
      type: "DEFAULT" as const,
      executor_id: { value: this.#random.chance(0.5) ? "pod" : `pod-${this.#launched}` },
      resources: [
        { name: "cpus", type: "SCALAR" as const, scalar: { value: TASK_CPUS } },
        { name: "mem", type: "SCALAR" as const, scalar: { value: TASK_MEM } },
        { name: "disk", type: "SCALAR" as const, scalar: { value: 1 } },
      ],
    };
    return { type: "LAUNCH_GROUP", launch_group: { executor, task_group: { tasks: task_infos } } };
  }

  #decline(offer_ids: Offer["id"][], refuse_seconds: number): void {
    this.#call({ type: "DECLINE", decline: { offer_ids, filters: { refuse_seconds } } });
  }

  #newTask(offer: Offer): TaskInfo {
    const random = this.#random;
    const reusable = this.plan.reusesIds ? this.book.reusable() : [];
    const again = reusable.length > 0 && random.chance(0.8);
    const id = again ? random.pick(reusable) : `${this.name}-t${this.#launched}`;
    this.#launched++;
    if (again) this.#world.note(`${this.name} launches ${id} again`);
    this.book.launch(id, offer.agent_id.value);
    const script = simScript({
      runMs: random.pick(this.plan.taskRunsMs),
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
      ...(random.chance(0.2) ? this.#checks() : {}),
    };
  }

  /** Some tasks are killed for a failure or two, others only tell of them. */
  #checks(): Pick<TaskInfo, "health_check" | "check"> {
    const times = { delay_seconds: 0.2, interval_seconds: 1, timeout_seconds: 1 };
    const consecutive_failures = this.#random.pick([1, 2, 1_000]);
    return {
      health_check: {
        ...{ type: "TCP", tcp: { port: 80 }, ...times },
        ...{ grace_period_seconds: this.#random.pick([0, 5]), consecutive_failures },
      },
      ...(this.#random.chance(0.5) ? { check: { type: "TCP", tcp: { port: 80 }, ...times } } : {}),
    };
  }

  #onStatus(status: TaskStatus): void {
    const id = status.task_id.value;
    const told = this.book.tell(status);
    if (status.uuid !== undefined) this.#heard.add(Buffer.from(status.uuid).toString("hex"));
    if (told.isNew && isTerminalState(status.state))
      this.#world.note(`${this.name} hears ${id} ${status.state}`);
    this.#acknowledge(status);
    if (this.#random.chance(0.03)) this.#kill(id);
  }

  #acknowledge(status: TaskStatus): void {
    const { uuid, agent_id } = status;
    if (uuid === undefined || agent_id === undefined) return;
    const random = this.#random;
    const send = (): void =>
      this.#call({ type: "ACKNOWLEDGE", acknowledge: { agent_id, task_id: status.task_id, uuid } });
    // A lost answer is asked for again in 10 s, then 20, and so on to 10 minutes: too long for the end.
    if (!this.#draining && random.chance(0.05)) return;
    if (random.chance(0.1)) this.process.after(random.below(3_000), send);
    else send();
    if (random.chance(0.05)) send();
  }

  /** What a scheduler does from time to time. */
  #upkeep(delayMs: number): void {
    this.process.after(delayMs, () => {
      if (this.#tearsDown) this.#call({ type: "TEARDOWN" });
      this.#reconcile();
      if (this.#draining) {
        // Also those that it forgot, or whose answer got lost.
        this.#decline(
          [...this.#offersSeen].map((value) => ({ value })),
          600,
        );
        this.#call({ type: "SUPPRESS", suppress: { roles: [this.plan.role] } });
        for (const id of this.book.unended()) this.#kill(id);
      } else if (this.#random.chance(0.2)) this.#call({ type: "REVIVE" });
      this.#upkeep(this.#draining ? DRAIN_MS : RECONCILE_MS);
    });
  }

  #reconcile(): void {
    // Of ended ones a scheduler asks only to learn whether their ids are free.
    const asked = [...this.book.open(), ...(this.plan.reusesIds ? this.book.ended() : [])];
    const tasks = asked.map(([id, agentId]) => ({
      task_id: { value: id },
      agent_id: { value: agentId },
    }));
    if (tasks.length > 0) this.#call({ type: "RECONCILE", reconcile: { tasks } });
    const operations = this.operations.open.map((value) => ({ operation_id: { value } }));
    if (operations.length > 0)
      this.#call({ type: "RECONCILE_OPERATIONS", reconcile_operations: { operations } });
  }

  #kill(id: string): void {
    this.#call({ type: "KILL", kill: { task_id: { value: id } } });
  }
}

export const TASK_CPUS = 0.1;
export const TASK_MEM = 32;

/** How many simulated tasks fit the offer. */
function room(offer: Offer): number {
  const of = (name: string): number =>
    (offer.resources ?? []).reduce(
      (sum, r) => sum + (r.name === name && r.reservations === undefined ? (r.scalar?.value ?? 0) : 0),
      0,
    );
  return Math.max(1, Math.min(Math.floor(of("cpus") / TASK_CPUS), Math.floor(of("mem") / TASK_MEM)));
}
