/**
 * The records of the checkpoint as values, and their bytes: msgpack maps whose
 * key names never change their meaning. See checkpoint.ts for the keys.
 */
import { fail, ok, type Result } from "../base/result.ts";
import { UUID_BYTES } from "../base/uuid.ts";
import type { ContainerSpec } from "../isolation/container.ts";
import type { VolumeEntry } from "../model/agent-protocol.ts";
import type { TaskState } from "../model/v1/tasks.ts";
import { decodeMsgpack, encodeMsgpack } from "../wire/msgpack.ts";

/** Version written into every record; a higher one is refused at reading. */
export const RECORD_VERSION = 1;

export interface AgentRecord {
  /** Undefined until a master registered the agent. */
  readonly agentId: string | undefined;
  /** Highest term seen: messages of a lower one are ignored (design.md 2.5). */
  readonly term: number;
  /** Boot during which the record was written. */
  readonly bootId: string;
  /** blob AgentInfo that the agent last came with, without id; undefined in records of older versions. */
  readonly info?: Uint8Array | undefined;
}

export interface TaskRecord {
  readonly frameworkId: string;
  readonly taskId: string;
  readonly containerId: string;
  /** blob TaskInfo. */
  readonly info: Uint8Array;
  /** The run as the master names it; undefined in records of older versions. */
  readonly runId: string | undefined;
  /** Equal for the tasks of one group; absent for a task that was launched by itself. */
  readonly group?: string | undefined;
}

/** A program of a framework that runs tasks, from before its launch until its container has ended. */
export interface ExecutorRecord {
  readonly frameworkId: string;
  readonly executorId: string;
  readonly containerId: string;
  /** blob ExecutorInfo. */
  readonly info: Uint8Array;
  /** It subscribed once: tasks may have been sent to it. */
  readonly subscribed: boolean;
}

/** A container inside another, from before its launch until it is removed or its parent ends. */
export interface NestedRecord {
  readonly spec: ContainerSpec;
}

/** An update that the framework has not acknowledged. */
export interface PendingUpdate {
  /** 16 raw bytes. */
  readonly uuid: Uint8Array;
  readonly state: TaskState;
  /** blob TaskStatus. */
  readonly status: Uint8Array;
}

/**
 * Why the agent itself ends a task: it decides the terminal state. Draining is a kill by an operator;
 * with `drain-gone` the agent will be marked gone.
 */
export const ENDINGS = ["kill", "max-completion-time", "drain", "drain-gone"] as const;
export type Ending = (typeof ENDINGS)[number];

export interface StreamRecord {
  /** Latest state, acknowledged or not; TASK_STAGING before the first update. */
  readonly state: TaskState;
  /** Set once the agent began to end the task; holds across an agent restart. */
  readonly ending: Ending | undefined;
  /** Wall time of the start in milliseconds since the epoch; the maximum completion time counts from it. */
  readonly startedAtMs: number | undefined;
  /** In the order they were made; the first is in flight. */
  readonly pending: readonly PendingUpdate[];
  /** What the framework was told of the task's checks; absent for tasks without. */
  readonly checks?: ToldChecks;
  /** The ending is one because the task was not healthy. */
  readonly endedAsUnhealthy?: boolean;
  /** Ids of the executor's newest updates, oldest first; only of a task that has an executor. */
  readonly received?: readonly Uint8Array[];
  /** From SIGTERM to SIGKILL, of a kill that named it. */
  readonly endingGraceMs?: number;
}

export interface ToldChecks {
  readonly healthy: boolean | undefined;
  /** In a row. */
  readonly failures: number;
  /** blob CheckStatusInfo. */
  readonly status: Uint8Array | undefined;
}

/** A persistent volume whose data may be on disk. */
export interface VolumeRecord extends VolumeEntry {
  /** As in UpdateVolumes. */
  readonly registration: number;
}

export function encodeVolumesRecord(volumes: readonly VolumeRecord[]): Uint8Array {
  const rows = volumes.map((v) => [
    v.role,
    v.persistenceId,
    v.root ?? null,
    v.making,
    v.registration,
    v.wholeDisk === true,
  ]);
  return encodeMsgpack({ v: RECORD_VERSION, volumes: rows });
}

