import { describe, expect, test } from "bun:test";
import { masterApi } from "../../src/api/routes.ts";
import type { MasterCall } from "../../src/model/v1/master.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import { decodeProtobuf, encodeProtobuf } from "../../src/wire/protobuf.ts";
import { masterContext } from "../support/api-context.ts";
import { MemoryMasterPort } from "../support/memory-master-port.ts";

const CPUS: Resource = {
  name: "cpus",
  type: "SCALAR",
  scalar: { value: 1 },
  reservations: [{ type: "DYNAMIC", role: "web" }],
};
const VOLUME: Resource = {
  ...CPUS,
  name: "disk",
  disk: { persistence: { id: "v" }, volume: { container_path: "data", mode: "RW" } },
};
const PROTOBUF = "application/x-protobuf";
const AGENT = { value: "S1" };

function setUp() {
  const port = new MemoryMasterPort();
  const handler = masterApi(masterContext(port));
  const post = async (
    path: string,
    body: string | Uint8Array<ArrayBuffer>,
    type: string,
  ): Promise<Response> =>
    await handler(
      new Request(`http://mesh${path}`, {
        method: "POST",
        body,
        headers: { "Content-Type": type, Accept: type === PROTOBUF ? type : "*/*" },
      }),
    );
  const form = (path: string, fields: Record<string, string>): Promise<Response> =>
    post(path, new URLSearchParams(fields).toString(), "application/x-www-form-urlencoded");
  return { port, handler, post, form };
}

describe("operator calls", () => {
  const calls: readonly (readonly [MasterCall, string])[] = [
    [{ type: "RESERVE_RESOURCES", reserve_resources: { agent_id: AGENT, resources: [CPUS] } }, "RESERVE"],
    [
      { type: "UNRESERVE_RESOURCES", unreserve_resources: { agent_id: AGENT, resources: [CPUS] } },
      "UNRESERVE",
    ],
    [{ type: "CREATE_VOLUMES", create_volumes: { agent_id: AGENT, volumes: [VOLUME] } }, "CREATE"],
    [{ type: "DESTROY_VOLUMES", destroy_volumes: { agent_id: AGENT, volumes: [VOLUME] } }, "DESTROY"],
    [
      { type: "GROW_VOLUME", grow_volume: { agent_id: AGENT, volume: VOLUME, addition: CPUS } },
      "GROW_VOLUME",
    ],
    [
      { type: "SHRINK_VOLUME", shrink_volume: { agent_id: AGENT, volume: VOLUME, subtract: { value: 1 } } },
      "SHRINK_VOLUME",
    ],
  ];

  for (const [call, type] of calls) {
    test(`${call.type}: 202 with an empty body, in JSON and protobuf`, async () => {
      const { port, post } = setUp();
      const json = await post("/api/v1", JSON.stringify(call), "application/json");
      expect([json.status, await json.text()]).toEqual([202, ""]);
      const bytes = new Uint8Array(encodeProtobuf("MasterCall", call));
      expect((await post("/api/v1", bytes, PROTOBUF)).status).toBe(202);
      expect(port.operated.map(({ agentId, operation }) => [agentId, operation.type])).toEqual([
        ["S1", type],
        ["S1", type],
      ]);
      expect(port.operated[1]?.operation).toEqual(port.operated[0]?.operation as never);
    });
  }

  test("take the operator's name for the change from a header; 400 for one that is no id", async () => {
    const { port } = setUp();
    const api = masterApi(masterContext(port));
    const ask = (path: string, id: string, body: string, type: string): Promise<Response> => {
      const headers = { "Content-Type": type, "Mesh-Operation-Id": id };
      return Promise.resolve(api(new Request(`http://m${path}`, { method: "POST", headers, body })));
    };
    const [first] = calls;
    const form = new URLSearchParams({ slaveId: "S1", resources: JSON.stringify([CPUS]) }).toString();
    expect((await ask("/api/v1", "one", JSON.stringify(first?.[0]), "application/json")).status).toBe(202);
    expect((await ask("/reserve", "two", form, "application/x-www-form-urlencoded")).status).toBe(202);
    expect(port.operated.map(({ operation }) => operation.id?.value)).toEqual(["one", "two"]);
    const refused = await ask("/api/v1", "a/b", JSON.stringify(first?.[0]), "application/json");
    expect([refused.status, await refused.text()]).toEqual([
      400,
      expect.stringContaining("Mesh-Operation-Id: a/b"),
    ]);
    expect(port.operated).toHaveLength(2);
  });

  test("pass on the master's refusal; 400 without an agent", async () => {
    const { port, post } = setUp();
    port.operateAnswer = { status: 409, body: "in use" };
    const [[reserve] = []] = calls;
    const answer = await post("/api/v1", JSON.stringify(reserve), "application/json");
    expect([answer.status, await answer.text()]).toEqual([409, "in use"]);
    const grow = { type: "GROW_VOLUME", grow_volume: { volume: VOLUME, addition: CPUS } };
    expect((await post("/api/v1", JSON.stringify(grow), "application/json")).status).toBe(400);
  });
});

