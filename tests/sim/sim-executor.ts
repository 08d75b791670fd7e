/**
 * A framework's executor as a process on an agent machine: it subscribes at
 * its agent, runs what it is sent, tells what becomes of it until that is
 * acknowledged, and comes back to an agent that was away. It ends when it has
 * had nothing to do for a while.
 */
import type { Random } from "../../src/base/random.ts";
import { randomUuid } from "../../src/base/uuid.ts";
import type { ContainerSpec, Exit } from "../../src/isolation/container.ts";
import { isTerminalState } from "../../src/model/task-state.ts";
import type { ExecutorCall, ExecutorCallUpdate, ExecutorEvent } from "../../src/model/v1/executor.ts";
import type { TaskInfo, TaskState } from "../../src/model/v1/tasks.ts";
import { readScript } from "./kernel.ts";
import type { World } from "./world.ts";

export const EXECUTOR_COMMAND = "sim-executor";

/** The agent's edge; all of it fails while the agent is down. */
export interface ExecutorHost {
  /** Id of the stream, or undefined when nobody answers. */
  subscribe(
    call: ExecutorCall,
    ends: { event(event: ExecutorEvent): void; closed(): void },
  ): number | undefined;
  drop(streamId: number): void;
  call(call: ExecutorCall, answered: (status: number) => void): void;
  /** A task arrived at its executor. */
  arrived(spec: ContainerSpec, frameworkId: string, taskId: string): void;
}

const RETRY_MS = 300;
const IDLE_MS = 2_500;
/** Chances. */
const BREAKS_STREAM = 0.05;
const DIES = 0.02;

export class SimExecutor {
  readonly #world: World;
  readonly #random: Random;
  readonly #host: ExecutorHost;
  readonly #spec: ContainerSpec;
  readonly #ids: Pick<ExecutorCall, "framework_id" | "executor_id">;
  readonly #end: (exit: Exit) => void;
  #alive = true;
  /** Raised by each subscription: events of older streams are void. */
  #attempt = 0;
  #streamId: number | undefined;
  #busyAtMs: number;
  /** Sent to it, with no update acknowledged. */
  readonly #unacknowledged = new Map<string, TaskInfo>();
  readonly #running = new Set<string>();
  readonly #seen = new Set<string>();
  /** By uuid, in the order made. */
  readonly #updates = new Map<string, ExecutorCallUpdate>();

  constructor(world: World, host: ExecutorHost, spec: ContainerSpec, end: (exit: Exit) => void) {
    this.#world = world;
    this.#random = world.fork();
    this.#host = host;
    this.#spec = spec;
    this.#end = end;
    this.#busyAtMs = world.nowMs;
    const environment = new Map(spec.environment);
    this.#ids = {
      framework_id: { value: environment.get("MESOS_FRAMEWORK_ID") ?? "" },
      executor_id: { value: environment.get("MESOS_EXECUTOR_ID") ?? "" },
    };
    this.#retry(this.#random.below(60));
    this.#watch();
  }

  /** The container ended. */
  stop(): void {
    this.#alive = false;
    if (this.#streamId !== undefined) this.#host.drop(this.#streamId);
  }

  #after(delayMs: number, run: () => void): void {
    this.#world.after(delayMs, () => {
      if (this.#alive) run();
    });
  }

  #watch(): void {
    this.#after(IDLE_MS, () => {
      const idle = this.#running.size === 0 && this.#updates.size === 0;
      if (idle && this.#world.nowMs - this.#busyAtMs >= IDLE_MS) this.#end({ kind: "exited", code: 0 });
      else this.#watch();
    });
  }

  #retry(delayMs: number): void {
    const attempt = ++this.#attempt;
    this.#streamId = undefined;
    this.#after(delayMs, () => {
      if (attempt !== this.#attempt) return;
      const unacknowledged_tasks = [...this.#unacknowledged.values()];
      const unacknowledged_updates = [...this.#updates.values()];
      const call: ExecutorCall = {
        ...this.#ids,
        type: "SUBSCRIBE",
        subscribe: { unacknowledged_tasks, unacknowledged_updates },
      };
      this.#streamId = this.#host.subscribe(call, {
        event: (event) => {
          if (this.#alive && attempt === this.#attempt) this.#take(event);
        },
        closed: () => {
          if (this.#alive && attempt === this.#attempt) this.#retry(RETRY_MS);
        },
      });
      if (this.#streamId === undefined) this.#retry(RETRY_MS);
    });
  }

  #take(event: ExecutorEvent): void {
    if (event.type !== "HEARTBEAT") this.#busyAtMs = this.#world.nowMs;
    switch (event.type) {
      case "LAUNCH":
        if (event.launch !== undefined) this.#launch(event.launch.task);
        break;
      case "LAUNCH_GROUP":
        for (const task of event.launch_group?.task_group.tasks ?? []) this.#launch(task);
        break;
      case "KILL":
        this.#finish(event.kill?.task_id.value ?? "", "TASK_KILLED");
        break;
      case "ACKNOWLEDGED": {
        const { task_id, uuid } = event.acknowledged ?? {};
        this.#unacknowledged.delete(task_id?.value ?? "");
        this.#updates.delete(hex(uuid));
        break;
      }
      case "SHUTDOWN":
        if (this.#random.chance(0.8)) this.#after(5, () => this.#end({ kind: "exited", code: 0 }));
        return;
      case "MESSAGE":
        if (event.message !== undefined) {
          this.#host.call({ ...this.#ids, type: "MESSAGE", message: event.message }, () => {});
        }
        break;
      default:
    }
    if (this.#random.chance(DIES)) this.#end({ kind: "signaled", signal: 11 });
    else if (this.#random.chance(BREAKS_STREAM)) this.#break();
  }

  #break(): void {
    if (this.#streamId !== undefined) this.#host.drop(this.#streamId);
    this.#retry(this.#random.below(RETRY_MS));
  }

  #launch(task: TaskInfo): void {
    const id = task.task_id.value;
    if (this.#seen.has(id)) throw new Error(`Executor ${this.#spec.containerId} was sent ${id} twice`);
    this.#seen.add(id);
    this.#host.arrived(this.#spec, this.#ids.framework_id.value, id);
    this.#unacknowledged.set(id, task);
    this.#running.add(id);
    const { runMs, code } = readScript(new TextDecoder().decode(task.data));
    this.#after(this.#random.below(20), () => this.#tell(id, "TASK_RUNNING"));
    this.#after(20 + runMs, () => this.#finish(id, code === 0 ? "TASK_FINISHED" : "TASK_FAILED"));
  }

  #finish(id: string, state: TaskState): void {
    if (this.#running.has(id)) this.#tell(id, state);
  }

  #tell(id: string, state: TaskState): void {
    if (!this.#running.has(id)) return;
    if (isTerminalState(state)) this.#running.delete(id);
    const uuid = randomUuid(this.#random);
    const update = { status: { task_id: { value: id }, state, source: "SOURCE_EXECUTOR" as const, uuid } };
    this.#updates.set(hex(uuid), update);
    this.#send(update);
  }

  /** Without a stream it goes with the next subscription. */
  #send(update: ExecutorCallUpdate): void {
    if (this.#streamId === undefined) return;
    this.#host.call({ ...this.#ids, type: "UPDATE", update }, (status) => {
      if (status !== 503) return;
      this.#after(RETRY_MS, () => {
        if (this.#updates.has(hex(update.status.uuid))) this.#send(update);
      });
    });
  }
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString("hex");
}