export function decodeVolumesRecord(bytes: Uint8Array): Result<readonly VolumeRecord[]> {
  return decodeRecord(bytes, ({ volumes }) => {
    if (!Array.isArray(volumes)) return undefined;
    const records = (volumes as readonly unknown[]).map(volumeRecord);
    return records.every((record) => record !== undefined) ? records : undefined;
  });
}

function volumeRecord(item: unknown): VolumeRecord | undefined {
  if (!Array.isArray(item)) return undefined;
  // Agents before MOUNT disks wrote no `wholeDisk`.
  const [role, persistenceId, root, making, registration, wholeDisk = false] = item as readonly unknown[];
  if (typeof role !== "string" || typeof persistenceId !== "string" || typeof making !== "string")
    return undefined;
  if (root !== null && typeof root !== "string") return undefined;
  if (typeof registration !== "number") return undefined;
  if (typeof wholeDisk !== "boolean") return undefined;
  const place = { root: root ?? undefined, ...(wholeDisk && { wholeDisk }) };
  return { role, persistenceId, ...place, making, registration };
}

export function encodeAgentRecord(record: AgentRecord): Uint8Array {
  return encodeMsgpack({
    v: RECORD_VERSION,
    agentId: record.agentId,
    term: record.term,
    bootId: record.bootId,
    info: record.info,
  });
}

export function encodeFrameworkRecord(info: Uint8Array): Uint8Array {
  return encodeMsgpack({ v: RECORD_VERSION, info });
}

export function encodeTaskRecord(record: TaskRecord): Uint8Array {
  return encodeMsgpack({
    v: RECORD_VERSION,
    frameworkId: record.frameworkId,
    taskId: record.taskId,
    containerId: record.containerId,
    info: record.info,
    runId: record.runId,
    ...(record.group === undefined ? {} : { group: record.group }),
  });
}

export function encodeStreamRecord(record: StreamRecord): Uint8Array {
  return encodeMsgpack({
    v: RECORD_VERSION,
    state: record.state,
    ending: record.ending,
    startedAtMs: record.startedAtMs,
    pending: record.pending.map((update) => [update.uuid, update.state, update.status]),
    ...(record.checks === undefined
      ? {}
      : { checks: [record.checks.healthy ?? null, record.checks.failures, record.checks.status ?? null] }),
    ...(record.endedAsUnhealthy === true ? { endedAsUnhealthy: true } : {}),
    ...(record.received === undefined ? {} : { received: record.received }),
    ...(record.endingGraceMs === undefined ? {} : { endingGraceMs: record.endingGraceMs }),
  });
}

export function encodeExecutorRecord(record: ExecutorRecord): Uint8Array {
  return encodeMsgpack({
    v: RECORD_VERSION,
    frameworkId: record.frameworkId,
    executorId: record.executorId,
    containerId: record.containerId,
    info: record.info,
    subscribed: record.subscribed,
  });
}

export function encodeNestedRecord({ spec }: NestedRecord): Uint8Array {
  // As text: a spec is data that may gain fields.
  return encodeMsgpack({ v: RECORD_VERSION, spec: JSON.stringify(spec) });
}

export function decodeNestedRecord(bytes: Uint8Array): Result<NestedRecord> {
  return decodeRecord(bytes, ({ spec }) => {
    const read: unknown = typeof spec === "string" ? JSON.parse(spec) : undefined;
    return isSpec(read) ? { spec: read } : undefined;
  });
}

/** What the records of this and older versions hold is what they wrote. */
function isSpec(value: unknown): value is ContainerSpec {
  return typeof value === "object" && value !== null && "containerId" in value && "sandbox" in value;
}

export function decodeExecutorRecord(bytes: Uint8Array): Result<ExecutorRecord> {
  return decodeRecord(bytes, (fields) => {
    const { frameworkId, executorId, containerId, info, subscribed } = fields;
    if (typeof frameworkId !== "string" || typeof executorId !== "string") return undefined;
    if (typeof containerId !== "string" || !(info instanceof Uint8Array)) return undefined;
    if (typeof subscribed !== "boolean") return undefined;
    return { frameworkId, executorId, containerId, info, subscribed };
  });
}

