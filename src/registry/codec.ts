/**
 * Commands as the bytes of a log entry: msgpack of `[format, command…]`, each
 * command `[tag, field…]` with its fields in fixed places. Fields are only
 * ever appended, so that entries of every released version decode.
 */
import { AssertionError, assert, present } from "../base/assert.ts";
import type { Quota } from "../model/quota.ts";
import { decodeMsgpack, encodeMsgpack } from "../wire/msgpack.ts";
import { readQuota, writeQuota } from "./apply-roles.ts";
import { COMMAND_TAGS, type Command, type CommandKind, type TrackedOperation } from "./commands.ts";
import { Fields } from "./fields.ts";
import { flatMachines, machinesOf } from "./maintenance.ts";
import { derivedRunId, isDerivedRunId } from "./run-ids.ts";

/** Format of an entry's outer array. */
const ENTRY_FORMAT = 1;

type Of<K extends CommandKind> = Extract<Command, { kind: K }>;

interface CommandCodec<K extends CommandKind> {
  write(command: Of<K>): unknown[];
  read(fields: Fields): Of<K>;
}

type AgentArrival = "add-agent" | "reregister-agent";

function writeAgent(c: Of<AgentArrival>): unknown[] {
  return [c.agentId, c.info, c.ip, c.version, c.capabilities, c.atMs];
}

function readAgent(f: Fields): Omit<Of<AgentArrival>, "kind"> {
  return {
    agentId: f.text(1),
    info: f.bytes(2),
    ip: f.text(3),
    version: f.text(4),
    capabilities: f.texts(5),
    atMs: f.number(6),
  };
}

function readFramework(f: Fields): { frameworkId: string; info: Uint8Array; atMs: number } {
  return { frameworkId: f.text(1), info: f.bytes(2), atMs: f.number(3) };
}

