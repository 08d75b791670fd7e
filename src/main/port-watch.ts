/**
 * Tells of containers that listen on TCP ports which they do not hold, and ends
 * them if so wished (ISO-35, Mesos' isolator network/ports). Containers on
 * networks of their own may listen on whatever they like.
 */
import type { AgentPort } from "../agent/port.ts";
import { allExecutors } from "../api/agent-executors.ts";
import type { Log } from "../base/log.ts";
import { isInRanges, type PortRange, rangesOf } from "../isolation/listening-ports.ts";
import type { Runtime } from "../isolation/runtime.ts";
import type { Resource } from "../model/v1/resources.ts";

export interface PortSettings {
  /** Undefined: nobody looks. */
  readonly intervalMs: number | undefined;
  /** End them; else there is a line in the log. */
  readonly enforce: boolean;
  /** Only these ports count; "offered": those of the agent's resources. Undefined: all. */
  readonly range: readonly PortRange[] | "offered" | undefined;
}

export interface PortWatchOptions {
  readonly port: Pick<AgentPort, "frameworks" | "info">;
  readonly runtime: Pick<Runtime, "kill" | "listening">;
  readonly settings: PortSettings;
  readonly log: Log;
}

export class PortWatch {
  readonly #options: PortWatchOptions;
  /** What was said last of each container. */
  #told = new Map<string, string>();
  #underWay: Promise<void> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: PortWatchOptions) {
    this.#options = options;
  }

  start(intervalMs: number): void {
    this.#timer = setInterval(() => void this.look(), intervalMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#underWay;
  }

  /** Looks once; a look that takes longer than the time to the next one is not overtaken. */
  look(): Promise<void> {
    this.#underWay ??= this.#look()
      .catch((error: unknown) => {
        this.#options.log.error("Cannot look who listens on which port", { reason: String(error) });
      })
      .finally(() => {
        this.#underWay = undefined;
      });
    return this.#underWay;
  }

  async #look(): Promise<void> {
    const { port, runtime, settings } = this.#options;
    const listening = await runtime.listening();
    const told = new Map<string, string>();
    if (listening.size > 0) {
      const checked = settings.range === "offered" ? portsOf(port.info().resources ?? []) : settings.range;
      // Read after the sockets: whoever listens by now has had its task accepted before.
      const held = heldPorts(port);
      for (const [containerId, ports] of listening) {
        const own = held.get(containerId);
        // It ended, or belongs to no task.
        if (own === undefined) continue;
        const wrong = ports.filter(
          (one) => !isInRanges(one, own) && (checked === undefined || isInRanges(one, checked)),
        );
        if (wrong.length === 0) continue;
        told.set(containerId, wrong.join(","));
        await this.#judge(containerId, rangesOf(wrong), this.#told.get(containerId) === wrong.join(","));
      }
    }
    this.#told = told;
  }

  async #judge(containerId: string, ports: readonly PortRange[], known: boolean): Promise<void> {
    const { log, runtime, settings } = this.#options;
    const text = ports.map(({ begin, end }) => (begin === end ? `${begin}` : `${begin}-${end}`)).join(", ");
    // Mesos' words (isolators/network/ports.cpp).
    const message = `Container ${containerId} is listening on unallocated port(s): [${text}]`;
    if (!settings.enforce) {
      if (!known)
        log.warn("A container listens on ports that it does not hold", { containerId, ports: text });
      return;
    }
    log.warn("Ending a container that listens on ports that it does not hold", { containerId, ports: text });
    const killed = await runtime.kill(containerId, { resource: "ports", usedBytes: 0, ports, message });
    // The next look tries again.
    if (!killed.ok) log.error("Cannot kill a container", { containerId, reason: killed.error });
  }
}

export function startPortWatch(options: PortWatchOptions): PortWatch | undefined {
  const { intervalMs } = options.settings;
  if (intervalMs === undefined) return undefined;
  const watch = new PortWatch(options);
  watch.start(intervalMs);
  return watch;
}

/**
 * Of each container that runs. A pod's tasks share what all of them hold: they
 * share its network, and any of them may listen for it.
 */
function heldPorts(port: Pick<AgentPort, "frameworks">): ReadonlyMap<string, readonly PortRange[]> {
  const held = new Map<string, readonly PortRange[]>();
  for (const { executor } of allExecutors(port)) {
    if (executor.completed) continue;
    const ports = portsOf(executor.resources);
    held.set(executor.containerId, ports);
    for (const { containerId } of executor.tasks) if (containerId !== undefined) held.set(containerId, ports);
  }
  return held;
}

function portsOf(resources: readonly Resource[]): readonly PortRange[] {
  return resources.filter(({ name }) => name === "ports").flatMap(({ ranges }) => ranges?.range ?? []);
}
