import type { Resources } from "../model/resources.ts";

/** An executor on an agent, and what it holds beside its tasks. */
export interface ExecutorHolding {
  readonly frameworkId: string;
  readonly executorId: string;
  readonly role: string;
  readonly resources: Resources;
  /** blob ExecutorInfo, to tell another one of the same id. */
  readonly info: Uint8Array;
}

/**
 * Executors of task groups on one agent. A default executor lives from its
 * first task to the end of its last; so does what it holds.
 */
export class ExecutorHoldings {
  readonly #executors = new Map<
    string,
    { readonly executor: ExecutorHolding; readonly tasks: Set<string> }
  >();
  /** Key of its executor, by `taskKey`. */
  readonly #ofTask = new Map<string, string>();

  find(frameworkId: string, executorId: string): ExecutorHolding | undefined {
    return this.#executors.get(keyOf(frameworkId, executorId))?.executor;
  }

  /** Ids of the framework's executors. */
  idsOf(frameworkId: string): string[] {
    const ids: string[] = [];
    for (const { executor } of this.#executors.values()) {
      if (executor.frameworkId === frameworkId) ids.push(executor.executorId);
    }
    return ids;
  }

  /** The task runs under the executor; true if that is new, so that its resources are to be charged. */
  hold(executor: ExecutorHolding, task: string): boolean {
    const key = keyOf(executor.frameworkId, executor.executorId);
    const known = this.#executors.get(key);
    this.#ofTask.set(task, key);
    if (known !== undefined) {
      known.tasks.add(task);
      return false;
    }
    this.#executors.set(key, { executor, tasks: new Set([task]) });
    return true;
  }

  /** The task holds nothing any more; returns its executor if that was the last one's. */
  release(task: string): ExecutorHolding | undefined {
    const key = this.#ofTask.get(task);
    if (key === undefined) return undefined;
    this.#ofTask.delete(task);
    const known = this.#executors.get(key);
    known?.tasks.delete(task);
    if (known === undefined || known.tasks.size > 0) return undefined;
    this.#executors.delete(key);
    return known.executor;
  }

  *values(): Iterable<ExecutorHolding> {
    for (const { executor } of this.#executors.values()) yield executor;
  }
}

/** Ids hold no slash. */
function keyOf(frameworkId: string, executorId: string): string {
  return `${frameworkId}/${executorId}`;
}
