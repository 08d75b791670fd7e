/**
 * What to do with each task that the checkpoint remembers, after an agent
 * restart (design.md, "An agent restarts"). Pure: the pump reads the records
 * and asks the runtime, this file decides, restore.ts carries it out.
 *
 * | recorded state | container     | same boot | action   |
 * |----------------|---------------|-----------|----------|
 * | terminal       | any           | any       | settle   |
 * | other          | ended         | any       | ended    |
 * | other          | any other     | no        | rebooted |
 * | other          | running       | yes       | reattach |
 * | other          | gone          | yes       | gone     |
 * | TASK_STAGING   | never-started | yes       | launch   |
 * | other          | never-started | yes       | gone     |
 *
 * The same holds for executors, with "subscribed" for "other than TASK_STAGING"; what becomes of one
 * decides over its tasks that have not ended.
 */
import { MeshError } from "../base/errors.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { Exit } from "../isolation/container.ts";
import type { ContainerState, Launched } from "../isolation/runtime.ts";
import { parentContainer } from "../model/container-id.ts";
import { isTerminalState } from "../model/task-state.ts";
import {
  AGENT_KEY,
  type CheckpointEntry,
  EXECUTOR_PREFIX,
  FRAMEWORK_PREFIX,
  NESTED_PREFIX,
  STREAM_PREFIX,
  TASK_PREFIX,
  VOLUMES_KEY,
} from "./checkpoint.ts";
import { foundNested, type Nested } from "./nested.ts";
import {
  type AgentRecord,
  decodeAgentRecord,
  decodeExecutorRecord,
  decodeFrameworkRecord,
  decodeNestedRecord,
  decodeStreamRecord,
  decodeTaskRecord,
  decodeVolumesRecord,
  type ExecutorRecord,
  type NestedRecord,
  type StreamRecord,
  type TaskRecord,
  type VolumeRecord,
} from "./records.ts";
import { recordKey, taskKey } from "./task.ts";

export interface RecordedTask {
  readonly task: TaskRecord;
  readonly stream: StreamRecord;
}

/** The whole checkpoint as values. */
export interface Recorded {
  /** Undefined on a fresh work directory. */
  readonly agent: AgentRecord | undefined;
  /** blob FrameworkInfo by framework id. */
  readonly frameworks: ReadonlyMap<string, Uint8Array>;
  readonly tasks: readonly RecordedTask[];
  readonly executors: readonly ExecutorRecord[];
  readonly nested: readonly NestedRecord[];
  readonly volumes: readonly VolumeRecord[];
}

/** Containers to ask the runtime for, each once. */
export function recordedContainers({ tasks, executors, nested }: Recorded): string[] {
  const ids = [...tasks.map(({ task }) => task.containerId), ...executors.map((one) => one.containerId)];
  return [...new Set([...ids, ...nested.map(({ spec }) => spec.containerId)])];
}

/** One task of the plan. */
export interface RecoveredTask extends RecordedTask {
  readonly action: RecoveryAction;
}

export type RecoveryAction =
  /** It still runs: watch it again. */
  | { readonly kind: "reattach"; readonly launched: Launched }
  /** It ended and how is known: the terminal update follows from the exit. */
  | { readonly kind: "ended"; readonly exit: Exit }
  /** It ended and nothing recorded how. */
  | { readonly kind: "gone" }
  /** The machine was started anew: nothing of it can live. */
  | { readonly kind: "rebooted" }
  /** It was checkpointed and never started: launch it now. */
  | { readonly kind: "launch" }
  /** Its terminal update is recorded and only waits for its acknowledgement. */
  | { readonly kind: "settle" }
  /** It goes the way of its executor. */
  | { readonly kind: "executor" };

/** One executor of the plan. */
export interface RecoveredExecutor {
  readonly executor: ExecutorRecord;
  readonly action: ContainerAction;
}

