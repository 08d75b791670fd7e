/**
 * What the benchmarks share: a small scheduler that speaks only the public v1
 * HTTP API in JSON, percentiles, and the memory of processes.
 */
import { readdirSync, readFileSync } from "node:fs";

/** The parts of the API's JSON that a load client reads. */
export interface Offer {
  readonly id: { readonly value: string };
  readonly agent_id: { readonly value: string };
  readonly resources: readonly { readonly name: string; readonly scalar?: { readonly value: number } }[];
}

export interface TaskStatus {
  readonly task_id: { readonly value: string };
  readonly agent_id?: { readonly value: string };
  readonly state: string;
  readonly uuid?: string;
  readonly message?: string;
  readonly healthy?: boolean;
}

export interface SchedulerEvent {
  readonly type: string;
  readonly subscribed?: { readonly framework_id: { readonly value: string } };
  readonly offers?: { readonly offers: readonly Offer[] };
  readonly update?: { readonly status: TaskStatus };
  readonly error?: { readonly message: string };
}

/** Room for every task of a run at once: what is measured is the cluster, not its size. */
export const BENCH_RESOURCES = "cpus:1000;mem:100000;disk:100000;ports:[31000-32000]";

const JSON_HEADERS = { "Content-Type": "application/json", Accept: "application/json" };

/** A framework on a stream of its own. */
export class Scheduler {
  readonly #url: string;
  readonly #name: string;
  #frameworkId = "";
  #streamId = "";
  readonly #closing = new AbortController();
  #leaving = false;

  constructor(master: string, name: string) {
    this.#url = `${master}/api/v1/scheduler`;
    this.#name = name;
  }

  get frameworkId(): string {
    return this.#frameworkId;
  }

  /**
   * Subscribes and hands over every event, SUBSCRIBED first. Resolves after
   * `teardown`; rejects when the stream ends otherwise or the handler fails.
   */
  async run(onEvent: (event: SchedulerEvent) => void): Promise<void> {
    const info = {
      user: process.env["USER"] ?? "root",
      name: this.#name,
      roles: ["*"],
      failover_timeout: 0,
      capabilities: [{ type: "MULTI_ROLE" }, { type: "PARTITION_AWARE" }],
    };
    const response = await fetch(this.#url, {
      method: "POST",
      headers: JSON_HEADERS,
      body: JSON.stringify({ type: "SUBSCRIBE", subscribe: { framework_info: info } }),
      signal: this.#closing.signal,
    });
    if (!response.ok || response.body === null) {
      throw new Error(`SUBSCRIBE was answered ${response.status}: ${await response.text()}`);
    }
    this.#streamId = response.headers.get("Mesos-Stream-Id") ?? "";
    try {
      for await (const text of records(response.body)) {
        const event = JSON.parse(text) as SchedulerEvent;
        if (event.subscribed !== undefined) this.#frameworkId = event.subscribed.framework_id.value;
        if (event.error !== undefined) throw new Error(`The master sent ERROR: ${event.error.message}`);
        onEvent(event);
      }
    } catch (error) {
      if (this.#leaving) return;
      throw error;
    }
    if (!this.#leaving) throw new Error("The master closed the event stream");
  }

  /** Makes one call; its body is the field that the call's type names. */
  async call(type: string, body?: unknown): Promise<void> {
    const response = await fetch(this.#url, {
      method: "POST",
      headers: { ...JSON_HEADERS, "Mesos-Stream-Id": this.#streamId },
      body: JSON.stringify({
        framework_id: { value: this.#frameworkId },
        type,
        ...(body === undefined ? {} : { [type.toLowerCase()]: body }),
      }),
    });
    const text = await response.text();
    if (response.status !== 202) throw new Error(`${type} was answered ${response.status}: ${text}`);
  }

  /** Acknowledges an update; one without uuid needs none. */
  async acknowledge(status: TaskStatus): Promise<void> {
    if (status.uuid === undefined) return;
    const { agent_id, task_id, uuid } = status;
    await this.call("ACKNOWLEDGE", { agent_id, task_id, uuid });
  }

  /** Removes the framework and ends the stream. */
  async teardown(): Promise<void> {
    this.#leaving = true;
    await this.call("TEARDOWN");
    this.#closing.abort();
  }
}

/** The records of a RecordIO stream: a decimal length, a line feed, that many bytes. */
async function* records(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let waiting = Buffer.alloc(0);
  for await (const chunk of body) {
    waiting = Buffer.concat([waiting, chunk]);
    for (let feed = waiting.indexOf(10); feed !== -1; feed = waiting.indexOf(10)) {
      const end = feed + 1 + Number(waiting.toString("latin1", 0, feed));
      if (waiting.length < end) break;
      yield waiting.toString("utf8", feed + 1, end);
      waiting = waiting.subarray(end);
    }
  }
}

/** A TaskInfo of the API for a shell command. */
export function taskInfo(id: string, offer: Offer, command: string, amounts: { cpus: number; mem: number }) {
  return {
    name: id,
    task_id: { value: id },
    agent_id: offer.agent_id,
    resources: Object.entries(amounts).map(([name, value]) => ({
      name,
      type: "SCALAR",
      scalar: { value },
      allocation_info: { role: "*" },
    })),
    command: { shell: true, value: command },
  };
}

/** How many tasks of these amounts an offer holds. */
export function roomFor(offer: Offer, amounts: Readonly<Record<string, number>>): number {
  const counts = Object.entries(amounts).map(([name, each]) => {
    const total = offer.resources
      .filter((resource) => resource.name === name)
      .reduce((sum, resource) => sum + (resource.scalar?.value ?? 0), 0);
    return Math.floor(total / each + 1e-6);
  });
  return Math.min(...counts);
}

/** Spread of measured values, in their unit. */
export function spread(values: readonly number[]): { n: number; p50: number; p99: number; max: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => {
    const value = sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
    return Math.round((value ?? Number.NaN) * 100) / 100;
  };
  return { n: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** A process and all that descend from it. */
export function processTree(root: number): number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(Number(name))] as const);
  const tree = [root];
  for (const pid of tree) for (const [child, parent] of parents) if (parent === pid) tree.push(child);
  return tree;
}

function parentOf(pid: number): number {
  const stat = readProc(pid, "stat");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

/** Name of a process as the kernel has it. */
export function nameOf(pid: number): string {
  return readProc(pid, "comm").trim();
}

/** Proportional share of memory in bytes; 0 for a process that ended. */
export function pssBytes(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(readProc(pid, "smaps_rollup"))?.[1] ?? 0) * 1024;
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return ""; // It ended meanwhile.
  }
}
