/**
 * Messages of agents, read from bytes. What an agent says ends up in the
 * replicated log, where a value of the wrong type would end every master that
 * applies it; so nothing of it is believed.
 */
import { ID_MAX_CHARS } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type {
  AgentExecutorReport,
  AgentTaskReport,
  AgentToMaster,
  RegisterAgent,
  StatusUpdate,
} from "../model/agent-protocol.ts";
import { Resources } from "../model/resources.ts";
import { isTaskState } from "../model/task-state.ts";
import { checkIdText } from "../model/validate-ids.ts";
import { readBlob } from "../wire/blob-check.ts";
import { decodeMsgpack } from "../wire/msgpack.ts";

const UUID_BYTES = 16;
const CAPABILITIES_MAX = 100;

type Values = Readonly<Record<string, unknown>>;

/** The message; undefined for one of a kind that only later versions know. The error names the field. */
export function decodeAgentMessage(bytes: Uint8Array): Result<AgentToMaster | undefined> {
  const decoded = decodeMsgpack(bytes);
  if (!decoded.ok) return decoded;
  if (!isObject(decoded.value)) return fail("a message must be a map");
  const { kind } = decoded.value;
  if (typeof kind !== "string") return fail(`'kind' must be text, got ${typeof kind}`);
  if (!Object.hasOwn(READERS, kind)) return ok(undefined);
  try {
    return ok(READERS[kind as AgentToMaster["kind"]](decoded.value));
  } catch (error) {
    if (error instanceof Refusal) return fail(`${kind}: ${error.message}`);
    throw error;
  }
}

/** What does not fit; thrown and caught in this file only. */
class Refusal extends Error {
  override readonly name = "Refusal";
}

const READERS: {
  readonly [K in AgentToMaster["kind"]]: (values: Values) => Extract<AgentToMaster, { kind: K }>;
} = {
  "register-agent": readRegistration,
  "status-update": readUpdate,
  pong: (v) => ({ kind: "pong", nonce: take(v, "nonce", isNumber) }),
  "unregister-agent": () => ({ kind: "unregister-agent" }),
  "executor-message": (v) => ({
    kind: "executor-message",
    ...executorNames(v),
    data: take(v, "data", isBytes),
  }),
  "executor-exited": (v) => ({
    kind: "executor-exited",
    ...executorNames(v),
    status: take(v, "status", isInt32),
  }),
};

function readRegistration(v: Values): RegisterAgent {
  const info = take(v, "info", isBytes);
  readWhole("AgentInfo", info);
  const capabilities = take(v, "capabilities", isList);
  if (capabilities.length > CAPABILITIES_MAX || !capabilities.every(isShortText)) {
    throw new Refusal(`'capabilities' must be at most ${CAPABILITIES_MAX} short texts`);
  }
  return {
    kind: "register-agent",
    agentId: optional(v, "agentId", isId),
    info,
    ip: take(v, "ip", isShortText),
    version: take(v, "version", isShortText),
    capabilities,
    tasks: take(v, "tasks", isList).map(readReport),
    ...(v["hasVolumes"] === true ? { hasVolumes: true } : {}),
    ...(v["executors"] === undefined ? {} : { executors: take(v, "executors", isList).map(readExecutor) }),
  };
}

function readReport(report: unknown): AgentTaskReport {
  if (!isObject(report)) throw new Refusal("'tasks' must hold maps");
  return {
    frameworkId: take(report, "frameworkId", isId),
    taskId: take(report, "taskId", isId),
    containerId: optional(report, "containerId", isShortText),
    state: take(report, "state", isState),
    settled: take(report, "settled", isBoolean),
    runId: optional(report, "runId", isShortText),
  };
}

function executorNames(v: Values): Pick<AgentExecutorReport, "frameworkId" | "executorId"> {
  return { frameworkId: take(v, "frameworkId", isId), executorId: take(v, "executorId", isId) };
}

function readExecutor(report: unknown): AgentExecutorReport {
  if (!isObject(report)) throw new Refusal("'executors' must hold maps");
  const names = executorNames(report);
  const info = take(report, "info", isBytes);
  const { executor_id, resources = [] } = readWhole("ExecutorInfo", info);
  if (executor_id.value !== names.executorId) throw new Refusal("'info' is of another executor");
  const parsed = Resources.from(resources);
  if (!parsed.ok) throw new Refusal(`'info' has invalid resources: ${parsed.error}`);
  return { ...names, info };
}

function readUpdate(v: Values): StatusUpdate {
  const status = take(v, "status", isBytes);
  const taskId = take(v, "taskId", isId);
  const state = take(v, "state", isState);
  const told = readWhole("TaskStatus", status);
  if (told.task_id.value !== taskId) throw new Refusal("'status' is of another task");
  if (told.state !== state) throw new Refusal(`'status' tells ${told.state}, the update ${state}`);
  return {
    kind: "status-update",
    frameworkId: take(v, "frameworkId", isId),
    taskId,
    uuid: take(v, "uuid", isUuid),
    state,
    latestState: take(v, "latestState", isState),
    status,
    runId: optional(v, "runId", isShortText),
  };
}

function readWhole<N extends "AgentInfo" | "ExecutorInfo" | "TaskStatus">(name: N, bytes: Uint8Array) {
  const message = readBlob(name, bytes);
  if (!message.ok) throw new Refusal(message.error);
  return message.value;
}

function take<T>(values: Values, name: string, is: (value: unknown) => value is T): T {
  const value = values[name];
  if (is(value)) return value;
  const quoted = typeof value === "string" ? JSON.stringify(value.slice(0, ID_MAX_CHARS)) : typeof value;
  throw new Refusal(`'${name}' is not valid: ${quoted}`);
}

function optional<T>(values: Values, name: string, is: (value: unknown) => value is T): T | undefined {
  return values[name] === undefined || values[name] === null ? undefined : take(values, name, is);
}

const isObject = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
const isNumber = (value: unknown): value is number => typeof value === "number";
/** FAILURE tells it: protobuf can write no other. */
const isInt32 = (value: unknown): value is number => typeof value === "number" && (value | 0) === value;
const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";
const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;
const isUuid = (value: unknown): value is Uint8Array => isBytes(value) && value.length === UUID_BYTES;
const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);
const isShortText = (value: unknown): value is string =>
  typeof value === "string" && value.length <= ID_MAX_CHARS;
/** Earlier versions took ids of so many UTF-16 units. */
const isId = (value: unknown): value is string => isShortText(value) && checkIdText(value) === undefined;
const isState = (value: unknown): value is string => typeof value === "string" && isTaskState(value);
