/**
 * The replicated registry: frameworks, agents and tasks of the cluster.
 *
 * What it is: a deterministic state machine. `applyEntry` takes the bytes of
 * one committed log entry, applies its commands in order and returns an
 * outcome for each; every master that applies the same entries holds the same
 * records and the same digest.
 *
 * What it is not: it decides nothing (the leader's core does, before it
 * proposes), keeps no offers, streams or timers, and does no IO.
 *
 *     log entry ──► applyEntry ──► outcomes (to the leader's core)
 *                       │
 *                       └──────► takeChanges ──► one disk batch with the log
 *     disk ──► load ──► the same state
 *
 * Source of the idea: Mesos' registrar keeps agents so; here frameworks and
 * tasks are replicated too (design.md 2.3).
 */
import { assert, present } from "../base/assert.ts";
import type { Quota } from "../model/quota.ts";
import { decodeMsgpack, encodeMsgpack } from "../wire/msgpack.ts";
import { activateAgent, agentDrained, drainAgent } from "./apply-agent-marks.ts";
import { addAgent, markAgentUnreachable, reregisterAgent } from "./apply-agents.ts";
import {
  addFramework,
  disconnectFramework,
  endTasks,
  removeFramework,
  updateFramework,
} from "./apply-frameworks.ts";
import { setHistoryBounds } from "./apply-history.ts";
import { startMaintenance, stopMaintenance, updateMaintenance } from "./apply-maintenance.ts";
import { deleteNote, putNote } from "./apply-notes.ts";
import { acknowledgeOperation, applyOperations } from "./apply-operations.ts";
import { ACCEPTED, refused } from "./apply-outcome.ts";
import { forgetAgents, markAgentGone, removeAgent } from "./apply-removals.ts";
import { updateQuota, updateWeights, writeQuota } from "./apply-roles.ts";
import { completeAcknowledged, launchGroup, launchTasks, updateTask } from "./apply-tasks.ts";
import { decodeCommands } from "./codec.ts";
import type { Command, CommandKind, InitCluster, Outcome } from "./commands.ts";
import { Digest, digestChange, EMPTY_DIGEST } from "./digest.ts";
import { Fields } from "./fields.ts";
import { type HistoryBounds, writeHistoryBounds } from "./history-bounds.ts";
import { LOADERS } from "./loaders.ts";
import type { Maintenance } from "./maintenance.ts";
import type { Note } from "./notes.ts";
import {
  type AgentRecord,
  type FrameworkRecord,
  type OperationRecord,
  type RemovedAgentRecord,
  type TaskRecord,
  writeAgent,
  writeFramework,
  writeOperation,
  writeRemovedAgent,
  writeTask,
} from "./records.ts";
import { RegistryState } from "./state.ts";
import { isTaskKey, type KeyOf, keyOf, kindOfKey } from "./state-keys.ts";
import { TaskLoader } from "./stored-task.ts";

/** A changed key of the state on disk; null deletes it. */
export type StateChange = readonly [key: Uint8Array, value: Uint8Array | null];

/** A key of the state on disk. */
export type StoredValue = readonly [key: Uint8Array, value: Uint8Array];

/** Commands of one applied entry with their outcomes, pairwise. */
export interface AppliedEntry {
  readonly commands: readonly Command[];
  readonly outcomes: readonly Outcome[];
}

export type MaintenanceReader = Pick<
  Maintenance,
  "isEmpty" | "schedule" | "down" | "draining" | "modeOf" | "isDown" | "windowOf"
>;

type Handlers = {
  readonly [K in CommandKind]: (state: RegistryState, command: Extract<Command, { kind: K }>) => Outcome;
};

const HANDLERS: Handlers = {
  "init-cluster": initCluster,
  "add-framework": addFramework,
  "update-framework": updateFramework,
  "disconnect-framework": disconnectFramework,
  "remove-framework": removeFramework,
  "end-tasks": endTasks,
  "add-agent": addAgent,
  "reregister-agent": reregisterAgent,
  "mark-agent-unreachable": markAgentUnreachable,
  "remove-agent": removeAgent,
  "launch-tasks": launchTasks,
  "launch-group": launchGroup,
  "update-task": updateTask,
  "complete-task": completeAcknowledged,
  "put-note": putNote,
  "delete-note": deleteNote,
  "apply-operations": applyOperations,
  "acknowledge-operation": acknowledgeOperation,
  "mark-agent-gone": markAgentGone,
  "drain-agent": drainAgent,
  "agent-drained": agentDrained,
  "activate-agent": activateAgent,
  "update-maintenance": updateMaintenance,
  "start-maintenance": startMaintenance,
  "stop-maintenance": stopMaintenance,
  "forget-agents": forgetAgents,
  "set-history-bounds": setHistoryBounds,
  "update-weights": updateWeights,
  "update-quota": updateQuota,
};

