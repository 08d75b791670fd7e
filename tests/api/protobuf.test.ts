/** The same calls and answers in protobuf: bodies, events, and which type is spoken when. */
import { describe, expect, test } from "bun:test";
import type { Handler } from "../../src/api/context.ts";
import { masterApi } from "../../src/api/routes.ts";
import type { MasterCall } from "../../src/model/v1/master.ts";
import type { SchedulerCall } from "../../src/model/v1/scheduler.ts";
import { decodeProtobuf, encodeProtobuf } from "../../src/wire/protobuf.ts";
import { RecordDecoder } from "../../src/wire/record-io.ts";
import { masterContext } from "../support/api-context.ts";
import { MemoryMasterPort } from "../support/memory-master-port.ts";

const PROTOBUF = "application/x-protobuf";
const SUBSCRIBE: SchedulerCall = {
  type: "SUBSCRIBE",
  subscribe: {
    framework_info: { user: "root", name: "x", roles: ["a"], capabilities: [{ type: "MULTI_ROLE" }] },
  },
};

function post(
  handler: Handler,
  path: string,
  body: Uint8Array,
  headers: Record<string, string> = {},
): Promise<Response> {
  const all = { "Content-Type": PROTOBUF, ...headers };
  return Promise.resolve(
    handler(new Request(`http://127.0.0.1:5050${path}`, { method: "POST", headers: all, body })),
  );
}

async function records(response: Response, count: number): Promise<Uint8Array[]> {
  const decoder = new RecordDecoder();
  const found: Uint8Array[] = [];
  const reader = response.body?.getReader();
  while (found.length < count) {
    const chunk = await reader?.read();
    const decoded = decoder.push(chunk?.value ?? new Uint8Array(0));
    if (decoded.ok) found.push(...decoded.value);
  }
  await reader?.cancel();
  return found;
}

describe("scheduler API", () => {
  test("SUBSCRIBE in protobuf opens a stream of protobuf records", async () => {
    const port = new MemoryMasterPort();
    const accept = `${PROTOBUF}, ${PROTOBUF}`;
    const body = encodeProtobuf("SchedulerCall", SUBSCRIBE);
    const response = await post(masterApi(masterContext(port)), "/api/v1/scheduler", body, {
      Accept: accept,
    });
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toBe(PROTOBUF);
    expect(response.headers.get("Mesos-Stream-Id")).toBe("stream-0");
    const [first, second] = await records(response, 2);
    expect(decodeProtobuf("SchedulerEvent", first ?? new Uint8Array(0))).toMatchObject({
      ok: true,
      value: { type: "SUBSCRIBED", subscribed: { framework_id: { value: "framework-0" } } },
    });
    expect(decodeProtobuf("SchedulerEvent", second ?? new Uint8Array(0))).toEqual({
      ok: true,
      value: { type: "HEARTBEAT" },
    });
  });

  test("a protobuf body with an Accept of JSON gets JSON events", async () => {
    const body = encodeProtobuf("SchedulerCall", SUBSCRIBE);
    const handler = masterApi(masterContext(new MemoryMasterPort()));
    const response = await post(handler, "/api/v1/scheduler", body, { Accept: "application/json" });
    expect(response.headers.get("Content-Type")).toBe("application/json");
    const [first] = await records(response, 1);
    expect(JSON.parse(new TextDecoder().decode(first))).toMatchObject({ type: "SUBSCRIBED" });
  });

  test("other calls reach the master as they do in JSON", async () => {
    const port = new MemoryMasterPort();
    const handler = masterApi(masterContext(port));
    const call: SchedulerCall = {
      type: "DECLINE",
      framework_id: { value: "framework-0" },
      decline: { offer_ids: [{ value: "o" }], filters: { refuse_seconds: 2.5 } },
    };
    await post(handler, "/api/v1/scheduler", encodeProtobuf("SchedulerCall", call), {
      "Mesos-Stream-Id": "s",
    });
    expect(port.calls).toEqual([{ call, context: { streamId: "s", principal: undefined } }]);
  });

  const REFUSED: [name: string, bytes: Uint8Array, body: string][] = [
    [
      "bytes that are no protobuf",
      new TextEncoder().encode('{"type":"REVIVE"}'),
      "Failed to parse body into Call protobuf",
    ],
    [
      "a missing required field",
      new Uint8Array([0x10, 1, 0x1a, 2, 0x0a, 0]),
      "Failed to parse body into Call protobuf",
    ],
    ["no type", new Uint8Array(0), "Failed to validate scheduler::Call: Expecting 'type' to be present"],
  ];
  for (const [name, bytes, body] of REFUSED) {
    test(name, async () => {
      const response = await post(
        masterApi(masterContext(new MemoryMasterPort())),
        "/api/v1/scheduler",
        bytes,
      );
      expect(await response.text()).toBe(body);
      expect(response.status).toBe(400);
    });
  }
});

describe("operator API", () => {
  const ask = async (call: MasterCall, headers: Record<string, string>): Promise<Response> =>
    post(
      masterApi(masterContext(new MemoryMasterPort())),
      "/api/v1",
      encodeProtobuf("MasterCall", call),
      headers,
    );

  test("answers in protobuf when only that is accepted", async () => {
    const response = await ask({ type: "GET_HEALTH" }, { Accept: PROTOBUF });
    expect(response.headers.get("Content-Type")).toBe(PROTOBUF);
    expect(decodeProtobuf("MasterResponse", await response.bytes())).toEqual({
      ok: true,
      value: { type: "GET_HEALTH", get_health: { healthy: true } },
    });
  });

  test("answers in JSON when anything is accepted", async () => {
    const response = await ask({ type: "GET_HEALTH" }, {});
    expect(await response.text()).toBe('{"type":"GET_HEALTH","get_health":{"healthy":true}}');
  });
});