export function decodeAgentRecord(bytes: Uint8Array): Result<AgentRecord> {
  return decodeRecord(bytes, (fields) => {
    const { agentId, term, bootId, info } = fields;
    if (info !== undefined && !(info instanceof Uint8Array)) return undefined;
    if (agentId !== undefined && typeof agentId !== "string") return undefined;
    if (typeof term !== "number" || typeof bootId !== "string") return undefined;
    return { agentId, term, bootId, info };
  });
}

/** The blob FrameworkInfo. */
export function decodeFrameworkRecord(bytes: Uint8Array): Result<Uint8Array> {
  return decodeRecord(bytes, ({ info }) => (info instanceof Uint8Array ? info : undefined));
}

export function decodeTaskRecord(bytes: Uint8Array): Result<TaskRecord> {
  return decodeRecord(bytes, (fields) => {
    const { frameworkId, taskId, containerId, info, runId, group } = fields;
    if (typeof frameworkId !== "string" || typeof taskId !== "string") return undefined;
    if (typeof containerId !== "string" || !(info instanceof Uint8Array)) return undefined;
    if (runId !== undefined && typeof runId !== "string") return undefined;
    if (group !== undefined && typeof group !== "string") return undefined;
    const record = { frameworkId, taskId, containerId, info, runId };
    return group === undefined ? record : { ...record, group };
  });
}

export function decodeStreamRecord(bytes: Uint8Array): Result<StreamRecord> {
  return decodeRecord(bytes, (fields) => {
    const { state, ending, startedAtMs, pending, received } = fields;
    if (typeof state !== "string" || !Array.isArray(pending)) return undefined;
    if (ending !== undefined && !isEnding(ending)) return undefined;
    if (startedAtMs !== undefined && typeof startedAtMs !== "number") return undefined;
    const updates: PendingUpdate[] = [];
    for (const item of pending as readonly unknown[]) {
      const update = pendingUpdate(item);
      if (update === undefined) return undefined;
      updates.push(update);
    }
    const stream = { state: state as TaskState, ending, startedAtMs, pending: updates };
    const ended = fields["endedAsUnhealthy"] === true ? { endedAsUnhealthy: true } : {};
    if (received !== undefined && !(Array.isArray(received) && received.every(isUuid))) return undefined;
    const { endingGraceMs } = fields;
    const grace = typeof endingGraceMs === "number" ? { endingGraceMs } : {};
    const own = { ...stream, ...ended, ...grace, ...(received === undefined ? {} : { received }) };
    // Agents before health checks wrote none, and tasks without have none.
    if (fields["checks"] === undefined) return own;
    const checks = toldChecks(fields["checks"]);
    return checks === undefined ? undefined : { ...own, checks };
  });
}

function isUuid(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === UUID_BYTES;
}

function isEnding(value: unknown): value is Ending {
  return (ENDINGS as readonly unknown[]).includes(value);
}

function toldChecks(item: unknown): ToldChecks | undefined {
  if (!Array.isArray(item)) return undefined;
  const [healthy, failures, status] = item as readonly unknown[];
  if (healthy !== null && typeof healthy !== "boolean") return undefined;
  if (typeof failures !== "number") return undefined;
  if (status !== null && !(status instanceof Uint8Array)) return undefined;
  return { healthy: healthy ?? undefined, failures, status: status ?? undefined };
}

function pendingUpdate(item: unknown): PendingUpdate | undefined {
  if (!Array.isArray(item)) return undefined;
  const [uuid, state, status] = item as readonly unknown[];
  if (!isUuid(uuid)) return undefined;
  if (typeof state !== "string" || !(status instanceof Uint8Array)) return undefined;
  return { uuid, state: state as TaskState, status };
}

type Fields = Readonly<Record<string, unknown>>;

function decodeRecord<T>(bytes: Uint8Array, read: (fields: Fields) => T | undefined): Result<T> {
  const decoded = decodeMsgpack(bytes);
  if (!decoded.ok) return decoded;
  const fields = decoded.value;
  if (typeof fields !== "object" || fields === null) return fail("the record is not a map");
  const version = (fields as Fields)["v"];
  if (typeof version !== "number") return fail("the record has no version");
  if (version > RECORD_VERSION) {
    return fail(`the record has version ${version}; this program reads up to ${RECORD_VERSION}`);
  }
  const value = read(fields as Fields);
  return value === undefined ? fail("a field of the record is missing or has the wrong type") : ok(value);
}
