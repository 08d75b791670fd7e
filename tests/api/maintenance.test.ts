/** Operators' calls about agents and machines, as the HTTP edge reads and shows them. */
import { describe, expect, test } from "bun:test";
import { masterApi } from "../../src/api/routes.ts";
import type { MasterCall } from "../../src/model/v1/master.ts";
import { decodeProtobuf, encodeProtobuf } from "../../src/wire/protobuf.ts";
import { masterContext } from "../support/api-context.ts";
import { AGENT } from "../support/cluster-sample.ts";
import { MemoryMasterPort } from "../support/memory-master-port.ts";

const AGENT_ID = { value: "S1" };
const MACHINES = [{ hostname: "h1", ip: "10.0.0.1" }];
const SCHEDULE = {
  windows: [
    { machine_ids: MACHINES, unavailability: { start: { nanoseconds: 5 }, duration: { nanoseconds: 6 } } },
  ],
};

function setUp() {
  const port = new MemoryMasterPort();
  const handler = masterApi(masterContext(port));
  const ask = async (path: string, method: string, body?: object | string): Promise<Response> => {
    const init = body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
    const headers = { "Content-Type": "application/json" };
    return handler(new Request(`http://mesh${path}`, { method, headers, ...init }));
  };
  return { port, handler, ask };
}

describe("calls", () => {
  const calls: readonly (readonly [MasterCall, object])[] = [
    [
      { type: "MARK_AGENT_GONE", mark_agent_gone: { agent_id: AGENT_ID } },
      { kind: "mark-gone", agentId: "S1" },
    ],
    [
      { type: "DEACTIVATE_AGENT", deactivate_agent: { agent_id: AGENT_ID } },
      { kind: "deactivate", agentId: "S1" },
    ],
    [
      { type: "REACTIVATE_AGENT", reactivate_agent: { agent_id: AGENT_ID } },
      { kind: "reactivate", agentId: "S1" },
    ],
    [
      { type: "UPDATE_MAINTENANCE_SCHEDULE", update_maintenance_schedule: { schedule: SCHEDULE } },
      { kind: "schedule", schedule: SCHEDULE },
    ],
    [
      { type: "START_MAINTENANCE", start_maintenance: { machines: MACHINES } },
      { kind: "machines-down", machines: MACHINES },
    ],
    [
      { type: "STOP_MAINTENANCE", stop_maintenance: { machines: MACHINES } },
      { kind: "machines-up", machines: MACHINES },
    ],
  ];
  for (const [call, change] of calls) {
    test(`${call.type}, in JSON and protobuf`, async () => {
      const { port, handler, ask } = setUp();
      expect((await ask("/api/v1", "POST", call)).status).toBe(200);
      const headers = { "Content-Type": "application/x-protobuf", Accept: "application/x-protobuf" };
      const body = encodeProtobuf("MasterCall", call);
      expect(
        (await handler(new Request("http://mesh/api/v1", { method: "POST", headers, body }))).status,
      ).toBe(200);
      expect(port.changes).toEqual([change, change] as typeof port.changes);
    });
  }

  test("DRAIN_AGENT takes a duration of google.protobuf, or none", async () => {
    const { port, ask } = setUp();
    const drain = (body: object) =>
      ask("/api/v1", "POST", { type: "DRAIN_AGENT", drain_agent: { agent_id: AGENT_ID, ...body } });
    await drain({ max_grace_period: { seconds: 600, nanos: 5e8 }, mark_gone: true });
    await drain({});
    expect((await drain({ max_grace_period: "600s" })).status).toBe(400);
    expect(port.changes).toEqual([
      { kind: "drain", agentId: "S1", maxGraceMs: 600_500, markGone: true },
      { kind: "drain", agentId: "S1", maxGraceMs: undefined, markGone: false },
    ]);
  });

  test("the master's refusal is the answer", async () => {
    const { port, ask } = setUp();
    port.changeAnswer = { status: 404, body: "No agent found" };
    const answer = await ask("/api/v1", "POST", {
      type: "MARK_AGENT_GONE",
      mark_agent_gone: { agent_id: AGENT_ID },
    });
    expect([answer.status, await answer.text()]).toEqual([404, "No agent found"]);
  });

  test("GET_MAINTENANCE_SCHEDULE and GET_MAINTENANCE_STATUS show them", async () => {
    const { port, handler, ask } = setUp();
    port.contents.schedule = SCHEDULE;
    const status = { status: "ACCEPT", framework_id: { value: "F" }, timestamp: { nanoseconds: 7 } } as const;
    const maintenance = {
      draining_machines: [{ id: { ip: "10.0.0.2" }, statuses: [status] }],
      down_machines: MACHINES,
    };
    port.contents.maintenance = maintenance;
    const get = async (type: string) => (await ask("/api/v1", "POST", { type })).json();
    expect(await get("GET_MAINTENANCE_SCHEDULE")).toEqual({
      type: "GET_MAINTENANCE_SCHEDULE",
      get_maintenance_schedule: { schedule: SCHEDULE },
    });
    expect(await get("GET_MAINTENANCE_STATUS")).toEqual({
      type: "GET_MAINTENANCE_STATUS",
      get_maintenance_status: { status: maintenance },
    });
    const headers = { "Content-Type": "application/x-protobuf", Accept: "application/x-protobuf" };
    const body = encodeProtobuf("MasterCall", { type: "GET_MAINTENANCE_STATUS" });
    const answer = await handler(new Request("http://mesh/api/v1", { method: "POST", headers, body }));
    const decoded = decodeProtobuf("MasterResponse", await answer.bytes());
    expect(decoded.ok && decoded.value.get_maintenance_status?.status).toEqual(maintenance);
  });
});

