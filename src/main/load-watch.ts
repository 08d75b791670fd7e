/**
 * Takes back what was lent (RES-27): when the machine has more to do than it should, the containers of those
 * who hold revocable resources are ended, all of them, as Mesos' load controller does
 * (src/slave/qos_controllers/load.cpp).
 */
import type { AgentExecutorView, AgentPort } from "../agent/port.ts";
import { allExecutors } from "../api/agent-executors.ts";
import type { Log } from "../base/log.ts";
import type { Runtime } from "../isolation/runtime.ts";
import { badFlag, type FlagSpec, type Flags } from "./flags.ts";

export interface LoadSettings {
  readonly intervalMs: number;
  /** Load averages that are one too many; undefined: any is right. */
  readonly fiveMinutes: number | undefined;
  readonly fifteenMinutes: number | undefined;
}

export const LOAD_FLAGS: readonly FlagSpec[] = [
  {
    name: "qos-controller",
    value: "<name>",
    description: "What takes revocable resources back: noop (nothing) or load (ends their tasks under load)",
    default: "noop",
  },
  {
    name: "qos-load-threshold-5min",
    value: "<number>",
    description: "Load average of 5 minutes above which qos-controller load ends tasks",
  },
  {
    name: "qos-load-threshold-15min",
    value: "<number>",
    description: "The same for 15 minutes",
  },
  {
    name: "qos-correction-interval-min",
    value: "<duration>",
    description: "Time between looks of the qos-controller",
    default: "15secs",
  },
];

const LOAD_MAX = 1_000_000;

/** Undefined: nobody looks. Throws MeshError BAD_FLAG. */
export function readLoadSettings(flags: Flags): LoadSettings | undefined {
  const name = flags.text("qos-controller");
  if (name !== "noop" && name !== "load") throw badFlag("qos-controller", name, "noop or load");
  const threshold = (flag: string): number | undefined => {
    const text = flags.optional(flag);
    if (text === undefined) return undefined;
    if (name === "noop") throw badFlag(flag, text, "--qos-controller load beside it");
    return flags.number(flag, { min: 0, max: LOAD_MAX });
  };
  const fiveMinutes = threshold("qos-load-threshold-5min");
  const fifteenMinutes = threshold("qos-load-threshold-15min");
  const intervalMs = flags.duration("qos-correction-interval-min");
  if (name === "noop") return undefined;
  if (fiveMinutes === undefined && fifteenMinutes === undefined) {
    throw badFlag(
      "qos-controller",
      name,
      "--qos-load-threshold-5min or --qos-load-threshold-15min beside it",
    );
  }
  return { intervalMs, fiveMinutes, fifteenMinutes };
}

export interface LoadWatchOptions {
  readonly port: Pick<AgentPort, "frameworks">;
  readonly runtime: Pick<Runtime, "kill">;
  readonly settings: LoadSettings;
  readonly log: Log;
  /** Load averages of 1, 5 and 15 minutes. */
  readonly load: () => readonly number[];
}

export class LoadWatch {
  readonly #options: LoadWatchOptions;
  #underWay: Promise<void> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #preempted = 0;

  constructor(options: LoadWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.look(), this.#options.settings.intervalMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#underWay;
  }

  metrics(): Readonly<Record<string, number>> {
    return { "slave/executors_preempted": this.#preempted };
  }

  /** Looks once; a look that takes longer than the time to the next one is not overtaken. */
  look(): Promise<void> {
    this.#underWay ??= this.#look().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async #look(): Promise<void> {
    const { load, port, settings } = this.#options;
    const [, five = 0, fifteen = 0] = load();
    const { fiveMinutes = Number.POSITIVE_INFINITY, fifteenMinutes = Number.POSITIVE_INFINITY } = settings;
    if (five <= fiveMinutes && fifteen <= fifteenMinutes) return;
    const lent = [...allExecutors(port)].filter(({ executor }) => holdsRevocable(executor));
    await Promise.all(lent.map(({ executor }) => this.#preempt(executor, five, fifteen)));
  }

  async #preempt(executor: AgentExecutorView, five: number, fifteen: number): Promise<void> {
    const { log, runtime } = this.#options;
    const { frameworkId, executorId } = executor;
    log.warn("Ending a container on revocable resources, as the machine has too much to do", {
      ...{ frameworkId, executorId, load5Min: five, load15Min: fifteen },
    });
    // Mesos' words (slave.cpp, `_qosCorrections`).
    const message = "Container preempted by QoS correction";
    const kills = containersOf(executor).map(async (containerId) => {
      const killed = await runtime.kill(containerId, { resource: "load", usedBytes: 0, message });
      // The next look tries again.
      if (!killed.ok) log.error("Cannot kill a container", { containerId, reason: killed.error });
      return killed.ok;
    });
    if ((await Promise.all(kills)).every((done) => done)) this.#preempted++;
  }
}

function holdsRevocable({ completed, resources }: AgentExecutorView): boolean {
  return !completed && resources.some(({ revocable }) => revocable !== undefined);
}

/** A pod is no container that runs: its tasks are. */
function containersOf({ containerId, tasks }: AgentExecutorView): readonly string[] {
  const own = new Set(tasks.map((task) => task.containerId));
  return own.size === 0 ? [containerId] : [...own];
}
