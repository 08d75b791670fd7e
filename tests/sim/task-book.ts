/** What a framework was told of each task it launched, and what it may never be told. */
import { isTerminalState } from "../../src/model/task-state.ts";
import type { TaskState, TaskStatus } from "../../src/model/v1/tasks.ts";

interface Entry {
  readonly agentId: string;
  /** Latest state told. */
  state: TaskState;
  /** How far the agent's own updates have come. */
  rank: number;
  readonly uuids: Set<string>;
  /** The agent's own word on the end. */
  end: TaskState | undefined;
}

/** Order of an agent's updates; every end comes last. */
const RANKS: Partial<Record<TaskState, number>> = {
  TASK_STAGING: 0,
  TASK_STARTING: 1,
  TASK_RUNNING: 2,
  TASK_KILLING: 3,
};
const END_RANK = 4;

export class TaskBook {
  readonly #owner: string;
  readonly #entries = new Map<string, Entry>();

  constructor(owner: string) {
    this.#owner = owner;
  }

  launch(id: string, agentId: string): void {
    const entry: Entry = { agentId, state: "TASK_STAGING", rank: 0, uuids: new Set(), end: undefined };
    this.#entries.set(id, entry);
  }

  /** Takes a status; throws when it contradicts an earlier one. */
  tell(status: TaskStatus): { readonly isNew: boolean } {
    const { state, uuid } = status;
    const id = status.task_id.value;
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new Error(`${this.#owner} was told of ${id}, which it never launched`);
    // An end without uuid is the master's word (lost, gone): the task may yet come back with its agent.
    // Nobody knows of it any more: no news for a task that has ended.
    const stale = state === "TASK_UNKNOWN" && isTerminalState(entry.state);
    if (entry.end === undefined && !stale) entry.state = state;
    if (uuid === undefined) return { isNew: false };
    const text = Buffer.from(uuid).toString("hex");
    if (entry.uuids.has(text)) return { isNew: false };
    entry.uuids.add(text);
    const rank = RANKS[state] ?? END_RANK;
    if (entry.end !== undefined)
      throw new Error(`${this.#owner} was told ${state} of ${id} after ${entry.end}`);
    if (rank <= entry.rank) {
      throw new Error(`${this.#owner} was told ${state} of ${id}, an older state than before`);
    }
    entry.rank = rank;
    entry.state = state;
    if (isTerminalState(state)) entry.end = state;
    return { isNew: true };
  }

  /** Tasks whose end the agent has not told. */
  *unended(): Iterable<string> {
    for (const [id, { end }] of this.#entries) if (end === undefined) yield id;
  }

  /** Tasks that may still run, as far as it was told, with their agents. */
  *open(): Iterable<readonly [id: string, agentId: string]> {
    for (const [id, { state, agentId }] of this.#entries) if (!isTerminalState(state)) yield [id, agentId];
  }

  /** The agent's own word on the end of a task. */
  endOf(id: string): TaskState | undefined {
    return this.#entries.get(id)?.end;
  }

  agentOf(id: string): string | undefined {
    return this.#entries.get(id)?.agentId;
  }

  stateOf(id: string): TaskState | undefined {
    return this.#entries.get(id)?.state;
  }

  get launched(): number {
    return this.#entries.size;
  }
}
