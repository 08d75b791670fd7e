/** Tasks that a framework launches on an offer: what they use, run and are watched by. */
import type { Random } from "../../src/base/random.ts";
import type { Offer, OfferOperation } from "../../src/model/v1/offers.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import type { TaskInfo } from "../../src/model/v1/tasks.ts";
import { simScript } from "./kernel.ts";
import { EXECUTOR_COMMAND } from "./sim-executor.ts";

const TASK_CPUS = 0.1;
const TASK_MEM = 32;
const EXECUTOR_CPUS = 0.05;
const EXECUTOR_MEM = 32;

/** What a task may use: each thing once, but shared volumes any number of times. */
export class Stock {
  readonly #left: Resource[];
  readonly #random: Random;

  /** `left`: reservations and volumes; `offer`: for its revocable part. */
  constructor(random: Random, left: readonly Resource[], { resources = [] }: Pick<Offer, "resources">) {
    this.#random = random;
    this.#left = [...left, ...resources.filter(({ revocable }) => revocable !== undefined)];
  }

  /** Resources of one task. */
  take(): Resource[] {
    const random = this.#random;
    const taken: Resource[] = [this.#cpus(), { name: "mem", type: "SCALAR", scalar: { value: TASK_MEM } }];
    const volume = this.#left.find(({ disk }) => disk !== undefined);
    if (volume !== undefined && random.chance(0.5)) {
      taken.push(volume);
      if (volume.shared === undefined) this.#left.splice(this.#left.indexOf(volume), 1);
    }
    return taken;
  }

  /** By chance those of a reservation, or revocable ones. */
  #cpus(): Resource {
    const scalar = { value: TASK_CPUS };
    const other = this.#left.find((resource) => resource.name === "cpus");
    if (other === undefined || this.#random.chance(0.4)) return { name: "cpus", type: "SCALAR", scalar };
    const rest = Math.round(((other.scalar?.value ?? 0) - TASK_CPUS) * 1_000) / 1_000;
    this.#left.splice(
      this.#left.indexOf(other),
      1,
      ...(rest > 0 ? [{ ...other, scalar: { value: rest } }] : []),
    );
    return { ...other, scalar: { value: Math.min(TASK_CPUS, other.scalar?.value ?? 0) } };
  }
}

export interface NewTask {
  readonly id: string;
  readonly offer: Offer;
  readonly resources: Resource[];
  readonly taskRunsMs: readonly number[];
}

export function drawTask(random: Random, { id, offer, resources, taskRunsMs }: NewTask): TaskInfo {
  const script = simScript({
    runMs: random.pick(taskRunsMs),
    code: random.chance(0.8) ? 0 : 3,
    obedient: random.chance(0.8),
  });
  return {
    name: id,
    task_id: { value: id },
    agent_id: offer.agent_id,
    resources,
    command: { shell: true, value: script },
    ...(random.chance(0.2) ? drawChecks(random) : {}),
  };
}

/** Some tasks are killed for a failure or two, others only tell of them. */
function drawChecks(random: Random): Pick<TaskInfo, "health_check" | "check"> {
  const times = { delay_seconds: 0.2, interval_seconds: 1, timeout_seconds: 1 };
  const consecutive_failures = random.pick([1, 2, 1_000]);
  return {
    health_check: {
      ...{ type: "TCP", tcp: { port: 80 }, ...times },
      ...{ grace_period_seconds: random.pick([0, 5]), consecutive_failures },
    },
    ...(random.chance(0.5) ? { check: { type: "TCP", tcp: { port: 80 }, ...times } } : {}),
  };
}

/** The same, run by an executor: one of the framework for each role on an agent, or another. */
export function withExecutor(task: TaskInfo, executorId: string): TaskInfo {
  const { command, health_check: _health, check: _check, ...rest } = task;
  const executor = {
    type: "CUSTOM" as const,
    executor_id: { value: executorId },
    command: { shell: true, value: EXECUTOR_COMMAND },
    resources: [
      { name: "cpus", type: "SCALAR" as const, scalar: { value: EXECUTOR_CPUS } },
      { name: "mem", type: "SCALAR" as const, scalar: { value: EXECUTOR_MEM } },
    ],
  };
  return { ...rest, executor, data: new TextEncoder().encode(command?.value ?? "") };
}

export function groupOf(executorId: string, tasks: TaskInfo[]): OfferOperation {
  const executor = {
    type: "DEFAULT" as const,
    executor_id: { value: executorId },
    resources: [
      { name: "cpus", type: "SCALAR" as const, scalar: { value: TASK_CPUS } },
      { name: "mem", type: "SCALAR" as const, scalar: { value: TASK_MEM } },
      { name: "disk", type: "SCALAR" as const, scalar: { value: 1 } },
    ],
  };
  return { type: "LAUNCH_GROUP", launch_group: { executor, task_group: { tasks } } };
}

/** Of tasks that have one executor; undefined when they have several or none. */
export function customGroup(tasks: TaskInfo[]): OfferOperation | undefined {
  const executor = tasks[0]?.executor;
  const id = executor?.executor_id.value;
  if (executor === undefined || tasks.some((task) => task.executor?.executor_id.value !== id))
    return undefined;
  const resources = [
    ...(executor.resources ?? []),
    { name: "disk", type: "SCALAR" as const, scalar: { value: 1 } },
  ];
  const own = tasks.map(({ executor: _, ...task }) => task);
  const given = { ...executor, executor_id: { value: `${id}-group` }, resources };
  return { type: "LAUNCH_GROUP", launch_group: { executor: given, task_group: { tasks: own } } };
}

/** How many simulated tasks fit the offer; at least one, which may be too much. */
export function room({ resources = [] }: Pick<Offer, "resources">): number {
  const of = (name: string): number =>
    resources.reduce(
      (sum, r) =>
        sum +
        (r.name === name && r.reservations === undefined && r.revocable === undefined
          ? (r.scalar?.value ?? 0)
          : 0),
      0,
    );
  return Math.max(1, Math.min(Math.floor(of("cpus") / TASK_CPUS), Math.floor(of("mem") / TASK_MEM)));
}
