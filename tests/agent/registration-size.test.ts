import { expect, test } from "bun:test";
import { AGENT_TASKS_MAX, FRAME_MAX_BYTES, ID_MAX_CHARS } from "../../src/base/limits.ts";
import type { RegisterAgent } from "../../src/model/agent-protocol.ts";
import { encodeMsgpack } from "../../src/wire/msgpack.ts";

test("the largest registration fits a frame", () => {
  const longest = "\u20ac".repeat(ID_MAX_CHARS);
  const report = {
    frameworkId: longest,
    taskId: longest,
    containerId: undefined,
    state: "TASK_GONE_BY_OPERATOR",
    settled: false,
    runId: "00000000-0000-4000-8000-000000000000",
  };
  const message: RegisterAgent = {
    kind: "register-agent",
    agentId: longest,
    info: new Uint8Array(64 * 1024),
    ip: "10.0.0.1",
    version: "1.0.0",
    capabilities: ["MULTI_ROLE"],
    tasks: Array.from({ length: AGENT_TASKS_MAX }, () => report),
  };
  expect(encodeMsgpack(message).length).toBeLessThan(FRAME_MAX_BYTES);
});
