/**
 * What the registry holds: a few hot fields beside the encoded cold value, so
 * that half a million tasks stay cheap for the collector (design.md section 5).
 * Records are changed only by applying commands.
 */
import type { Drain } from "../model/drain-info.ts";
import type { TaskState } from "../model/v1/tasks.ts";
import { Fields } from "./fields.ts";
import { derivedRunId, isDerivedRunId } from "./run-ids.ts";

export interface FrameworkRecord {
  readonly id: string;
  /** blob FrameworkInfo. */
  info: Uint8Array;
  /** Whether `info` has the PARTITION_AWARE capability. */
  partitionAware: boolean;
  readonly registeredAtMs: number;
  reregisteredAtMs: number | undefined;
  /** Set while no stream is open; the failover deadline runs from here. */
  disconnectedAtMs: number | undefined;
  /** Set on completed frameworks. */
  removedAtMs: number | undefined;
  /** Set once its removal began with the end of some of its tasks; it does not come back from there. */
  leavingAtMs: number | undefined;
}

export interface AgentRecord {
  readonly id: string;
  /** blob AgentInfo, with `id`. */
  info: Uint8Array;
  ip: string;
  version: string;
  capabilities: readonly string[];
  readonly registeredAtMs: number;
  reregisteredAtMs: number | undefined;
  /** Set while the agent counts as unreachable. */
  unreachableAtMs: number | undefined;
  /** blob Resource each: reservations and volumes made by operations, see agent-total.ts. */
  checkpointed: readonly Uint8Array[];
  /** Which making of a volume its directory holds: change id by `volumeKey` of src/model. */
  volumes: ReadonlyMap<string, string>;
  /** An operator stopped its offers; always so while it drains, and after. */
  deactivated: boolean;
  drain: Drain | undefined;
  /** Operators' names of the newest changes that had one, oldest first. */
  requests: readonly string[];
}

/** An operation that ended and whose framework has not acknowledged it. */
export interface OperationRecord {
  readonly frameworkId: string;
  readonly operationId: string;
  readonly agentId: string;
  /** As in TrackedOperation. */
  readonly info: Uint8Array;
  readonly status: Uint8Array;
  readonly statusUuid: Uint8Array;
}

/** An agent that left for good. */
export interface RemovedAgentRecord {
  readonly id: string;
  readonly atMs: number;
  /** Grows with each removal: the order in which they are forgotten. */
  readonly number: number;
  /** An operator marked it gone. */
  readonly gone: boolean;
}

export interface TaskRecord {
  readonly taskId: string;
  readonly frameworkId: string;
  readonly agentId: string;
  readonly role: string;
  /** blob TaskInfo, resources allocated to `role`. */
  readonly info: Uint8Array;
  readonly launchedAtMs: number;
  /** Latest state known, possibly ahead of what the framework has seen. */
  state: TaskState;
  /** State before the agent was marked unreachable; restored when it returns. */
  stateBeforeUnreachable: TaskState | undefined;
  /** State and uuid of the last update taken from the agent. */
  updateState: TaskState | undefined;
  updateUuid: Uint8Array | undefined;
  /** blob TaskStatus each, oldest first; which are kept says task-statuses.ts. */
  statuses: readonly Uint8Array[];
  /** State of the last of `statuses`. */
  lastStatusState: TaskState | undefined;
  /** Names this run of the task id, see run-ids.ts. */
  readonly runId: string;
}

/** Positional form on disk; fields are only ever appended. */
export function writeFramework(r: FrameworkRecord): unknown[] {
  const fields = [
    r.id,
    r.info,
    r.partitionAware ? 1 : 0,
    r.registeredAtMs,
    r.reregisteredAtMs ?? null,
    r.disconnectedAtMs ?? null,
    r.removedAtMs ?? null,
  ];
  // Left out where it is not set: such a record keeps the bytes of versions without it.
  return r.leavingAtMs === undefined ? fields : [...fields, r.leavingAtMs];
}

export function readFramework(values: unknown): FrameworkRecord {
  const f = new Fields(values, "framework record");
  return {
    id: f.text(0),
    info: f.bytes(1),
    partitionAware: f.number(2) === 1,
    registeredAtMs: f.number(3),
    reregisteredAtMs: f.optional(4, f.number),
    disconnectedAtMs: f.optional(5, f.number),
    removedAtMs: f.optional(6, f.number),
    leavingAtMs: f.optional(7, f.number),
  };
}

