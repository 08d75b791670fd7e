import { describe, expect, test } from "bun:test";
import { decodeAgentMessage } from "../../src/master/agent-message.ts";
import type { AgentToMaster, RegisterAgent, StatusUpdate } from "../../src/model/agent-protocol.ts";
import type { TaskStatus } from "../../src/model/v1/tasks.ts";
import { encodeBlob } from "../../src/wire/blob.ts";
import { encodeMsgpack } from "../../src/wire/msgpack.ts";

const UUID = new Uint8Array(16).fill(7);
const STATUS: TaskStatus = {
  task_id: { value: "t" },
  state: "TASK_RUNNING",
  uuid: UUID,
  timestamp: 1.5,
  labels: { labels: [{ key: "a", value: "b" }] },
};

const REGISTRATION: RegisterAgent = {
  kind: "register-agent",
  agentId: "m1-S0",
  info: encodeBlob("AgentInfo", {
    hostname: "h",
    port: 5051,
    resources: [{ name: "cpus", type: "SCALAR", scalar: { value: 4 } }],
  }),
  ip: "10.0.0.1",
  version: "1",
  capabilities: ["MULTI_ROLE"],
  tasks: [
    {
      frameworkId: "F",
      taskId: "t",
      containerId: undefined,
      state: "TASK_RUNNING",
      settled: false,
      runId: "r",
    },
  ],
};

const UPDATE: StatusUpdate = {
  kind: "status-update",
  frameworkId: "F",
  taskId: "t",
  uuid: UUID,
  state: "TASK_RUNNING",
  latestState: "TASK_FINISHED",
  status: encodeBlob("TaskStatus", STATUS),
  runId: "r",
};

/** What the decoder says of the message with these fields in place of its own. */
function reading(message: AgentToMaster, changes: Readonly<Record<string, unknown>> = {}) {
  return decodeAgentMessage(encodeMsgpack({ ...message, ...changes }));
}

function refusal(message: AgentToMaster, changes: Readonly<Record<string, unknown>>): string {
  const read = reading(message, changes);
  return read.ok ? "accepted" : read.error;
}

test.each<AgentToMaster>([
  REGISTRATION,
  { ...REGISTRATION, agentId: undefined, tasks: [] },
  UPDATE,
  { ...UPDATE, runId: undefined },
  { kind: "pong", nonce: 3 },
  { kind: "unregister-agent" },
])("%j comes back as it was", (message) => {
  expect(reading(message)).toEqual({ ok: true, value: message });
});

test("a kind or a field of a later version is no reason to end the link", () => {
  expect(decodeAgentMessage(encodeMsgpack({ kind: "toString" }))).toEqual({ ok: true, value: undefined });
  expect(decodeAgentMessage(encodeMsgpack({ kind: "news", x: 1 }))).toEqual({ ok: true, value: undefined });
  expect(reading(UPDATE, { news: 1 })).toEqual({ ok: true, value: UPDATE });
});

test.each([null, 1, "text", [1], new Uint8Array(3), {}, { kind: 7 }])("%j is no message", (value) => {
  expect(decodeAgentMessage(encodeMsgpack(value)).ok).toBe(false);
});

test("bytes that are no msgpack are refused", () => {
  expect(decodeAgentMessage(Uint8Array.of(0xc1)).ok).toBe(false);
});

describe("a status update is refused", () => {
  test.each([
    ["a state that is none", { state: "TASK_SLEEPING" }],
    ["a state named as a property of every object", { latestState: "toString" }],
    ["a number as state", { latestState: 5 }],
    ["a uuid of another length", { uuid: new Uint8Array(3) }],
    ["text as uuid", { uuid: "0123456789abcdef" }],
    ["an id with a slash", { taskId: "a/b" }],
    ["a giant id", { frameworkId: "x".repeat(1_000_000) }],
    ["a number as run id", { runId: 1 }],
    ["no status", { status: undefined }],
    ["a status that is no blob", { status: Uint8Array.of(0x93, 1, 2, 3) }],
    ["a status with text as its timestamp", { status: encodeMsgpack(statusWith([[6, "now"]])) }],
    ["a status whose labels are no message", { status: encodeMsgpack(statusWith([[12, 4]])) }],
    ["a status without a state", { status: encodeMsgpack(new Map([[1, new Map([[1, "t"]])]])) }],
    [
      "a status of another task",
      { status: encodeBlob("TaskStatus", { ...STATUS, task_id: { value: "u" } }) },
    ],
    ["a status of another state", { status: encodeBlob("TaskStatus", { ...STATUS, state: "TASK_LOST" }) }],
  ])("%s", (_, changes) => {
    expect(refusal(UPDATE, changes)).toStartWith("status-update: ");
  });
});

function statusWith(fields: readonly (readonly [number, unknown])[]): Map<number, unknown> {
  return new Map<number, unknown>([[1, new Map([[1, "t"]])], [2, 1], ...fields]);
}

describe("a registration is refused", () => {
  test.each([
    ["an agent id with a slash", { agentId: "a/b" }],
    ["a number as agent id", { agentId: 4 }],
    ["info that is no blob", { info: Uint8Array.of(1) }],
    ["info without a hostname", { info: encodeMsgpack(new Map([[8, 5051]])) }],
    [
      "resources that are no list",
      {
        info: encodeMsgpack(
          new Map<number, unknown>([
            [1, "h"],
            [3, 1],
          ]),
        ),
      },
    ],
    ["a giant ip", { ip: "1".repeat(300) }],
    ["no version", { version: undefined }],
    ["text as capabilities", { capabilities: "MULTI_ROLE" }],
    ["a number among capabilities", { capabilities: [1] }],
    ["too many capabilities", { capabilities: new Array(200).fill("A") }],
    ["tasks that are no list", { tasks: { length: 1 } }],
    ["a task that is null", { tasks: [null] }],
    ["a task without a state", { tasks: [{ ...REGISTRATION.tasks[0], state: undefined }] }],
    ["a task that is settled by text", { tasks: [{ ...REGISTRATION.tasks[0], settled: "no" }] }],
  ])("%s", (_, changes) => {
    expect(refusal(REGISTRATION, changes)).toStartWith("register-agent: ");
  });
});

test("a pong without a nonce is refused", () => {
  expect(refusal({ kind: "pong", nonce: 1 }, { nonce: "1" })).toStartWith("pong: ");
});

test("the status of an executor's end must fit the event that tells it", () => {
  const ended: AgentToMaster = { kind: "executor-exited", frameworkId: "F", executorId: "e", status: -1 };
  for (const status of [-1, 0, 2 ** 31 - 1, -(2 ** 31)]) {
    expect(reading(ended, { status })).toEqual({ ok: true, value: { ...ended, status } });
  }
  for (const status of [2 ** 31, 1e15, 0.5, Number.NaN, "0"]) {
    expect(refusal(ended, { status })).toStartWith("executor-exited: ");
  }
});

test("tasks that an earlier version launched under ids of more bytes are taken", () => {
  const taskId = "ü".repeat(255);
  const tasks = [{ ...REGISTRATION.tasks[0], taskId }];
  expect(reading(REGISTRATION, { tasks })).toEqual({ ok: true, value: { ...REGISTRATION, tasks } as never });
});