/** A nested container of the plan. */
export interface RecoveredNested {
  readonly containerId: string;
  /** Undefined: nothing of it is to be kept. */
  readonly nested: Nested | undefined;
}

export type ContainerAction = Exclude<RecoveryAction, { kind: "settle" | "executor" }>;

export interface RecoveryPlan {
  readonly agent: AgentRecord | undefined;
  readonly frameworks: ReadonlyMap<string, Uint8Array>;
  readonly tasks: readonly RecoveredTask[];
  readonly executors: readonly RecoveredExecutor[];
  /** Parents before what is in them. */
  readonly nested: readonly RecoveredNested[];
  readonly volumes: readonly VolumeRecord[];
  /** Containers that must end because no live task owns them. */
  readonly orphans: readonly string[];
  /** Ended containers of settled tasks, whose runtime records are no longer needed. */
  readonly cleanups: readonly string[];
}

/** The way out of a checkpoint that cannot be read. */
export function checkpointDamaged(workDir: string, error: string): MeshError {
  const wayOut = `start with --no-strict to leave out what is broken, or delete "${workDir}/meta" to start as a new agent`;
  const message = `Cannot read the checkpoint in "${workDir}/meta": ${error}; ${wayOut}; tasks that are lost are ended`;
  return new MeshError("CHECKPOINT_DAMAGED", message);
}

/** A record that cannot be used as it is. */
export interface DamagedRecord {
  readonly key: string;
  readonly reason: string;
}

/** Decodes the checkpoint. The error names the record and what is wrong with it. */
export function readCheckpoint(entries: readonly CheckpointEntry[]): Result<Recorded> {
  const read = readRecords(entries);
  return read.ok ? read : fail(`record "${read.error.key}": ${read.error.reason}`);
}

/** The error is the first record that cannot be used. */
export function readRecords(entries: readonly CheckpointEntry[]): Result<Recorded, DamagedRecord> {
  let agent: AgentRecord | undefined;
  const frameworks = new Map<string, Uint8Array>();
  const tasks: TaskRecord[] = [];
  const executors: ExecutorRecord[] = [];
  const nested: NestedRecord[] = [];
  const streams = new Map<string, StreamRecord>();
  let volumes: readonly VolumeRecord[] = [];
  for (const { key, value } of entries) {
    const error = readEntry(key, value);
    if (error !== undefined) return fail({ key, reason: error });
  }
  for (const { frameworkId, executorId } of executors) {
    if (frameworks.has(frameworkId)) continue;
    const key = `${EXECUTOR_PREFIX}${frameworkId}/${executorId}`;
    return fail({ key, reason: "its framework record is missing" });
  }
  const recorded: RecordedTask[] = [];
  // One batch forgets a run and holds the next, so two of one task id mean damage.
  const held = new Set<string>();
  for (const task of tasks) {
    const [stream, key] = [streams.get(recordKey(task)), TASK_PREFIX + recordKey(task)];
    if (stream === undefined) return fail({ key, reason: "its stream record is missing" });
    if (!frameworks.has(task.frameworkId)) return fail({ key, reason: "its framework record is missing" });
    const id = taskKey(task.frameworkId, task.taskId);
    if (held.has(id)) return fail({ key, reason: "another run of the task is recorded too" });
    held.add(id);
    recorded.push({ task, stream });
  }
  return ok({ agent, frameworks, tasks: recorded, executors, nested, volumes });

  function readEntry(key: string, value: Uint8Array): string | undefined {
    const keep = <T>(decoded: Result<T>, store: (value: T) => void): string | undefined => {
      if (!decoded.ok) return decoded.error;
      store(decoded.value);
      return undefined;
    };
    if (key === AGENT_KEY) {
      return keep(decodeAgentRecord(value), (record) => {
        agent = record;
      });
    }
    if (key === VOLUMES_KEY) {
      return keep(decodeVolumesRecord(value), (record) => {
        volumes = record;
      });
    }
    if (key.startsWith(FRAMEWORK_PREFIX)) {
      const id = key.slice(FRAMEWORK_PREFIX.length);
      return keep(decodeFrameworkRecord(value), (info) => frameworks.set(id, info));
    }
    if (key.startsWith(TASK_PREFIX)) return keep(decodeTaskRecord(value), (task) => tasks.push(task));
    if (key.startsWith(EXECUTOR_PREFIX)) {
      return keep(decodeExecutorRecord(value), (executor) => executors.push(executor));
    }
    if (key.startsWith(NESTED_PREFIX)) return keep(decodeNestedRecord(value), (one) => nested.push(one));
    if (key.startsWith(STREAM_PREFIX)) {
      const id = key.slice(STREAM_PREFIX.length);
      return keep(decodeStreamRecord(value), (stream) => streams.set(id, stream));
    }
    return "no record of this kind is known";
  }
}