/** Field 0 is the tag. */
const CODECS: { readonly [K in CommandKind]: CommandCodec<K> } = {
  "init-cluster": {
    write: (c) => [c.clusterId, c.atMs],
    read: (f) => ({ kind: "init-cluster", clusterId: f.text(1), atMs: f.number(2) }),
  },
  "add-framework": {
    write: (c) => [c.frameworkId, c.info, c.atMs],
    read: (f) => ({ kind: "add-framework", ...readFramework(f) }),
  },
  "update-framework": {
    write: (c) => [c.frameworkId, c.info, c.atMs],
    read: (f) => ({ kind: "update-framework", ...readFramework(f) }),
  },
  "disconnect-framework": {
    write: (c) => [c.frameworkId, c.atMs],
    read: (f) => ({ kind: "disconnect-framework", frameworkId: f.text(1), atMs: f.number(2) }),
  },
  "remove-framework": {
    write: (c) => [c.frameworkId, c.atMs],
    read: (f) => ({ kind: "remove-framework", frameworkId: f.text(1), atMs: f.number(2) }),
  },
  "end-tasks": {
    write: (c) => [c.frameworkId, c.taskIds, c.atMs],
    read: (f) => ({ kind: "end-tasks", frameworkId: f.text(1), taskIds: f.texts(2), atMs: f.number(3) }),
  },
  "add-agent": { write: writeAgent, read: (f) => ({ kind: "add-agent", ...readAgent(f) }) },
  "reregister-agent": { write: writeAgent, read: (f) => ({ kind: "reregister-agent", ...readAgent(f) }) },
  "mark-agent-unreachable": {
    write: (c) => [c.agentId, c.atMs],
    read: (f) => ({ kind: "mark-agent-unreachable", agentId: f.text(1), atMs: f.number(2) }),
  },
  "remove-agent": {
    write: (c) => [c.agentId, c.atMs, c.remember ? 1 : 0],
    read: (f) => ({
      kind: "remove-agent",
      agentId: f.text(1),
      atMs: f.number(2),
      remember: f.optional(3, f.number) === 1,
    }),
  },
  "launch-tasks": {
    write: writeLaunch,
    read: (f) => ({ kind: "launch-tasks", ...readLaunch(f) }),
  },
  "launch-group": {
    write: writeLaunch,
    read: (f) => ({ kind: "launch-group", ...readLaunch(f) }),
  },
  "set-history-bounds": {
    write: ({ bounds }) => [bounds.completedFrameworks, bounds.completedTasksPerFramework],
    read: (f) => ({
      kind: "set-history-bounds",
      bounds: { completedFrameworks: f.number(1), completedTasksPerFramework: f.number(2) },
    }),
  },
  "update-task": {
    write: (c) => [
      c.frameworkId,
      c.taskId,
      c.agentId,
      c.state,
      c.latestState,
      c.uuid ?? null,
      c.status,
      c.runId ?? null,
    ],
    read: (f) => ({
      kind: "update-task",
      frameworkId: f.text(1),
      taskId: f.text(2),
      agentId: f.text(3),
      state: f.text(4),
      latestState: f.text(5),
      uuid: f.optional(6, f.bytes),
      status: f.bytes(7),
      runId: f.optional(8, f.text),
    }),
  },
  "complete-task": {
    write: (c) => [c.frameworkId, c.taskId, c.uuid, c.runId ?? null],
    read: (f) => ({
      kind: "complete-task",
      frameworkId: f.text(1),
      taskId: f.text(2),
      uuid: f.bytes(3),
      runId: f.optional(4, f.text),
    }),
  },
  "put-note": {
    write: (c) => [c.key, c.value, c.ifVersion ?? null],
    read: (f) => ({
      kind: "put-note",
      key: f.text(1),
      value: f.bytes(2),
      ifVersion: f.optional(3, f.number),
    }),
  },
  "delete-note": {
    write: (c) => [c.key, c.ifVersion ?? null],
    read: (f) => ({ kind: "delete-note", key: f.text(1), ifVersion: f.optional(2, f.number) }),
  },
  "apply-operations": {
    write: (c) => [
      c.changeId,
      c.frameworkId ?? null,
      c.agentId,
      c.consumed,
      c.converted,
      c.operations.map((o) => [o.operationId, o.info, o.status, o.statusUuid]),
      ...(c.requestId === undefined ? [] : [c.requestId]),
    ],
    read: (f) => ({
      kind: "apply-operations",
      changeId: f.text(1),
      frameworkId: f.optional(2, f.text),
      agentId: f.text(3),
      consumed: f.byteLists(4),
      converted: f.byteLists(5),
      operations: readOperations(f.list(6)),
      requestId: f.optional(7, f.text),
    }),
  },
  "acknowledge-operation": {
    write: (c) => [c.frameworkId, c.operationId, c.statusUuid],
    read: (f) => ({
      kind: "acknowledge-operation",
      frameworkId: f.text(1),
      operationId: f.text(2),
      statusUuid: f.bytes(3),
    }),
  },
  "mark-agent-gone": {
    write: (c) => [c.agentId, c.atMs],
    read: (f) => ({ kind: "mark-agent-gone", agentId: f.text(1), atMs: f.number(2) }),
  },
  "drain-agent": {
    write: (c) => [c.agentId, c.maxGraceMs ?? null, c.markGone ? 1 : 0, c.atMs],
    read: (f) => ({
      kind: "drain-agent",
      agentId: f.text(1),
      maxGraceMs: f.optional(2, f.number),
      markGone: f.number(3) === 1,
      atMs: f.number(4),
    }),
  },
  "agent-drained": {
    write: (c) => [c.agentId, c.atMs],
    read: (f) => ({ kind: "agent-drained", agentId: f.text(1), atMs: f.number(2) }),
  },
  "activate-agent": {
    write: (c) => [c.agentId, c.active ? 1 : 0, c.atMs],
    read: (f) => ({
      kind: "activate-agent",
      agentId: f.text(1),
      active: f.number(2) === 1,
      atMs: f.number(3),
    }),
  },
  "update-maintenance": {
    write: (c) => [c.schedule, c.atMs],
    read: (f) => ({ kind: "update-maintenance", schedule: f.bytes(1), atMs: f.number(2) }),
  },
  "start-maintenance": {
    write: (c) => [flatMachines(c.machines), c.atMs],
    read: (f) => ({ kind: "start-maintenance", machines: machinesOf(f.texts(1)), atMs: f.number(2) }),
  },
  "stop-maintenance": {
    write: (c) => [flatMachines(c.machines), c.atMs],
    read: (f) => ({ kind: "stop-maintenance", machines: machinesOf(f.texts(1)), atMs: f.number(2) }),
  },
  "forget-agents": {
    write: (c) => [c.agentIds],
    read: (f) => ({ kind: "forget-agents", agentIds: f.texts(1) }),
  },
  "update-weights": {
    write: (c) => [c.weights],
    read: (f) => ({ kind: "update-weights", weights: f.list(1).map(readWeight) }),
  },
  "update-quota": {
    write: (c) => [c.quotas.map(([role, quota]) => [role, writeQuota(quota)])],
    read: (f) => ({ kind: "update-quota", quotas: f.list(1).map(readRoleQuota) }),
  },
};

