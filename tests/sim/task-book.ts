/**
 * What a framework was told of each task it launched, and what it may never be
 * told. A task id may be launched again once its last run is done with.
 */
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
  /** Agent's time of its newest update, in seconds. */
  toldAt: number;
  /** Container of the run, by the agent's first word. */
  run: string | undefined;
  /** A master said after the end that it does not know the task any more. */
  forgotten: boolean;
  /** A master said on this stream that the task ended with its agent. */
  lost: TaskState | undefined;
}

/** Order of an agent's updates; every end comes last. */
const RANKS: Partial<Record<TaskState, number>> = {
  TASK_STAGING: 0,
  TASK_STARTING: 1,
  TASK_RUNNING: 2,
  TASK_KILLING: 3,
};
const END_RANK = 4;

function isNewsOfCheck({ reason }: TaskStatus): boolean {
  return (
    reason === "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED" || reason === "REASON_TASK_CHECK_STATUS_UPDATED"
  );
}

export class TaskBook {
  readonly #owner: string;
  readonly #entries = new Map<string, Entry>();
  /** Of runs whose task id was launched again. */
  readonly #pastUuids = new Set<string>();
  readonly #pastEnds = new Map<string, TaskState>();
  #launched = 0;

  constructor(owner: string) {
    this.#owner = owner;
  }

  launch(id: string, agentId: string): void {
    const past = this.#entries.get(id);
    for (const uuid of past?.uuids ?? []) this.#pastUuids.add(uuid);
    if (past?.run !== undefined && past.end !== undefined) this.#pastEnds.set(past.run, past.end);
    this.#launched++;
    this.#entries.set(id, {
      agentId,
      state: "TASK_STAGING",
      rank: 0,
      toldAt: 0,
      uuids: new Set(),
      end: undefined,
      run: undefined,
      forgotten: false,
      lost: undefined,
    });
  }

  /** A new stream: what was told between the two may have got lost. */
  resubscribed(): void {
    for (const entry of this.#entries.values()) entry.lost = undefined;
  }

  /** Takes a status; throws when it contradicts an earlier one. */
  tell(status: TaskStatus): { readonly isNew: boolean } {
    const { state, uuid } = status;
    const id = status.task_id.value;
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new Error(`${this.#owner} was told of ${id}, which it never launched`);
    const text = uuid === undefined ? undefined : Buffer.from(uuid).toString("hex");
    // A repetition from before the id was launched again.
    if (text !== undefined && this.#pastUuids.has(text)) return { isNew: false };
    // An end without uuid is the master's word (lost, gone): the task may yet come back with its agent.
    // Nobody knows of it any more: no news for a task that has ended.
    const stale = state === "TASK_UNKNOWN" && isTerminalState(entry.state);
    if (entry.end === undefined && !stale) entry.state = state;
    if (entry.end !== undefined && state === "TASK_UNKNOWN") entry.forgotten = true;
    if (text === undefined) {
      this.#checkLoss(status, entry);
      return { isNew: false };
    }
    this.#checkRun(status, entry);
    if (entry.uuids.has(text)) return { isNew: false };
    entry.uuids.add(text);
    const rank = RANKS[state] ?? END_RANK;
    if (entry.end !== undefined)
      throw new Error(`${this.#owner} was told ${state} of ${id} after ${entry.end}`);
    // News of a check repeat the state, and come in their order.
    const repeats = rank === entry.rank && isNewsOfCheck(status) && (status.timestamp ?? 0) >= entry.toldAt;
    if (rank <= entry.rank && !repeats) {
      throw new Error(`${this.#owner} was told ${state} of ${id}, an older state than before`);
    }
    entry.rank = rank;
    entry.toldAt = status.timestamp ?? 0;
    entry.state = state;
    if (isTerminalState(state)) entry.end = state;
    return { isNew: true };
  }

  /** A task ends once with its agent, unless it came back in between. Answers to RECONCILE may repeat. */
  #checkLoss({ state, reason, task_id }: TaskStatus, entry: Entry): void {
    if (reason === "REASON_RECONCILIATION") return;
    if (entry.lost !== undefined && isTerminalState(state)) {
      throw new Error(`${this.#owner} was told ${state} of ${task_id.value}, and ${entry.lost} before`);
    }
    entry.lost = isTerminalState(state) ? state : undefined;
  }

  #checkRun(status: TaskStatus, entry: Entry): void {
    const run = status.container_status?.container_id?.value;
    if (run === undefined) return;
    entry.run ??= run;
    if (run === entry.run && !this.#pastEnds.has(run)) return;
    const what = `${status.state} of ${status.task_id.value}`;
    throw new Error(`${this.#owner} was told ${what} by run ${run}, the present one is ${entry.run}`);
  }

  /** Ended tasks that the masters forgot: their ids may be launched again. */
  reusable(): string[] {
    return [...this.#entries].filter(([, entry]) => entry.forgotten).map(([id]) => id);
  }

  /** Ended tasks that the masters may still know. */
  *ended(): Iterable<readonly [id: string, agentId: string]> {
    for (const [id, { end, forgotten, agentId }] of this.#entries) {
      if (end !== undefined && !forgotten) yield [id, agentId];
    }
  }

  /** Tasks whose end the agent has not told. */
  *unended(): Iterable<string> {
    for (const [id, { end }] of this.#entries) if (end === undefined) yield id;
  }

  /** Tasks that may still run, as far as it was told, with their agents. */
  *open(): Iterable<readonly [id: string, agentId: string]> {
    for (const [id, { state, agentId }] of this.#entries) if (!isTerminalState(state)) yield [id, agentId];
  }

  /** The agent's own word on the end of a run. */
  endOf(run: string): TaskState | undefined {
    const present = [...this.#entries.values()].find((entry) => entry.run === run);
    return present?.end ?? this.#pastEnds.get(run);
  }

  agentOf(id: string): string | undefined {
    return this.#entries.get(id)?.agentId;
  }

  stateOf(id: string): TaskState | undefined {
    return this.#entries.get(id)?.state;
  }

  get launched(): number {
    return this.#launched;
  }
}
