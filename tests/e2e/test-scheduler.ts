/** A scheduler for end-to-end tests: launches shell commands and keeps every update it is told. */
import { MasterClient } from "../../src/main/client/master-client.ts";
import { SchedulerClient } from "../../src/main/client/scheduler-client.ts";
import { isTerminalState } from "../../src/model/task-state.ts";
import type { ContainerInfo } from "../../src/model/v1/containers.ts";
import type { Offer, OfferOperation } from "../../src/model/v1/offers.ts";
import type { SchedulerEvent } from "../../src/model/v1/scheduler.ts";
import type { TaskInfo, TaskState, TaskStatus } from "../../src/model/v1/tasks.ts";
import { eventually } from "./test-cluster.ts";

const CPUS = 0.05;
const MEM = 16;
const EXECUTOR_DISK = 1;

export interface TestTask {
  readonly id: string;
  readonly command: string;
  /** What else its TaskInfo has. */
  readonly more?: Partial<TaskInfo>;
}

interface TestGroup {
  readonly executorId: string;
  readonly tasks: readonly TestTask[];
  /** The executor's. */
  readonly container: ContainerInfo | undefined;
}

export class TestScheduler implements AsyncDisposable {
  readonly client: SchedulerClient;
  /** Every status told, by task, in order. */
  readonly told = new Map<string, TaskStatus[]>();
  readonly reconciled = new Map<string, TaskState>();
  subscriptions = 0;
  readonly #waiting: TestTask[] = [];
  readonly #groups: TestGroup[] = [];
  /** Tasks sent in an ACCEPT. */
  readonly #launched = new Map<string, TestTask>();
  readonly #done: Promise<void>;
  failure: unknown;