function readWeight(values: unknown): [role: string, weight: number] {
  const f = new Fields(values, "update-weights.weights");
  return [f.text(0), f.number(1)];
}

function readRoleQuota(values: unknown): [role: string, quota: Quota] {
  const f = new Fields(values, "update-quota.quotas");
  return [f.text(0), readQuota(f.list(1))];
}

type Launch = "launch-tasks" | "launch-group";

function writeLaunch(c: Of<Launch>): unknown[] {
  return [
    c.frameworkId,
    c.agentId,
    c.role,
    c.tasks.flatMap((t) => [t.taskId, t.info]),
    c.atMs,
    // Those of a log that has none are left out, as the versions of that time wrote it.
    c.tasks.every((t) => isDerivedRunId(t.runId)) ? null : c.tasks.map((t) => t.runId),
    ...(c.needs.length === 0 ? [] : [c.needs]),
  ];
}

function readLaunch(f: Fields): Omit<Of<Launch>, "kind"> {
  const frameworkId = f.text(1);
  const flat = new Fields(f.list(4), "launch-tasks.tasks");
  // The tasks lie flat in pairs, so what came later has a list of its own.
  const runIds = f.optional(6, f.texts);
  const tasks = [];
  for (let i = 0; i < flat.length; i += 2) {
    const taskId = flat.text(i);
    const runId = runIds === undefined ? derivedRunId(frameworkId, taskId) : runIds[i / 2];
    tasks.push({ taskId, info: flat.bytes(i + 1), runId: present(runId, "Each task must have a run id") });
  }
  return {
    frameworkId,
    agentId: f.text(2),
    role: f.text(3),
    tasks,
    atMs: f.number(5),
    needs: f.optional(7, f.byteLists) ?? [],
  };
}

function readOperations(values: readonly unknown[]): TrackedOperation[] {
  return values.map((value) => {
    const f = new Fields(value, "apply-operations.operations");
    return { operationId: f.text(0), info: f.bytes(1), status: f.bytes(2), statusUuid: f.bytes(3) };
  });
}

const KIND_OF_TAG = new Map<number, CommandKind>(
  Object.entries(COMMAND_TAGS).map(([kind, tag]) => [tag, kind as CommandKind]),
);

function writeCommand<K extends CommandKind>(command: Of<K>): unknown[] {
  // The table is keyed by kind, so the codec found under it takes this command.
  const codec = CODECS[command.kind] as unknown as CommandCodec<K>;
  const fields = codec.write(command);
  fields.unshift(COMMAND_TAGS[command.kind]);
  return fields;
}

/** The bytes of one log entry. */
export function encodeCommands(commands: readonly Command[]): Uint8Array {
  const entry: unknown[] = [ENTRY_FORMAT];
  for (const command of commands) entry.push(writeCommand(command));
  return encodeMsgpack(entry);
}

/** The commands of one log entry; asserts on bytes that {@link encodeCommands} did not make. */
export function decodeCommands(data: Uint8Array): Command[] {
  const decoded = decodeMsgpack(data);
  assert(decoded.ok, "Log entry must be msgpack");
  const outer = new Fields(decoded.value, "entry");
  const format = outer.number(0);
  if (format !== ENTRY_FORMAT) {
    throw new AssertionError(`Log entry has format ${format}, this version reads ${ENTRY_FORMAT}`);
  }
  const commands: Command[] = [];
  for (let i = 1; i < outer.length; i++) {
    const fields = new Fields(outer.list(i), "command");
    const tag = fields.number(0);
    const kind = KIND_OF_TAG.get(tag);
    if (kind === undefined) throw new AssertionError(`Command tag ${tag} is unknown to this version`);
    commands.push(CODECS[kind].read(fields));
  }
  return commands;
}
