/**
 * A scheduler as a real framework behaves: it looks for the leader, subscribes
 * (again with its id after every break), launches tasks on what it is
 * offered, acknowledges updates (some late, some twice), kills some tasks and
 * reconciles from time to time. It complains of whatever no scheduler may see.
 */
import type { Random } from "../../src/base/random.ts";
import { isTerminalState } from "../../src/model/task-state.ts";
import type { FrameworkInfo } from "../../src/model/v1/frameworks.ts";
import type { Offer, OfferOperation, OperationStatus } from "../../src/model/v1/offers.ts";
import type { SchedulerCall, SchedulerCallSubscribe, SchedulerEvent } from "../../src/model/v1/scheduler.ts";
import type { TaskInfo, TaskStatus } from "../../src/model/v1/tasks.ts";
import { drawWhim } from "./framework-whims.ts";
import { InverseOffers } from "./inverse-offers.ts";
import { OperationBook } from "./operation-book.ts";
import { type Drawn, drawOperations } from "./operation-draws.ts";
import { Process } from "./process.ts";
import { TaskBook } from "./task-book.ts";
import { customGroup, drawTask, groupOf, room, Stock, withExecutor } from "./task-draws.ts";
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
  /** Makes shared volumes. */
  readonly shares: boolean;
  /** Takes revocable resources. */
  readonly revocable: boolean;
  /** Changes its roles and constraints, and makes calls that have no need. */
  readonly whimsical: boolean;
  /** Brings executors for some of its tasks. */
  readonly executors: boolean;
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
  /** The latest of those it let lie. */
  #kept: Offer | undefined;
  #roles: readonly string[];
  #executorId = "nobody";
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
  /** Makes no operations: masters could not catch up with a log that grows all the time. */
  rests = false;

  constructor(world: World, gate: MasterGate, plan: FrameworkPlan) {
    this.#world = world;
    this.#random = world.fork();
    this.#gate = gate;
    this.plan = plan;
    this.name = plan.name;
    this.book = new TaskBook(plan.name);
    this.#inverse = new InverseOffers(plan.name);
    this.#roles = [plan.role];
    this.operations = new OperationBook(plan.name);
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
    const framework_info = this.#info();
    const { id } = framework_info;
    return {
      type: "SUBSCRIBE",
      ...(id === undefined ? {} : { framework_id: id }),
      subscribe: { framework_info, ...this.#constraints() },
    };
  }

  #info(): FrameworkInfo {
    const { plan, frameworkId } = this;
    const capabilities = [
      { type: "MULTI_ROLE" as const },
      ...(plan.partitionAware ? [{ type: "PARTITION_AWARE" as const }] : []),
      ...(plan.operates ? [{ type: "RESERVATION_REFINEMENT" as const }] : []),
      ...(plan.killingState ? [{ type: "TASK_KILLING_STATE" as const }] : []),
      ...(plan.shares ? [{ type: "SHARED_RESOURCES" as const }] : []),
      ...(plan.revocable ? [{ type: "REVOCABLE_RESOURCES" as const }] : []),
    ];
    return {
      user: "root",
      name: this.name,
      roles: [...this.#roles],
      failover_timeout: plan.failoverTimeoutSeconds,
      checkpoint: true,
      capabilities,
      ...(frameworkId === undefined ? {} : { id: { value: frameworkId } }),
    };
  }

  /** Offers that were made before it is heard may still come. */
  #update(): void {
    const more = this.#random.pick([undefined, "c", "b/c"]);
    this.#roles = more === undefined ? [this.plan.role] : [this.plan.role, more];
    const suppressed_roles = this.#roles.filter(() => this.#random.chance(0.1));
    const wishes = { ...this.#constraints(), suppressed_roles };
    this.#wants = undefined;
    this.#call({ type: "UPDATE_FRAMEWORK", update_framework: { framework_info: this.#info(), ...wishes } });
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
    const constrained = offer.allocation_info?.role === this.plan.role;
    if (constrained && this.#wants !== undefined && !this.#wants.test(offer.hostname)) {
      throw new Error(
        `${this.name} got an offer of ${offer.hostname}, and its constraints ask for ${this.#wants}`,
      );
    }
    if (this.#offersSeen.has(id)) throw new Error(`${this.name} got offer ${id} twice`);
    this.#offersSeen.add(id);
    const random = this.#random;
    const drawn = this.#drawOperations(offer);
    const { operations } = drawn;
    const idle = this.#draining || this.#launched >= this.plan.tasks;
    if (operations.length > 0 && idle) {
      const filters = { refuse_seconds: this.#draining ? 600 : 1 };
      this.#call({ type: "ACCEPT", accept: { offer_ids: [offer.id], operations, filters } });
      return;
    }
    if (idle || (operations.length === 0 && random.chance(0.2))) {
      this.#decline([offer.id], this.#draining ? 600 : random.pick([0.5, 1, 5]));
      return;
    }
    // Some offers are forgotten, as by a scheduler that thinks for long; the last of them may be used later.
    if (random.chance(0.08)) {
      this.#kept = offer;
      return;
    }
    this.#accept(offer, drawn);
  }

  #accept(offer: Offer, { operations, left }: Drawn): void {
    const random = this.#random;
    const kept = this.#kept;
    const joins = kept?.agent_id.value === offer.agent_id.value || random.chance(0.1);
    if (joins) this.#kept = undefined;
    const offers = kept !== undefined && joins ? [offer, kept] : [offer];
    const resources = offers.flatMap((one) => one.resources ?? []);
    const fits = room({ resources });
    const count = Math.min(random.between(1, 4), this.plan.tasks - this.#launched, fits);
    const stock = new Stock(random, left, offer);
    const task_infos = Array.from({ length: count }, () => this.#newTask(offer, stock));
    this.#call({
      type: "ACCEPT",
      accept: {
        offer_ids: offers.map(({ id }) => id),
        operations: [...operations, this.#launchOf(task_infos, fits > count)],
        filters: { refuse_seconds: random.pick([0, 1]) },
      },
    });
  }

  #drawOperations(offer: Offer): Drawn {
    const role = offer.allocation_info?.role ?? "*";
    if (!this.plan.operates || this.rests || role === "*") return { operations: [], left: [] };
    const rules = { role, allocated: true, shares: this.plan.shares, all: this.#draining };
    const { operations, left } = drawOperations(this.#random, offer.resources ?? [], rules);
    const named = operations.map((one) => (this.#random.chance(0.9) ? this.operations.named(one) : one));
    return { operations: named, left };
  }

  #launchOf(task_infos: TaskInfo[], hasMore: boolean): OfferOperation {
    if (!this.plan.groups || !hasMore || this.#random.chance(0.5))
      return { type: "LAUNCH", launch: { task_infos } };
    const custom = customGroup(task_infos);
    if (this.plan.executors) return custom ?? { type: "LAUNCH", launch: { task_infos } };
    return groupOf(this.#random.chance(0.5) ? "pod" : `pod-${this.#launched}`, task_infos);
  }

  #decline(offer_ids: Offer["id"][], refuse_seconds: number): void {
    this.#call({ type: "DECLINE", decline: { offer_ids, filters: { refuse_seconds } } });
  }

  #newTask(offer: Offer, stock: Stock): TaskInfo {
    const random = this.#random;
    const reusable = this.plan.reusesIds ? this.book.reusable() : [];
    const again = reusable.length > 0 && random.chance(0.8);
    const id = again ? random.pick(reusable) : `${this.name}-t${this.#launched}`;
    this.#launched++;
    if (again) this.#world.note(`${this.name} launches ${id} again`);
    this.book.launch(id, offer.agent_id.value);
    const task = drawTask(random, { id, offer, resources: stock.take(), taskRunsMs: this.plan.taskRunsMs });
    if (!this.plan.executors || random.chance(0.3)) return task;
    const role = (offer.allocation_info?.role ?? "*").replace("/", "-").replace("*", "any");
    this.#executorId = `${this.name}-${role}-${random.below(2)}`;
    return withExecutor(task, this.#executorId);
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
        this.#call({ type: "SUPPRESS", suppress: {} });
        for (const id of this.book.unended()) this.#kill(id);
      } else {
        if (this.#random.chance(0.2)) this.#call({ type: "REVIVE" });
        if (this.plan.whimsical) this.#whim();
      }
      this.#upkeep(this.#draining ? DRAIN_MS : RECONCILE_MS);
    });
  }

  #whim(): void {
    const random = this.#random;
    if (random.chance(0.4)) this.#update();
    const [open] = this.book.open();
    const names = { roles: this.#roles, agentId: open?.[1] ?? "nobody", executorId: this.#executorId };
    if (random.chance(0.5)) this.#call(drawWhim(random, names));
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