/**
 * @param containers what the runtime found for each of {@link recordedContainers}
 * @param orphans containers that the runtime found beside them
 */
export function planRecovery(
  bootId: string,
  recorded: Recorded,
  containers: ReadonlyMap<string, ContainerState>,
  orphans: readonly string[],
): RecoveryPlan {
  const sameBoot = recorded.agent === undefined || recorded.agent.bootId === bootId;
  const tasks: RecoveredTask[] = [];
  const ended = new Set<string>();
  const cleanups = new Set<string>();
  /** Of tasks that have not ended, as far as is recorded. */
  const pods = new Set<string | undefined>();
  const stateOf = (containerId: string): ContainerState =>
    containers.get(containerId) ?? { state: "never-started" };
  const shared = new Set(recorded.executors.map((executor) => executor.containerId));
  for (const { task, stream } of recorded.tasks) {
    const container = stateOf(task.containerId);
    const isShared = shared.has(task.containerId);
    const own = recoveryAction(stream, container, sameBoot);
    const action: RecoveryAction = isShared && own.kind !== "settle" ? { kind: "executor" } : own;
    tasks.push({ task, stream, action });
    if (action.kind !== "settle") pods.add(parentContainer(task.containerId));
    if (action.kind !== "settle" || isShared) continue;
    if (sameBoot && container.state === "running") ended.add(task.containerId);
    else if (container.state !== "never-started") cleanups.add(task.containerId);
  }
  const executors = recorded.executors.map((executor) => {
    const action = containerAction(executor.subscribed, stateOf(executor.containerId), sameBoot);
    return { executor, action };
  });
  const nested = recorded.nested
    .map((record) => ({
      containerId: record.spec.containerId,
      nested: foundNested(record, stateOf(record.spec.containerId), sameBoot),
    }))
    .sort((a, b) => a.containerId.length - b.containerId.length);
  const { agent, frameworks, volumes } = recorded;
  const ownerless = new Set([...orphans.filter((id) => !pods.has(id)), ...ended]);
  const ends = { orphans: [...ownerless], cleanups: [...cleanups] };
  return { agent, frameworks, tasks, executors, nested, volumes, ...ends };
}

/** The table at the top of this file. */
export function recoveryAction(
  stream: StreamRecord,
  container: ContainerState,
  sameBoot: boolean,
): RecoveryAction {
  if (isTerminalState(stream.state)) return { kind: "settle" };
  return containerAction(stream.state !== "TASK_STAGING", container, sameBoot);
}

function containerAction(started: boolean, container: ContainerState, sameBoot: boolean): ContainerAction {
  if (container.state === "ended") return { kind: "ended", exit: container.exit };
  if (!sameBoot) return { kind: "rebooted" };
  switch (container.state) {
    case "running":
      return { kind: "reattach", launched: container.launched };
    case "gone":
      return { kind: "gone" };
    case "never-started":
      return started ? { kind: "gone" } : { kind: "launch" };
  }
}