describe("the older forms", () => {
  test("/reserve, /unreserve, /create-volumes, /destroy-volumes: 202", async () => {
    const { port, form } = setUp();
    const [resources, volumes] = [JSON.stringify([CPUS]), JSON.stringify([VOLUME])];
    expect((await form("/master/reserve", { slaveId: "S1", resources })).status).toBe(202);
    expect((await form("/reserve", { slaveId: "S1", resources, source: resources })).status).toBe(202);
    expect((await form("/unreserve", { slaveId: "S1", resources })).status).toBe(202);
    expect((await form("/create-volumes", { slaveId: "S1", volumes })).status).toBe(202);
    expect((await form("/destroy-volumes", { slaveId: "S1", volumes })).status).toBe(202);
    expect(port.operated.map(({ operation }) => operation)).toEqual([
      { type: "RESERVE", reserve: { source: [], resources: [CPUS] } },
      { type: "RESERVE", reserve: { source: [CPUS], resources: [CPUS] } },
      { type: "UNRESERVE", unreserve: { resources: [CPUS] } },
      { type: "CREATE", create: { volumes: [VOLUME] } },
      { type: "DESTROY", destroy: { volumes: [VOLUME] } },
    ]);
  });

  test("400 for a form that lacks something, 405 for another method", async () => {
    const { handler, form } = setUp();
    const said = async (fields: Record<string, string>): Promise<[number, string]> => {
      const answer = await form("/reserve", fields);
      return [answer.status, await answer.text()];
    };
    expect(await said({})).toEqual([400, "Missing 'slaveId' query parameter in the request body"]);
    expect(await said({ slaveId: "S1" })).toEqual([
      400,
      "Missing 'resources' query parameter in the request body",
    ]);
    expect(await said({ slaveId: "S1", resources: "{" })).toEqual([
      400,
      expect.stringContaining("JSON array"),
    ]);
    expect((await said({ slaveId: "S1", resources: '[{"name":"cpus"}]' }))[1]).toContain(
      "Missing required fields",
    );
    expect((await handler(new Request("http://mesh/reserve"))).status).toBe(405);
  });
});

test("GET_OPERATIONS lists those whose end is not acknowledged", async () => {
  const { port, post } = setUp();
  const uuid = new Uint8Array(16).fill(7);
  const info = { type: "RESERVE" as const, id: { value: "o" }, reserve: { resources: [CPUS] } };
  const status = { operation_id: { value: "o" }, state: "OPERATION_FINISHED" as const };
  port.contents.operations.push({ frameworkId: "F", agentId: "S1", info, status, uuid });
  const bytes = new Uint8Array(encodeProtobuf("MasterCall", { type: "GET_OPERATIONS" }));
  const answer = await post("/api/v1", bytes, PROTOBUF);
  expect(answer.headers.get("Content-Type")).toBe(PROTOBUF);
  const decoded = decodeProtobuf("MasterResponse", new Uint8Array(await answer.arrayBuffer()));
  expect(decoded.ok && decoded.value.get_operations?.operations?.[0]).toMatchObject({
    framework_id: { value: "F" },
    latest_status: status,
    uuid: { value: uuid },
  });
});
