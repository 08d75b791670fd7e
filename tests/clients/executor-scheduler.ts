/** A framework that brings an executor: launches tasks under it and keeps all that it is told. */
import { MasterClient } from "../../src/main/client/master-client.ts";
import { SchedulerClient } from "../../src/main/client/scheduler-client.ts";
import type { Offer, OfferOperation } from "../../src/model/v1/offers.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import type { SchedulerEvent, SchedulerEventFailure } from "../../src/model/v1/scheduler.ts";
import type { ExecutorInfo, TaskState, TaskStatus } from "../../src/model/v1/tasks.ts";

const scalar = (name: string, value: number): Resource => ({ name, type: "SCALAR", scalar: { value } });

interface TaskData {
  readonly id: string;
  readonly data: string;
}

export class ExecutorScheduler implements AsyncDisposable {
  readonly client: SchedulerClient;
  readonly told = new Map<string, TaskStatus[]>();
  readonly messages: string[] = [];
  readonly failures: SchedulerEventFailure[] = [];
  readonly offered: Offer[] = [];
  readonly #executor: ExecutorInfo;
  readonly #waiting: TaskData[] = [];
  readonly #groups: TaskData[][] = [];
  readonly #done: Promise<void>;
  failure: unknown;
  #agentId = "";

  constructor(masters: readonly string[], executor: Pick<ExecutorInfo, "command" | "container">) {
    const resources = [scalar("cpus", 0.1), scalar("mem", 64), scalar("disk", 1)];
    this.#executor = { type: "CUSTOM", executor_id: { value: "e" }, resources, ...executor };
    this.client = new SchedulerClient(new MasterClient(masters), {
      user: "root",
      name: "executors",
      roles: ["*"],
      failover_timeout: 3600,
      checkpoint: true,
      capabilities: [{ type: "MULTI_ROLE" }, { type: "PARTITION_AWARE" }],
    });
    this.#done = this.#run().catch((error: unknown) => {
      this.failure = error;
    });
  }

  states(id: string): TaskState[] {
    return (this.told.get(id) ?? []).map(({ state }) => state);
  }

  /** Under the same executor, with `data` for it. */
  async launch(id: string, data: string): Promise<void> {
    this.#waiting.push({ id, data });
    if (this.client.frameworkId !== undefined) await this.client.call({ type: "REVIVE", revive: {} });
  }

  /** The same, as one group; data by task id. */
  async launchGroup(tasks: Readonly<Record<string, string>>): Promise<void> {
    this.#groups.push(Object.entries(tasks).map(([id, data]) => ({ id, data })));
    if (this.client.frameworkId !== undefined) await this.client.call({ type: "REVIVE", revive: {} });
  }

  async say(text: string): Promise<void> {
    const data = new TextEncoder().encode(text);
    await this.client.call({ type: "MESSAGE", message: { ...this.#place, data } });
  }

  async kill(id: string): Promise<void> {
    await this.client.call({ type: "KILL", kill: { task_id: { value: id } } });
  }

  async shutdown(): Promise<void> {
    await this.client.call({ type: "SHUTDOWN", shutdown: this.#place });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.call({ type: "TEARDOWN" }).catch(() => {});
    this.client.close();
    await this.#done;
  }

  get #place() {
    return { agent_id: { value: this.#agentId }, executor_id: this.#executor.executor_id };
  }

  async #run(): Promise<void> {
    for await (const event of this.client.events()) await this.#handle(event);
  }

  async #handle(event: SchedulerEvent): Promise<void> {
    if (event.failure?.executor_id !== undefined) this.failures.push(event.failure);
    if (event.message !== undefined) this.messages.push(new TextDecoder().decode(event.message.data));
    for (const offer of event.offers?.offers ?? []) await this.#take(offer).catch(() => {});
    const status = event.update?.status;
    if (status === undefined) return;
    const id = status.task_id.value;
    const known = this.told.get(id) ?? [];
    const uuid = Buffer.from(status.uuid ?? []).toString("hex");
    if (!known.some((one) => Buffer.from(one.uuid ?? []).toString("hex") === uuid)) {
      this.told.set(id, [...known, status]);
    }
    if (status.uuid === undefined || status.agent_id === undefined) return;
    const acknowledge = { agent_id: status.agent_id, task_id: status.task_id, uuid: status.uuid };
    await this.client.call({ type: "ACKNOWLEDGE", acknowledge }).catch(() => {});
  }

  async #take(offer: Offer): Promise<void> {
    this.offered.push(offer);
    this.#agentId = offer.agent_id.value;
    const executor = this.#executor;
    const info = ({ data, id }: TaskData) => ({
      name: id,
      task_id: { value: id },
      agent_id: offer.agent_id,
      data: new TextEncoder().encode(data),
      resources: [scalar("cpus", 0.1), scalar("mem", 16)],
    });
    const operations: OfferOperation[] = this.#groups.splice(0).map((group) => ({
      type: "LAUNCH_GROUP",
      launch_group: { executor, task_group: { tasks: group.map(info) } },
    }));
    const task_infos = this.#waiting.splice(0).map((task) => ({ ...info(task), executor }));
    if (task_infos.length > 0) operations.push({ type: "LAUNCH", launch: { task_infos } });
    if (operations.length === 0) {
      const filters = { refuse_seconds: 60 };
      await this.client.call({ type: "DECLINE", decline: { offer_ids: [offer.id], filters } });
      return;
    }
    await this.client.call({
      type: "ACCEPT",
      accept: { offer_ids: [offer.id], operations },
    });
  }
}
