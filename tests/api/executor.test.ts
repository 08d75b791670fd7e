import { expect, test } from "bun:test";
import type { AgentPort, ExecutorStanding } from "../../src/agent/port.ts";
import { agentApi } from "../../src/api/routes.ts";
import type { ExecutorCall, ExecutorEvent } from "../../src/model/v1/executor.ts";
import { encodeProtobuf } from "../../src/wire/protobuf.ts";
import { RecordDecoder } from "../../src/wire/record-io.ts";
import { agentContext } from "../support/api-context.ts";
import { MemoryAgentPort } from "../support/memory-agent-port.ts";

const IDS = { framework_id: { value: "f" }, executor_id: { value: "e" } };
const MESSAGE = { type: "MESSAGE", message: { data: "aGk=" } };
const ACKNOWLEDGED: ExecutorEvent = {
  type: "ACKNOWLEDGED",
  acknowledged: { task_id: { value: "t" }, uuid: new Uint8Array(16) },
};

/** An agent that knows the executor `e` of `f` as `standing` says. */
function agent(standing: ExecutorStanding) {
  const calls: ExecutorCall[] = [];
  const exempt: Request[] = [];
  const port: AgentPort = Object.assign(new MemoryAgentPort(), {
    executors: {
      standing: () => standing,
      subscribe: (_: ExecutorCall, sink: { send(event: ExecutorEvent): void; close(): void }) => {
        sink.send(ACKNOWLEDGED);
        sink.close();
        return { disconnected() {} };
      },
      call: (call: ExecutorCall, answered: (answer: { status: number; body: string }) => void) => {
        calls.push(call);
        answered({ status: 202, body: "" });
      },
    },
  });
  const handler = agentApi({ ...agentContext(port), neverIdle: (request) => void exempt.push(request) });
  return { calls, exempt, handler };
}

function post(body: unknown, accept = "application/json"): Request {
  return new Request("http://127.0.0.1:5051/api/v1/executor", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: accept },
    body: JSON.stringify(body),
  });
}

async function answer(standing: ExecutorStanding, body: object): Promise<[number, string]> {
  const response = await agent(standing).handler(post({ ...IDS, ...body }));
  return [response.status, await response.text()];
}

test("calls are answered by what the agent knows of the executor", async () => {
  expect(await answer("framework-unknown", MESSAGE)).toEqual([400, "Framework cannot be found"]);
  expect(await answer("executor-unknown", MESSAGE)).toEqual([400, "Executor cannot be found"]);
  expect(await answer("registering", MESSAGE)).toEqual([403, "Executor is not subscribed"]);
  expect(await answer("subscribed", MESSAGE)).toEqual([202, ""]);
  expect(await answer("framework-unknown", { type: "HEARTBEAT" })).toEqual([202, ""]);
});

test("an update needs a uuid of 16 bytes and must come from the executor", async () => {
  const status = { task_id: { value: "t" }, state: "TASK_RUNNING", source: "SOURCE_EXECUTOR" };
  const update = (more: object) => ({ type: "UPDATE", update: { status: { ...status, ...more } } });
  const uuid = Buffer.alloc(16).toString("base64");
  expect((await answer("subscribed", update({})))[0]).toBe(400);
  expect((await answer("subscribed", update({ uuid: "YQ==" })))[0]).toBe(400);
  expect((await answer("subscribed", update({ uuid, source: "SOURCE_AGENT" })))[0]).toBe(400);
  expect((await answer("subscribed", update({ uuid, state: "TASK_STAGING" })))[0]).toBe(400);
  expect((await answer("subscribed", update({ uuid })))[0]).toBe(202);
});

test("a subscription is a stream of records in the accepted type, silent for as long as it likes", async () => {
  const { handler, exempt } = agent("registering");
  const request = post({ ...IDS, type: "SUBSCRIBE" }, "application/x-protobuf");
  const response = await handler(request);
  expect([response.status, response.headers.get("Content-Type")]).toEqual([200, "application/x-protobuf"]);
  const records = new RecordDecoder().push(new Uint8Array(await response.arrayBuffer()));
  expect(records).toEqual({ ok: true, value: [encodeProtobuf("ExecutorEvent", ACKNOWLEDGED)] });
  expect(exempt).toEqual([request]);
  expect((await handler(post({ ...IDS, type: "SUBSCRIBE" }, "text/html"))).status).toBe(406);
});