  constructor(masters: readonly string[]) {
    this.client = new SchedulerClient(new MasterClient(masters), {
      user: "root",
      name: "end-to-end",
      roles: ["*"],
      failover_timeout: 3600,
      checkpoint: true,
      capabilities: [{ type: "MULTI_ROLE" }, { type: "PARTITION_AWARE" }],
    });
    this.#done = this.#run().catch((error: unknown) => {
      this.failure = error;
    });
  }

  async launch(tasks: readonly TestTask[]): Promise<void> {
    this.#waiting.push(...tasks);
    if (this.subscriptions > 0) await this.client.call({ type: "REVIVE", revive: {} });
  }

  /** As one group under a DEFAULT executor; `each`: what every TaskInfo has. */
  async launchGroup(
    executorId: string,
    tasks: readonly TestTask[],
    each: Partial<TaskInfo> = {},
    container?: ContainerInfo,
  ): Promise<void> {
    const own = tasks.map((task) => ({ ...task, more: { ...each, ...task.more } }));
    this.#groups.push({ executorId, tasks: own, container });
    if (this.subscriptions > 0) await this.client.call({ type: "REVIVE", revive: {} });
  }

  stateOf(id: string): TaskState | undefined {
    return this.told.get(id)?.at(-1)?.state;
  }

  count(test: (state: TaskState) => boolean): number {
    return [...this.told.keys()].filter((id) => test(this.stateOf(id) as TaskState)).length;
  }

  /**
   * Asks for the tasks of which nothing was told since their launch, and
   * launches again those the cluster does not know: their ACCEPT died with a
   * leader, so they never started. What a framework does after a failover.
   */
  async recoverUntold(): Promise<void> {
    const untold = [...this.#launched.keys()].filter((id) => !this.told.has(id));
    if (untold.length === 0) return;
    for (const id of untold) {
      const state = this.reconciled.get(id);
      if (state !== "TASK_GONE" && state !== "TASK_UNKNOWN") continue;
      this.reconciled.delete(id);
      const task = this.#launched.get(id) ?? { id, command: "" };
      this.#launched.delete(id);
      await this.launch([task]);
    }
    const tasks = untold.map((id) => ({ task_id: { value: id } }));
    await this.client.call({ type: "RECONCILE", reconcile: { tasks } });
  }

  get ended(): number {
    return this.count(isTerminalState);
  }

  /** Waits for so many tasks to have ended; rejects with what was last heard of the others. */
  async untilEnded(count: number, timeoutMs: number): Promise<void> {
    await eventually(`${count} tasks to end`, () => this.ended === count, timeoutMs).catch((error: Error) => {
      const unsent = [...this.#waiting, ...this.#groups.flatMap(({ tasks }) => tasks)].map(({ id }) => id);
      const running = [...this.#launched.keys()].filter(
        (id) => !isTerminalState(this.stateOf(id) ?? "TASK_STAGING"),
      );
      const last = running.map((id) => `\n${id} ${JSON.stringify(this.told.get(id)?.at(-1))}`);
      const waiting = unsent.join() || "none";
      throw new Error(`${error.message}: ${this.ended} did, no offer came for: ${waiting}${last.join("")}`);
    });
  }

  async reconcile(ids: readonly string[]): Promise<void> {
    this.reconciled.clear();
    const tasks = ids.map((id) => ({ task_id: { value: id } }));
    await this.client.call({ type: "RECONCILE", reconcile: { tasks } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.call({ type: "TEARDOWN" }).catch(() => {});
    this.client.close();
    await this.#done;
  }

  async #run(): Promise<void> {
    for await (const event of this.client.events()) await this.#handle(event);
  }

  async #handle(event: SchedulerEvent): Promise<void> {
    if (event.type === "SUBSCRIBED") this.subscriptions++;
    for (const offer of event.offers?.offers ?? []) await this.#take(offer).catch(() => {});
    const status = event.update?.status;
    if (status === undefined) return;
    const id = status.task_id.value;
    if (status.reason === "REASON_RECONCILIATION") {
      this.reconciled.set(id, status.state);
      return;
    }
    this.told.set(id, [...(this.told.get(id) ?? []), status]);
    if (status.uuid === undefined || status.agent_id === undefined) return;
    // Lost with a leader that dies: the agent sends the update again.
    await this.client
      .call({
        type: "ACKNOWLEDGE",
        acknowledge: { agent_id: status.agent_id, task_id: status.task_id, uuid: status.uuid },
      })
      .catch(() => {});
  }

  /** As many as fit; each counts its tasks and, for its executor, two more and disk. */
  #takeGroups(room: number, disk: number): TestGroup[] {
    const taken: TestGroup[] = [];
    let left = room;
    for (let group = this.#groups[0]; group !== undefined; group = this.#groups[0]) {
      left -= group.tasks.length + 2;
      // Tasks alone have no disk: what they give back may be offered before the rest is.
      if (left < 0 || disk < (taken.length + 1) * EXECUTOR_DISK) break;
      taken.push(group);
      this.#groups.shift();
    }
    return taken;
  }

  async #take(offer: Offer): Promise<void> {
    const of = (name: string): number =>
      (offer.resources ?? []).reduce((sum, r) => sum + (r.name === name ? (r.scalar?.value ?? 0) : 0), 0);
    const room = Math.min(Math.floor(of("cpus") / CPUS + 1e-6), Math.floor(of("mem") / MEM + 1e-6), 50);
    const groups = this.#takeGroups(room, of("disk"));
    const alone = groups.length > 0 ? [] : this.#waiting.splice(0, room);
    const tasks = [...alone, ...groups.flatMap((group) => group.tasks)];
    if (tasks.length === 0) {
      await this.client.call({
        type: "DECLINE",
        decline: { offer_ids: [offer.id], filters: { refuse_seconds: 60 } },
      });
      // What came meanwhile had its REVIVE on another connection: this filter may have come after it.
      if (this.#waiting.length + this.#groups.length > 0) {
        await this.client.call({ type: "REVIVE", revive: {} });
      }
      return;
    }
    for (const task of tasks) this.#launched.set(task.id, task);
    const infos = (some: readonly TestTask[]): TaskInfo[] => some.map((task) => taskInfo(task, offer));
    const operations = groups.map((group) => groupOperation(group, infos(group.tasks)));
    if (alone.length > 0) operations.push({ type: "LAUNCH", launch: { task_infos: infos(alone) } });
    try {
      await this.client.call({
        type: "ACCEPT",
        accept: {
          offer_ids: [offer.id],
          operations,
          filters: { refuse_seconds: 0 },
        },
      });
    } catch {
      // Whether the dying leader took it is unknown: reconciliation tells, and the test with it.
    }
  }
}

function taskInfo({ command, id, more }: TestTask, { agent_id }: Offer): TaskInfo {
  return {
    name: id,
    task_id: { value: id },
    agent_id,
    resources: [
      { name: "cpus", type: "SCALAR" as const, scalar: { value: CPUS } },
      { name: "mem", type: "SCALAR" as const, scalar: { value: MEM } },
    ],
    command: { shell: true, value: command },
    ...more,
  };
}

function groupOperation({ container, executorId }: TestGroup, tasks: TaskInfo[]): OfferOperation {
  const resources = [
    { name: "cpus", type: "SCALAR" as const, scalar: { value: CPUS } },
    { name: "mem", type: "SCALAR" as const, scalar: { value: 32 } },
    { name: "disk", type: "SCALAR" as const, scalar: { value: EXECUTOR_DISK } },
  ];
  const executor = {
    ...{ type: "DEFAULT" as const, executor_id: { value: executorId }, resources },
    ...(container === undefined ? {} : { container }),
  };
  return { type: "LAUNCH_GROUP", launch_group: { executor, task_group: { tasks } } };
}
