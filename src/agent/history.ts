import { AGENT_COMPLETED_EXECUTORS_MAX, AGENT_COMPLETED_TASKS_MAX } from "../base/limits.ts";
import type { TaskState } from "../model/v1/tasks.ts";

/** A task whose terminal update was acknowledged, or whose framework was shut down. */
export interface CompletedTask {
  readonly frameworkId: string;
  readonly taskId: string;
  /** Of a task that named an executor. */
  readonly executorId: string | undefined;
  readonly containerId: string;
  /** blob FrameworkInfo. */
  readonly framework: Uint8Array;
  /** blob TaskInfo. */
  readonly info: Uint8Array;
  readonly state: TaskState;
  /** Blobs TaskStatus, newest last. */
  readonly statuses: readonly Uint8Array[];
}

/** A framework's executor whose container has ended. */
export interface CompletedExecutor {
  readonly frameworkId: string;
  readonly executorId: string;
  readonly containerId: string;
  /** blob FrameworkInfo. */
  readonly framework: Uint8Array;
  /** blob ExecutorInfo. */
  readonly info: Uint8Array;
}

/** The newest completed tasks and executors, for /state and for finding their sandboxes. Memory only. */
export class History {
  /** By container and task id, in the order of completion. */
  readonly #tasks = new Map<string, CompletedTask>();
  /** By container id, in the order of completion. */
  readonly #executors = new Map<string, CompletedExecutor>();

  add(task: CompletedTask): void {
    this.#tasks.set(`${task.containerId}/${task.taskId}`, task);
    dropOldest(this.#tasks, AGENT_COMPLETED_TASKS_MAX);
  }

  addExecutor(executor: CompletedExecutor): void {
    this.#executors.set(executor.containerId, executor);
    dropOldest(this.#executors, AGENT_COMPLETED_EXECUTORS_MAX);
  }

  executors(): Iterable<CompletedExecutor> {
    return this.#executors.values();
  }

  tasks(): Iterable<CompletedTask> {
    return this.#tasks.values();
  }
}

/** Maps keep the order in which keys came. */
function dropOldest(map: Map<string, unknown>, maxSize: number): void {
  if (map.size <= maxSize) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
