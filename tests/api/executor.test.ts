import { expect, test } from "bun:test";
import type { AgentPort, ExecutorStanding } from "../../src/agent/port.ts";
import type { AgentContext } from "../../src/api/context.ts";
import { agentApi } from "../../src/api/routes.ts";
import { fail, ok } from "../../src/base/result.ts";
import type { ExecutorCall, ExecutorEvent } from "../../src/model/v1/executor.ts";
import type { TaskStatus } from "../../src/model/v1/tasks.ts";
import { encodeBlob } from "../../src/wire/blob.ts";
import { readBlob } from "../../src/wire/blob-check.ts";
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
function agent(standing: ExecutorStanding, more: Partial<AgentContext> = {}) {
  const calls: ExecutorCall[] = [];
  const exempt: Request[] = [];
  const port: AgentPort = Object.assign(new MemoryAgentPort(), {
    executors: {
      standing: () => standing,
      containerOf: () => "c",
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
  const handler = agentApi({
    ...agentContext(port),
    ...more,
    neverIdle: (request) => void exempt.push(request),
  });
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

test("where executors must prove who they are, each call needs the token of this very run", async () => {
  const issued: Record<string, object> = { own: { fid: "f", eid: "e", cid: "c" } };
  for (const [name, value] of Object.entries({ fid: "g", eid: "d", cid: "b" })) {
    issued[name] = { ...issued["own"], [name]: value };
  }
  const { handler } = agent("subscribed", {
    checkExecutorToken: (token) => {
      const claims = issued[token];
      return claims === undefined ? fail("it is forged") : ok(claims as Record<string, string>);
    },
  });
  const call = async (authorization?: string, type = "MESSAGE"): Promise<unknown[]> => {
    const request = post({ ...IDS, ...MESSAGE, type });
    if (authorization !== undefined) request.headers.set("Authorization", authorization);
    const response = await handler(request);
    return [response.status, response.headers.get("WWW-Authenticate"), await response.text()];
  };
  const realm = 'Bearer realm="mesos-agent-executor"';
  const refused = (reason: string) => [
    401,
    `${realm}, error="invalid_token", error_description="${reason}"`,
    "",
  ];
  expect(await call()).toEqual([401, realm, ""]);
  expect(await call(undefined, "HEARTBEAT")).toEqual([401, realm, ""]);
  expect(await call("Bearer")).toEqual(refused("Malformed 'Authorization' header"));
  expect(await call("Bearer own twice")).toEqual(refused("Malformed 'Authorization' header"));
  expect(await call("Basic own")).toEqual(refused("Only the scheme 'Bearer' is supported"));
  expect(await call("Bearer other")).toEqual(refused("Invalid JWT: it is forged"));
  for (const name of ["fid", "eid", "cid"]) {
    const [status, header, body] = await call(`Bearer ${name}`);
    expect([status, header]).toEqual([403, null]);
    expect(body).toContain(`'${name}' claim`);
  }
  expect(await call("Bearer own")).toEqual([202, null, ""]);
  expect((await call("Bearer own", "HEARTBEAT"))[0]).toBe(202);
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

test("an update with NaN in it is refused: no master takes it, again and again", async () => {
  const status: TaskStatus = {
    ...{ task_id: { value: "t" }, state: "TASK_RUNNING", source: "SOURCE_EXECUTOR" },
    ...{ uuid: new Uint8Array(16), data: new Uint8Array(4) },
  };
  const answerTo = async (more: Partial<TaskStatus>): Promise<[number, boolean]> => {
    const update = { status: { ...status, ...more } };
    const request = new Request("http://127.0.0.1:5051/api/v1/executor", {
      method: "POST",
      headers: { "Content-Type": "application/x-protobuf" },
      body: new Uint8Array(encodeProtobuf("ExecutorCall", { ...IDS, type: "UPDATE", update })),
    });
    const master = readBlob("TaskStatus", encodeBlob("TaskStatus", update.status));
    return [(await agent("subscribed").handler(request)).status, master.ok];
  };
  expect(await answerTo({ timestamp: 1.5 })).toEqual([202, true]);
  expect(await answerTo({ timestamp: Number.POSITIVE_INFINITY })).toEqual([202, true]);
  expect(await answerTo({ timestamp: Number.NaN })).toEqual([400, false]);
  const resources = [{ name: "cpus", type: "SCALAR" as const, scalar: { value: Number.NaN } }];
  expect(await answerTo({ limitation: { resources } })).toEqual([400, false]);
});

test("a subscription with an update that would be refused alone is refused", async () => {
  const status = { task_id: { value: "t" }, state: "TASK_RUNNING", source: "SOURCE_EXECUTOR" };
  const uuid = Buffer.alloc(16).toString("base64");
  const subscribe = (...more: object[]) => ({
    type: "SUBSCRIBE",
    subscribe: { unacknowledged_updates: more.map((one) => ({ status: { ...status, ...one } })) },
  });
  const refused = (problem: string): [number, string] => [
    400,
    `Failed to validate Executor::Call: ${problem}`,
  ];
  expect(await answer("subscribed", subscribe({}))).toEqual(refused("Expecting 'uuid' to be present"));
  expect(await answer("subscribed", subscribe({ uuid }, { uuid: "YQ==" }))).toEqual(
    refused("Not a valid UUID"),
  );
  expect((await answer("subscribed", subscribe({ uuid, source: "SOURCE_AGENT" })))[0]).toBe(400);
  expect((await answer("subscribed", subscribe({ uuid })))[0]).toBe(200);
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