describe("older endpoints", () => {
  test("/maintenance/schedule is read and replaced", async () => {
    const { port, ask } = setUp();
    expect(await (await ask("/maintenance/schedule", "GET")).json()).toEqual({});
    port.contents.schedule = SCHEDULE;
    expect(await (await ask("/master/maintenance/schedule", "GET")).json()).toEqual(SCHEDULE);
    expect((await ask("/maintenance/schedule", "POST", SCHEDULE)).status).toBe(200);
    expect(port.changes).toEqual([{ kind: "schedule", schedule: SCHEDULE }]);
    expect((await ask("/maintenance/schedule", "POST", { windows: [{}] })).status).toBe(400);
    expect((await ask("/maintenance/schedule", "POST", "no json")).status).toBe(400);
    expect((await ask("/maintenance/schedule", "PUT", SCHEDULE)).status).toBe(405);
  });

  test("/maintenance/status is only read", async () => {
    const { port, ask } = setUp();
    port.contents.maintenance = { down_machines: MACHINES };
    expect(await (await ask("/maintenance/status", "GET")).json()).toEqual({ down_machines: MACHINES });
    expect((await ask("/maintenance/status", "POST", {})).status).toBe(405);
  });

  test("/machine/down and /machine/up take a list of machines", async () => {
    const { port, ask } = setUp();
    expect((await ask("/machine/down", "POST", MACHINES)).status).toBe(200);
    expect((await ask("/machine/up", "POST", MACHINES)).status).toBe(200);
    expect(port.changes).toEqual([
      { kind: "machines-down", machines: MACHINES },
      { kind: "machines-up", machines: MACHINES },
    ]);
    expect((await ask("/machine/up", "POST", { machines: [] })).status).toBe(400);
    expect((await ask("/machine/up", "POST", [{ hostname: 7 }])).status).toBe(400);
    expect((await ask("/machine/down", "GET")).status).toBe(405);
  });
});

test("a draining agent is shown as such in both forms", async () => {
  const { port, ask } = setUp();
  const drain = { drained: false, maxGraceMs: 5_000, markGone: true, startedAtMs: 1_500_000 };
  port.contents.agents.push({ ...AGENT, active: false, deactivated: true, drain });
  const { get_agents } = (await (await ask("/api/v1", "POST", { type: "GET_AGENTS" })).json()) as {
    get_agents: { agents: unknown[] };
  };
  const drain_info = {
    state: "DRAINING",
    config: { max_grace_period: { nanoseconds: 5e9 }, mark_gone: true },
  };
  expect(get_agents.agents).toMatchObject([
    { active: false, deactivated: true, drain_info, estimated_drain_start_time: { nanoseconds: 1.5e12 } },
  ]);
  const { slaves } = (await (await ask("/state", "GET")).json()) as { slaves: unknown[] };
  expect(slaves).toMatchObject([
    { active: false, deactivated: true, drain_info, estimated_drain_start_time_seconds: 1_500 },
  ]);
});
