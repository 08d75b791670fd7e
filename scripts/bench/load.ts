/** Launches tasks as fast as offers come and keeps their times. */
import { type Offer, roomFor, Scheduler, type TaskStatus, taskInfo } from "./lib.ts";

const TERMINAL = new Set([
  ...["TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_LOST", "TASK_DROPPED"],
  ...["TASK_UNREACHABLE", "TASK_GONE", "TASK_GONE_BY_OPERATOR", "TASK_UNKNOWN"],
]);

export interface Load {
  readonly tasks: number;
  readonly command: string;
  readonly amounts: { cpus: number; mem: number };
  /** What else the TaskInfo of each task has. */
  readonly more?: (taskId: string) => object;
  /** Sees each status. */
  readonly onStatus?: (status: TaskStatus) => void;
  /** Tasks launched and not yet ended, at most. */
  readonly inflight: number;
  /** The state that ends the run when every task has reached it. */
  readonly until: "TASK_RUNNING" | "TASK_FINISHED";
}

/** Times in milliseconds of one run. */
export interface LoadTimes {
  readonly acceptToRunningMs: number[];
  readonly acceptToEndMs: number[];
  /** From the first ACCEPT to the last awaited update. */
  readonly totalMs: number;
  readonly scheduler: Scheduler;
}

/** Runs the load; throws when a task ends otherwise than by TASK_FINISHED. The framework stays subscribed. */
export async function runLoad(master: string, load: Load): Promise<LoadTimes> {
  const run = new Run(master, load);
  return await run.complete();
}

class Run {
  readonly #load: Load;
  readonly #scheduler: Scheduler;
  readonly #accepted = new Map<string, number>();
  readonly #running: number[] = [];
  readonly #ended: number[] = [];
  readonly #seen = new Set<string>();
  readonly #kept: Offer[] = [];
  readonly #calls: Promise<void>[] = [];
  readonly #complete = Promise.withResolvers<void>();
  #first = 0;

  constructor(master: string, load: Load) {
    this.#load = load;
    this.#scheduler = new Scheduler(master, "bench");
  }

  async complete(): Promise<LoadTimes> {
    const stream = this.#scheduler.run((event) => {
      for (const offer of event.offers?.offers ?? []) {
        if (this.#first === 0) this.#first = performance.now();
        this.#make(this.#answer(offer));
      }
      if (event.update !== undefined) this.#make(this.#onUpdate(event.update.status));
    });
    await Promise.race([this.#complete.promise, stream]);
    const totalMs = performance.now() - this.#first;
    await Promise.all(this.#calls);
    return {
      acceptToRunningMs: this.#running,
      acceptToEndMs: this.#ended,
      totalMs,
      scheduler: this.#scheduler,
    };
  }

  #make(call: Promise<void>): void {
    call.catch((error: unknown) => this.#complete.reject(error));
    this.#calls.push(call);
  }

  async #answer(offer: Offer): Promise<void> {
    const { tasks, inflight, amounts, command } = this.#load;
    const started = this.#accepted.size;
    const free = inflight - (started - this.#ended.length);
    const room = roomFor(offer, amounts);
    if (room === 0) {
      await this.#scheduler.call("DECLINE", { offer_ids: [offer.id], filters: { refuse_seconds: 0 } });
      return;
    }
    const count = Math.min(tasks - started, free, room);
    if (count <= 0) {
      // Kept for the next task: declined, it would be back in the same moment, over and over.
      this.#kept.push(offer);
      return;
    }
    const infos = Array.from({ length: count }, (_, at) => {
      const id = `task-${started + at}`;
      return { ...taskInfo(id, offer, command, amounts), ...this.#load.more?.(id) };
    });
    const now = performance.now();
    for (const info of infos) this.#accepted.set(info.task_id.value, now);
    await this.#scheduler.call("ACCEPT", {
      offer_ids: [offer.id],
      operations: [{ type: "LAUNCH", launch: { task_infos: infos } }],
      filters: { refuse_seconds: 0 },
    });
  }

  async #onUpdate(status: TaskStatus): Promise<void> {
    const id = status.task_id.value;
    const key = `${id} ${status.state}`;
    const sinceAccept = performance.now() - (this.#accepted.get(id) ?? 0);
    if (!this.#seen.has(key)) {
      this.#seen.add(key);
      if (status.state === "TASK_RUNNING") this.#running.push(sinceAccept);
      if (TERMINAL.has(status.state)) {
        this.#ended.push(sinceAccept);
        const offer = this.#kept.shift();
        if (offer !== undefined) this.#make(this.#answer(offer));
      }
    }
    if (TERMINAL.has(status.state) && status.state !== "TASK_FINISHED") {
      throw new Error(`Task "${id}" ended as ${status.state}: ${status.message ?? "no message"}`);
    }
    this.#load.onStatus?.(status);
    const awaited = this.#load.until === "TASK_RUNNING" ? this.#running : this.#ended;
    const acknowledged = this.#scheduler.acknowledge(status);
    if (awaited.length === this.#load.tasks) this.#complete.resolve();
    await acknowledged;
  }
}
