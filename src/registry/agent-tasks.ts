import type { TaskRecord } from "./records.ts";

/** Longer lists become sets at the first removal. */
const LIST_MAX = 16;

/** The tasks of one agent: a list while it only grows, as on start-up with a million tasks; later a set. */
export class AgentTasks {
  #list: TaskRecord[] = [];
  #set: Set<TaskRecord> | undefined;

  get size(): number {
    return this.#set?.size ?? this.#list.length;
  }

  /** A task that is not there yet. */
  add(task: TaskRecord): void {
    if (this.#set === undefined) this.#list.push(task);
    else this.#set.add(task);
  }

  delete(task: TaskRecord): void {
    if (this.#set === undefined && this.#list.length > LIST_MAX) {
      this.#set = new Set(this.#list);
      this.#list = [];
    }
    if (this.#set !== undefined) this.#set.delete(task);
    else this.#list = this.#list.filter((other) => other !== task);
  }

  [Symbol.iterator](): Iterator<TaskRecord> {
    return (this.#set ?? this.#list)[Symbol.iterator]();
  }
}