export function writeAgent(r: AgentRecord): unknown[] {
  const fields = [
    r.id,
    r.info,
    r.ip,
    r.version,
    r.capabilities,
    r.registeredAtMs,
    r.reregisteredAtMs ?? null,
    r.unreachableAtMs ?? null,
  ];
  // Left out when there are none: such a record keeps the bytes of versions without operations.
  const asked = r.requests.length > 0;
  const marked = r.deactivated || r.drain !== undefined || asked;
  if (r.checkpointed.length === 0 && !marked) return fields;
  const withVolumes = [...fields, r.checkpointed, [...r.volumes].flat()];
  if (!marked) return withVolumes;
  const withMarks = [...withVolumes, r.deactivated ? 1 : 0, writeDrain(r.drain)];
  return asked ? [...withMarks, r.requests] : withMarks;
}

function writeDrain(drain: Drain | undefined): unknown[] | null {
  if (drain === undefined) return null;
  return [drain.drained ? 1 : 0, drain.maxGraceMs ?? null, drain.markGone ? 1 : 0, drain.startedAtMs];
}

function readDrain(values: unknown): Drain {
  const f = new Fields(values, "agent drain");
  return {
    drained: f.number(0) === 1,
    maxGraceMs: f.optional(1, f.number),
    markGone: f.number(2) === 1,
    startedAtMs: f.number(3),
  };
}

export function readAgent(values: unknown): AgentRecord {
  const f = new Fields(values, "agent record");
  return {
    id: f.text(0),
    info: f.bytes(1),
    ip: f.text(2),
    version: f.text(3),
    capabilities: f.texts(4),
    registeredAtMs: f.number(5),
    reregisteredAtMs: f.optional(6, f.number),
    unreachableAtMs: f.optional(7, f.number),
    checkpointed: f.optional(8, f.byteLists) ?? [],
    volumes: pairs(f.optional(9, f.texts) ?? []),
    deactivated: f.optional(10, f.number) === 1,
    drain: f.optional(11, (i) => readDrain(f.list(i))),
    requests: f.optional(12, f.texts) ?? [],
  };
}

function pairs(flat: readonly string[]): Map<string, string> {
  const map = new Map<string, string>();
  for (let i = 0; i + 1 < flat.length; i += 2) map.set(flat[i] ?? "", flat[i + 1] ?? "");
  return map;
}

export function writeOperation(r: OperationRecord): unknown[] {
  return [r.frameworkId, r.operationId, r.agentId, r.info, r.status, r.statusUuid];
}

export function readOperation(values: unknown): OperationRecord {
  const f = new Fields(values, "operation record");
  return {
    frameworkId: f.text(0),
    operationId: f.text(1),
    agentId: f.text(2),
    info: f.bytes(3),
    status: f.bytes(4),
    statusUuid: f.bytes(5),
  };
}

export function writeRemovedAgent(r: RemovedAgentRecord): unknown[] {
  const fields = [r.id, r.atMs, r.number];
  return r.gone ? [...fields, 1] : fields;
}

export function readRemovedAgent(values: unknown): RemovedAgentRecord {
  const f = new Fields(values, "removed agent record");
  return { id: f.text(0), atMs: f.number(1), number: f.number(2), gone: f.optional(3, f.number) === 1 };
}

export function writeTask(r: TaskRecord): unknown[] {
  const fields = [
    r.taskId,
    r.frameworkId,
    r.agentId,
    r.role,
    r.info,
    r.launchedAtMs,
    r.state,
    r.stateBeforeUnreachable ?? null,
    r.updateState ?? null,
    r.updateUuid ?? null,
    r.statuses,
    r.lastStatusState ?? null,
  ];
  // A derived one is left out: such a record keeps the bytes, and the digest, of the version that made it.
  return isDerivedRunId(r.runId) ? fields : [...fields, r.runId];
}

export function readTask(values: unknown): TaskRecord {
  const f = new Fields(values, "task record");
  return {
    taskId: f.text(0),
    frameworkId: f.text(1),
    agentId: f.text(2),
    role: f.text(3),
    info: f.bytes(4),
    launchedAtMs: f.number(5),
    state: taskState(f.text(6)),
    stateBeforeUnreachable: f.optional(7, (i) => taskState(f.text(i))),
    updateState: f.optional(8, (i) => taskState(f.text(i))),
    updateUuid: f.optional(9, f.bytes),
    statuses: f.byteLists(10),
    lastStatusState: f.optional(11, (i) => taskState(f.text(i))),
    runId: f.optional(12, f.text) ?? derivedRunId(f.text(1), f.text(0)),
  };
}

/** Task states come from this program's own encoders; the cast is the decoder's only trust. */
function taskState(text: string): TaskState {
  return text as TaskState;
}