function initCluster(state: RegistryState, command: InitCluster): Outcome {
  if (state.clusterId !== undefined) return refused("cluster-exists");
  state.clusterId = command.clusterId;
  state.touch({ kind: "cluster" });
  return ACCEPTED;
}

const NO_CHANGES: readonly StateChange[] = [];

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Registry {
  readonly #state = new RegistryState();
  #digest: Digest = EMPTY_DIGEST;
  #changes = new Map<string, StateChange>();
  #taskLoader: TaskLoader | undefined;

  /** See {@link load}. */
  static from(entries: Iterable<StoredValue>): Registry {
    const registry = new Registry();
    registry.load(entries);
    return registry;
  }

  get clusterId(): string | undefined {
    return this.#state.clusterId;
  }
  get frameworks(): ReadonlyMap<string, FrameworkRecord> {
    return this.#state.frameworks;
  }
  /** Oldest removal first. */
  get completedFrameworks(): ReadonlyMap<string, FrameworkRecord> {
    return this.#state.completedFrameworks;
  }
  get agents(): ReadonlyMap<string, AgentRecord> {
    return this.#state.agents;
  }
  /** Agents that left for good and may not come back; oldest removal first. */
  get removedAgents(): ReadonlyMap<string, RemovedAgentRecord> {
    return this.#state.removedAgents;
  }
  /** Tasks that are not completed, of all frameworks. */
  get taskCount(): number {
    return this.#state.taskCount;
  }

  task(frameworkId: string, taskId: string): TaskRecord | undefined {
    return this.#state.task(frameworkId, taskId);
  }

  /** Unfinished tasks and finished ones whose end is not acknowledged. */
  tasksOf(frameworkId: string): Iterable<TaskRecord> {
    return this.#state.tasks.get(frameworkId)?.values() ?? [];
  }

  taskCountOf(frameworkId: string): number {
    return this.#state.tasks.get(frameworkId)?.size ?? 0;
  }

  tasksOnAgent(agentId: string): Iterable<TaskRecord> {
    return this.#state.tasksOfAgent.get(agentId) ?? [];
  }

  /** Oldest first. */
  completedTasksOf(frameworkId: string): Iterable<TaskRecord> {
    return this.#state.completedTasks.get(frameworkId)?.byNumber.values() ?? [];
  }

  /** One whose end is not acknowledged. */
  operation(frameworkId: string, operationId: string): OperationRecord | undefined {
    return this.#state.operations.get(frameworkId, operationId);
  }

  /** Those whose end is not acknowledged, of one framework or of all. */
  operations(frameworkId?: string): Iterable<OperationRecord> {
    return this.#state.operations.all(frameworkId);
  }

  get historyBounds(): HistoryBounds {
    return this.#state.historyBounds;
  }

  get maintenance(): MaintenanceReader {
    return this.#state.maintenance;
  }

  note(key: string): Note | undefined {
    return this.#state.notes.get(key);
  }

  /** Keys of the notes that begin with `prefix`, sorted. */
  noteKeys(prefix: string): string[] {
    return this.#state.notes.keys(prefix);
  }

  /** Of roles that were given one. */
  get weights(): ReadonlyMap<string, number> {
    return this.#state.weights;
  }
  get quotas(): ReadonlyMap<string, Quota> {
    return this.#state.quotas;
  }

  /** Equal on all masters that applied the same entries; 16 hexadecimal digits. */
  digest(): string {
    return this.#digest.toString();
  }

  /** The same, as it is now. */
  get runningDigest(): Digest {
    return this.#digest;
  }

  /** Applies the bytes of one committed entry. */
  applyEntry(data: Uint8Array): AppliedEntry {
    const commands = decodeCommands(data);
    const outcomes: Outcome[] = [];
    for (const command of commands) outcomes.push(this.#applyOne(command));
    this.#collectChanges();
    return { commands, outcomes };
  }

  /** Changes since the last call, for the disk batch that also carries the applied index. */
  takeChanges(): readonly StateChange[] {
    if (this.#changes.size === 0) return NO_CHANGES;
    const digestKey = keyOf({ kind: "digest" });
    const digest = encodeMsgpack([this.#digest.high, this.#digest.low]);
    this.#changes.set(digestKey, [encoder.encode(digestKey), digest]);
    const changes = [...this.#changes.values()];
    this.#changes = new Map();
    return changes;
  }

  /** Reads back what {@link takeChanges} gave to disk; keys in ascending order. Only on a fresh registry. */
  load(entries: Iterable<StoredValue>): void {
    assert(this.#state.frameworks.size === 0 && this.#state.taskCount === 0, "Registry is loaded only once");
    this.loadPart(entries);
    this.loadEnd();
  }

  /** {@link load} in parts; {@link loadEnd} follows the last. Keeps nothing of the entries. */
  loadPart(entries: Iterable<StoredValue>): void {
    this.#taskLoader ??= new TaskLoader();
    for (const [key, value] of entries) {
      if (isTaskKey(key)) this.#state.putTask(this.#taskLoader.load(value));
      else this.#loadOne(decoder.decode(key), value);
    }
  }

  loadEnd(): void {
    this.#taskLoader = undefined;
    this.#sortCompletedFrameworks();
    this.#sortRemovedAgents();
  }

  #applyOne<K extends CommandKind>(command: Extract<Command, { kind: K }>): Outcome {
    // The table is keyed by kind, so the handler found under it takes this command.
    const handler = HANDLERS[command.kind] as unknown as (state: RegistryState, command: Command) => Outcome;
    return handler(this.#state, command);
  }

  #collectChanges(): void {
    const touched = this.#state.takeTouched();
    for (const text of touched.keys()) {
      const key = touched.get(text) as KeyOf;
      const keyBytes = encoder.encode(text);
      const value = this.#encodeValue(key);
      this.#digest = digestChange(this.#digest, keyBytes, value);
      // Deleted and set again keeps the last word; re-inserting keeps the order of last change.
      this.#changes.delete(text);
      this.#changes.set(text, [keyBytes, value]);
    }
  }

  #encodeValue(key: KeyOf): Uint8Array | null {
    const record = this.#recordOf(key);
    return record === undefined ? null : encodeMsgpack(record);
  }

  #recordOf(key: KeyOf): unknown[] | undefined {
    const state = this.#state;
    switch (key.kind) {
      case "cluster":
        return state.clusterId === undefined ? undefined : [state.clusterId];
      case "digest":
        return [this.#digest.high, this.#digest.low];
      case "framework":
        return encodeWith(writeFramework, state.frameworks.get(key.id));
      case "completed-framework":
        return encodeWith(writeFramework, state.completedFrameworks.get(key.id));
      case "agent":
        return encodeWith(writeAgent, state.agents.get(key.id));
      case "removed-agent":
        return encodeWith(writeRemovedAgent, state.removedAgents.get(key.id));
      case "task":
        return encodeWith(writeTask, state.task(key.frameworkId, key.taskId));
      case "completed-task":
        return encodeWith(writeTask, state.completedTasks.get(key.frameworkId)?.byNumber.get(key.number));
      case "operation":
        return encodeWith(writeOperation, state.operations.get(key.frameworkId, key.operationId));
      case "history-bounds":
        return writeHistoryBounds(state.historyBounds);
      case "maintenance":
        return state.maintenance.write();
      case "note": {
        const note = state.notes.get(key.id);
        return note === undefined ? undefined : [note.value, note.version];
      }
      case "note-version":
        return [state.notes.version];
      case "weight": {
        const weight = state.weights.get(key.id);
        return weight === undefined ? undefined : [weight];
      }
      case "quota":
        return encodeWith(writeQuota, state.quotas.get(key.id));
    }
  }

  #loadOne(key: string, value: Uint8Array): void {
    const decoded = decodeMsgpack(value);
    assert(decoded.ok, `Registry value under '${key}' must be msgpack`);
    const load = present(
      LOADERS[kindOfKey(key)],
      `Registry key '${key}' is of a kind unknown to this version`,
    );
    if (kindOfKey(key) === "digest") {
      const fields = new Fields(decoded.value, "digest");
      this.#digest = new Digest(fields.number(0), fields.number(1));
    }
    load(this.#state, decoded.value, key);
  }

  #sortRemovedAgents(): void {
    const { removedAgents } = this.#state;
    const agents = [...removedAgents.values()].sort((a, b) => a.number - b.number);
    removedAgents.clear();
    for (const agent of agents) removedAgents.set(agent.id, agent);
    this.#state.lastRemovalNumber = agents.at(-1)?.number ?? 0;
  }

  /** Keys come by id; the order of removal is what bounds them. */
  #sortCompletedFrameworks(): void {
    const frameworks = [...this.#state.completedFrameworks.values()];
    frameworks.sort((a, b) => (a.removedAtMs ?? 0) - (b.removedAtMs ?? 0) || (a.id < b.id ? -1 : 1));
    this.#state.completedFrameworks.clear();
    for (const framework of frameworks) this.#state.completedFrameworks.set(framework.id, framework);
  }
}

function encodeWith<R>(write: (record: R) => unknown[], record: R | undefined): unknown[] | undefined {
  return record === undefined ? undefined : write(record);
}
