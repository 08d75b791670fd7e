import type { Resources } from "../model/resources.ts";
import type { ExecutorInfo } from "../model/v1/tasks.ts";

/** An executor on an agent, and what it holds beside its tasks. */
export interface ExecutorHolding {
  readonly frameworkId: string;
  readonly executorId: string;
  readonly role: string;
  readonly resources: Resources;
  /** blob ExecutorInfo, to tell another one of the same id. */
  readonly info: Uint8Array;
  /** A program of the framework's own, not the default executor. */
  readonly custom: boolean;
}

interface Held {
  readonly executor: ExecutorHolding;
  /** By `taskKey`. */
  readonly tasks: Set<string>;
  /** The agent was told to run it. */
  sent: boolean;
}

/**
 * Executors on one agent. A default executor lives from its first task to the
 * end of its last; so does what it holds. A custom one that the agent was told
 * of lives until the agent says that it ended.
 */
export class ExecutorHoldings {
  readonly #executors = new Map<string, Held>();
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
    this.#executors.set(key, { executor, tasks: new Set([task]), sent: false });
    return true;
  }

  /** The agent has this one; true if nobody knew, so that its resources are to be charged. */
  adopt(executor: ExecutorHolding): boolean {
    const key = keyOf(executor.frameworkId, executor.executorId);
    const known = this.#executors.get(key);
    if (known !== undefined) known.sent = true;
    else this.#executors.set(key, { executor, tasks: new Set(), sent: true });
    return known === undefined;
  }

  /** The agent has no such executor; returns it if nothing holds it any more. */
  disown({
    frameworkId,
    executorId,
  }: Pick<ExecutorHolding, "frameworkId" | "executorId">): ExecutorHolding | undefined {
    const known = this.#executors.get(keyOf(frameworkId, executorId));
    if (known === undefined) return undefined;
    known.sent = false;
    return known.tasks.size > 0 ? undefined : this.remove(frameworkId, executorId);
  }

  /**
   * The task goes to the agent: whether its executor goes with it, or was there
   * before. Undefined for a task without a custom executor.
   */
  send(task: string): boolean | undefined {
    const held = this.#executors.get(this.#ofTask.get(task) ?? "");
    if (held === undefined || !held.executor.custom) return undefined;
    const isFirst = !held.sent;
    held.sent = true;
    return isFirst;
  }

  /** The task holds nothing any more; returns its executor if that ended with it. */
  release(task: string): ExecutorHolding | undefined {
    const key = this.#ofTask.get(task);
    if (key === undefined) return undefined;
    this.#ofTask.delete(task);
    const known = this.#executors.get(key);
    known?.tasks.delete(task);
    if (known === undefined || known.tasks.size > 0 || (known.executor.custom && known.sent))
      return undefined;
    this.#executors.delete(key);
    return known.executor;
  }

  /** It ended, whatever its tasks became. */
  remove(frameworkId: string, executorId: string): ExecutorHolding | undefined {
    const key = keyOf(frameworkId, executorId);
    const known = this.#executors.get(key);
    this.#executors.delete(key);
    for (const task of known?.tasks ?? []) this.#ofTask.delete(task);
    return known?.executor;
  }

  /** Those without tasks. */
  idle(): ExecutorHolding[] {
    return [...this.#executors.values()].flatMap((held) => (held.tasks.size === 0 ? held.executor : []));
  }

  *values(): Iterable<ExecutorHolding> {
    for (const { executor } of this.#executors.values()) yield executor;
  }
}

/** Without a type it is one of before default executors. */
export function isCustom(info: ExecutorInfo): boolean {
  return info.type !== "DEFAULT";
}

/** Ids hold no slash. */
function keyOf(frameworkId: string, executorId: string): string {
  return `${frameworkId}/${executorId}`;
}
