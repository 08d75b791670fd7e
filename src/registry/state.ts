/**
 * The registry in memory: maps for reads, and beside them the set of changed
 * keys that the next disk batch takes. Only the apply functions change it.
 */
import type { Quota } from "../model/quota.ts";
import { AgentTasks } from "./agent-tasks.ts";
import { DEFAULT_HISTORY_BOUNDS, type HistoryBounds } from "./history-bounds.ts";
import { Maintenance } from "./maintenance.ts";
import { Notes } from "./notes.ts";
import { Operations } from "./operations.ts";
import type { AgentRecord, FrameworkRecord, RemovedAgentRecord, TaskRecord } from "./records.ts";
import { type KeyOf, keyOf } from "./state-keys.ts";

/** Finished tasks of one framework, oldest first, by a number that only grows. */
export interface CompletedTasks {
  nextNumber: number;
  readonly byNumber: Map<number, TaskRecord>;
}

export class RegistryState {
  clusterId: string | undefined;
  readonly frameworks = new Map<string, FrameworkRecord>();
  /** Removed frameworks, oldest removal first. */
  readonly completedFrameworks = new Map<string, FrameworkRecord>();
  readonly agents = new Map<string, AgentRecord>();
  /** Oldest removal first, bounded by REMOVED_AGENTS_MAX. */
  readonly removedAgents = new Map<string, RemovedAgentRecord>();
  /** Of the newest of them. */
  lastRemovalNumber = 0;
  /** Unfinished tasks and finished ones whose end is not acknowledged: framework id → task id → task. */
  readonly tasks = new Map<string, Map<string, TaskRecord>>();
  readonly completedTasks = new Map<string, CompletedTasks>();
  /** The same tasks by agent. */
  readonly tasksOfAgent = new Map<string, AgentTasks>();
  readonly notes = new Notes();
  readonly operations = new Operations();
  readonly maintenance = new Maintenance();
  historyBounds: HistoryBounds = DEFAULT_HISTORY_BOUNDS;
  /** Of the roles that were given one. */
  readonly weights = new Map<string, number>();
  readonly quotas = new Map<string, Quota>();
  #taskCount = 0;
  #dirty = new Map<string, KeyOf>();

  get taskCount(): number {
    return this.#taskCount;
  }

  task(frameworkId: string, taskId: string): TaskRecord | undefined {
    return this.tasks.get(frameworkId)?.get(taskId);
  }

  putTask(task: TaskRecord): void {
    let ofFramework = this.tasks.get(task.frameworkId);
    if (ofFramework === undefined) {
      ofFramework = new Map();
      this.tasks.set(task.frameworkId, ofFramework);
    }
    const before = ofFramework.size;
    ofFramework.set(task.taskId, task);
    this.#taskCount += ofFramework.size - before;
    let ofAgent = this.tasksOfAgent.get(task.agentId);
    if (ofAgent === undefined) {
      ofAgent = new AgentTasks();
      this.tasksOfAgent.set(task.agentId, ofAgent);
    }
    ofAgent.add(task);
  }

  /**
   * Tasks of a framework or an agent by id: map order differs between a
   * master that applied the launches and one that loaded them from disk, and
   * what applying does may not depend on it.
   */
  sortedTasks(tasks: Iterable<TaskRecord> | undefined): TaskRecord[] {
    return [...(tasks ?? [])].sort(byFrameworkAndId);
  }

  dropTask(task: TaskRecord): void {
    const ofFramework = this.tasks.get(task.frameworkId);
    if (ofFramework?.delete(task.taskId)) this.#taskCount--;
    if (ofFramework?.size === 0) this.tasks.delete(task.frameworkId);
    const ofAgent = this.tasksOfAgent.get(task.agentId);
    ofAgent?.delete(task);
    if (ofAgent?.size === 0) this.tasksOfAgent.delete(task.agentId);
  }

  completed(frameworkId: string): CompletedTasks {
    let tasks = this.completedTasks.get(frameworkId);
    if (tasks === undefined) {
      tasks = { nextNumber: 0, byNumber: new Map() };
      this.completedTasks.set(frameworkId, tasks);
    }
    return tasks;
  }

  /** Notes that the value under a key changed or went away. */
  touch(key: KeyOf): void {
    const text = keyOf(key);
    if (!this.#dirty.has(text)) this.#dirty.set(text, key);
  }

  /** Keys changed since the last call with their text, in the order of their first change. */
  takeTouched(): Map<string, KeyOf> {
    const keys = this.#dirty;
    this.#dirty = new Map();
    return keys;
  }
}

function byFrameworkAndId(a: TaskRecord, b: TaskRecord): number {
  if (a.frameworkId !== b.frameworkId) return a.frameworkId < b.frameworkId ? -1 : 1;
  return a.taskId < b.taskId ? -1 : 1;
}
