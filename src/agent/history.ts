import { AGENT_COMPLETED_TASKS_MAX } from "../base/limits.ts";
import type { TaskState } from "../model/v1/tasks.ts";

/** A task whose terminal update was acknowledged, or whose framework was shut down. */
export interface CompletedTask {
  readonly frameworkId: string;
  readonly taskId: string;
  readonly containerId: string;
  /** blob FrameworkInfo. */
  readonly framework: Uint8Array;
  /** blob TaskInfo. */
  readonly info: Uint8Array;
  readonly state: TaskState;
  /** Blobs TaskStatus, newest last. */
  readonly statuses: readonly Uint8Array[];
}

/** The newest completed tasks, for /state and for finding their sandboxes. Memory only. */
export class History {
  /** By container id, in the order of completion. */
  readonly #tasks = new Map<string, CompletedTask>();

  add(task: CompletedTask): void {
    this.#tasks.set(task.containerId, task);
    if (this.#tasks.size <= AGENT_COMPLETED_TASKS_MAX) return;
    for (const oldest of this.#tasks.keys()) {
      this.#tasks.delete(oldest);
      break;
    }
  }

  tasks(): Iterable<CompletedTask> {
    return this.#tasks.values();
  }
}
