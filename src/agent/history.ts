import { present } from "../base/assert.ts";
import {
  AGENT_COMPLETED_EXECUTORS_MAX,
  AGENT_COMPLETED_FRAMEWORKS_MAX,
  AGENT_COMPLETED_TASKS_MAX,
  COMPLETED_TASKS_PER_EXECUTOR_MAX,
} from "../base/limits.ts";
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

/** Mesos' --max_completed_executors_per_framework. */
export const DEFAULT_COMPLETED_EXECUTORS = 150;

/**
 * The newest completed tasks and executors, for /state and for finding their
 * sandboxes (AGT-27). Memory only. As in Mesos so many frameworks, so many
 * executor runs of each, a command task being one, and so many tasks of each
 * run; beside that a bound on all together.
 */
export class History {
  readonly #runsPerFramework: number;
  /** By container and task id, in the order of completion. */
  readonly #tasks = new Map<string, CompletedTask>();
  /** By container id, in the order of completion. */
  readonly #executors = new Map<string, CompletedExecutor>();
  /** Keys of tasks by framework and run; what something was added to last comes last. */
  readonly #runs = new Map<string, Map<string, Set<string>>>();

  constructor(runsPerFramework = DEFAULT_COMPLETED_EXECUTORS) {
    this.#runsPerFramework = runsPerFramework;
  }

  add(task: CompletedTask): void {
    const key = taskKey(task);
    this.#tasks.delete(key);
    this.#tasks.set(key, task);
    const keys = this.#touch(task.frameworkId, runOf(task));
    keys.add(key);
    if (keys.size > COMPLETED_TASKS_PER_EXECUTOR_MAX) this.#forget(firstOf(keys));
    if (this.#tasks.size > AGENT_COMPLETED_TASKS_MAX) this.#forget(firstOf(this.#tasks.keys()));
    this.#shorten(task.frameworkId);
  }

  addExecutor(executor: CompletedExecutor): void {
    this.#executors.set(executor.containerId, executor);
    this.#touch(executor.frameworkId, executor.containerId);
    if (this.#executors.size > AGENT_COMPLETED_EXECUTORS_MAX) {
      const [oldest] = this.#executors.values();
      if (oldest !== undefined) this.#dropRun(oldest.frameworkId, oldest.containerId);
    }
    this.#shorten(executor.frameworkId);
  }

  executors(): Iterable<CompletedExecutor> {
    return this.#executors.values();
  }

  tasks(): Iterable<CompletedTask> {
    return this.#tasks.values();
  }

  /** The run's tasks; run and framework are the newest now. */
  #touch(frameworkId: string, run: string): Set<string> {
    const runs = this.#runs.get(frameworkId) ?? new Map<string, Set<string>>();
    const keys = runs.get(run) ?? new Set<string>();
    this.#runs.delete(frameworkId);
    this.#runs.set(frameworkId, runs);
    runs.delete(run);
    runs.set(run, keys);
    return keys;
  }

  #shorten(frameworkId: string): void {
    const runs = this.#runs.get(frameworkId);
    if (runs !== undefined && runs.size > this.#runsPerFramework)
      this.#dropRun(frameworkId, firstOf(runs.keys()));
    if (this.#runs.size <= AGENT_COMPLETED_FRAMEWORKS_MAX) return;
    const oldest = firstOf(this.#runs.keys());
    for (const run of [...(this.#runs.get(oldest)?.keys() ?? [])]) this.#dropRun(oldest, run);
  }

  #dropRun(frameworkId: string, run: string): void {
    const runs = this.#runs.get(frameworkId);
    for (const key of runs?.get(run) ?? []) this.#tasks.delete(key);
    this.#executors.delete(run);
    runs?.delete(run);
    if (runs?.size === 0) this.#runs.delete(frameworkId);
  }

  /** One task; with the last one its run, if that is all that is known of it. */
  #forget(key: string): void {
    const task = present(this.#tasks.get(key), "It is in the history");
    const run = runOf(task);
    this.#tasks.delete(key);
    const keys = this.#runs.get(task.frameworkId)?.get(run);
    keys?.delete(key);
    if (keys?.size === 0 && !this.#executors.has(run)) this.#dropRun(task.frameworkId, run);
  }
}

function taskKey({ containerId, taskId }: CompletedTask): string {
  return `${containerId}/${taskId}`;
}

/** Containers of a pod's tasks are inside its own, and bear its id before a dot. */
function runOf({ containerId, executorId }: CompletedTask): string {
  return executorId === undefined ? containerId : (containerId.split(".")[0] ?? containerId);
}

/** Maps and sets keep the order in which keys came. */
function firstOf(keys: Iterable<string>): string {
  const [first] = keys;
  return present(first, "Something is too long, and so not empty");
}
