/** Weights, quota and roles at the HTTP edge. */
import { describe, expect, test } from "bun:test";
import { masterApi } from "../../src/api/routes.ts";
import { masterContext } from "../support/api-context.ts";
import { AGENT, FRAMEWORK } from "../support/cluster-sample.ts";
import { MemoryMasterPort } from "../support/memory-master-port.ts";

function setUp() {
  const port = new MemoryMasterPort();
  port.contents.weights.set("web", 2.5);
  port.contents.quotas.set("web", {
    guarantees: new Map([["cpus", 1_000]]),
    limits: new Map([
      ["cpus", 2_500],
      ["mem", 0],
    ]),
  });
  const handler = masterApi(masterContext(port));
  const send = async (method: string, path: string, body?: unknown): Promise<[number, string]> => {
    const content = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const answer = await handler(
      new Request(`http://mesh${path}`, {
        method,
        ...(content === undefined ? {} : { body: content }),
        headers: { "Content-Type": "application/json" },
      }),
    );
    return [answer.status, await answer.text()];
  };
  const call = (type: string, body: object = {}) => send("POST", "/api/v1", { type, ...body });
  return { port, handler, send, call };
}

const QUOTA = { configs: [{ role: "web", guarantees: { cpus: { value: 1 } } }] };

describe("weights", () => {
  test("are read in both forms", async () => {
    const { send, call } = setUp();
    expect(await send("GET", "/weights")).toEqual([200, '[{"role":"web","weight":2.5}]']);
    expect(await call("GET_WEIGHTS")).toEqual([
      200,
      '{"type":"GET_WEIGHTS","get_weights":{"weight_infos":[{"weight":2.5,"role":"web"}]}}',
    ]);
  });

  test("are changed in both forms", async () => {
    const { port, send, call } = setUp();
    const weights = [{ role: "web", weight: 3 }];
    expect(await send("PUT", "/weights", weights)).toEqual([200, ""]);
    expect(await call("UPDATE_WEIGHTS", { update_weights: { weight_infos: weights } })).toEqual([200, ""]);
    expect(port.changes).toEqual([
      { kind: "weights", weights },
      { kind: "weights", weights },
    ]);
    port.changeAnswer = { status: 400, body: "no" };
    expect(await send("PUT", "/weights", weights)).toEqual([400, "no"]);
  });

  test("a body that is no list of weights is refused", async () => {
    const { port, send } = setUp();
    for (const body of ["{", {}, [{ role: "web" }], [{ role: "web", weight: "much" }]]) {
      expect((await send("PUT", "/weights", body))[0]).toBe(400);
    }
    expect((await send("POST", "/weights", []))[0]).toBe(405);
    expect(port.changes).toEqual([]);
  });
});

describe("quota", () => {
  test("is read in both forms, with the older message beside it", async () => {
    const { send, call } = setUp();
    const status =
      '{"infos":[{"role":"web","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":1.0}}]}],' +
      '"configs":[{"role":"web","guarantees":{"cpus":{"value":1.0}},' +
      '"limits":{"cpus":{"value":2.5},"mem":{"value":0.0}}}]}';
    expect(await send("GET", "/quota")).toEqual([200, status]);
    expect(await call("GET_QUOTA")).toEqual([200, `{"type":"GET_QUOTA","get_quota":{"status":${status}}}`]);
  });

  test("calls reach the master as they are", async () => {
    const { port, call } = setUp();
    const update = { force: true, quota_configs: QUOTA.configs };
    expect(await call("UPDATE_QUOTA", { update_quota: update })).toEqual([200, ""]);
    const request = { role: "web", guarantee: [] };
    expect(await call("SET_QUOTA", { set_quota: { quota_request: request } })).toEqual([200, ""]);
    expect(await call("REMOVE_QUOTA", { remove_quota: { role: "web" } })).toEqual([200, ""]);
    expect(port.changes).toEqual([
      { kind: "quota", configs: QUOTA.configs, force: true },
      { kind: "set-quota", request: expect.objectContaining({ role: "web" }) },
      { kind: "remove-quota", role: "web" },
    ]);
    expect((await call("REMOVE_QUOTA", {}))[0]).toBe(400);
  });

  test("POST and DELETE of /quota", async () => {
    const { port, send } = setUp();
    const cpus = { name: "cpus", type: "SCALAR", scalar: { value: 1 } };
    expect(await send("POST", "/quota", { role: "web", guarantee: [cpus], force: true })).toEqual([200, ""]);
    expect(await send("DELETE", "/quota/web")).toEqual([200, ""]);
    expect(await send("DELETE", "/master/quota/eng%2Fweb")).toEqual([200, ""]);
    expect(port.changes).toMatchObject([
      { kind: "set-quota", request: { role: "web", force: true } },
      { kind: "remove-quota", role: "web" },
      { kind: "remove-quota", role: "eng/web" },
    ]);
    expect((await send("DELETE", "/quota"))[0]).toBe(400);
    expect((await send("POST", "/quota", "{"))[0]).toBe(400);
    expect((await send("POST", "/quota", [1]))[0]).toBe(400);
    expect((await send("PUT", "/quota", {}))[0]).toBe(405);
    expect(port.changes).toHaveLength(3);
  });

  test("a master that does not lead sends the caller on", async () => {
    const { port, send } = setUp();
    port.leadershipNow = {
      kind: "following",
      leader: { id: "m-2", hostname: "other", ip: "10.0.0.2", port: 5050 },
    };
    for (const [method, path] of [
      ["PUT", "/weights"],
      ["DELETE", "/quota/web"],
    ] as const) {
      expect((await send(method, path, ""))[0]).toBe(307);
    }
  });
});

describe("roles", () => {
  test("name weight and quota; those above a known one are known, with the sums of what is below", async () => {
    const { port, send, call } = setUp();
    const use = (role: string, cpus: number) => ({
      name: "cpus",
      type: "SCALAR" as const,
      scalar: { value: cpus },
      allocation_info: { role },
    });
    const reserved = {
      ...use("", 1),
      allocation_info: undefined,
      reservations: [{ type: "DYNAMIC", role: "web/b" }],
    };
    port.contents.frameworks.push(FRAMEWORK);
    port.contents.agents.push({
      ...AGENT,
      total: [reserved as never],
      used: [use("web/a", 2), { ...use("web/a", 4), revocable: {} }],
      offered: [use("web/b", 0.5)],
    });
    const [, text] = await send("GET", "/roles");
    const roles = new Map(
      (JSON.parse(text) as { roles: { name: string }[] }).roles.map((role) => [role.name, role]),
    );
    expect([...roles.keys()]).toContain("web");
    expect(roles.get("web")).toMatchObject({
      weight: 2.5,
      quota: {
        role: "web",
        guarantee: { cpus: 1 },
        limit: { cpus: 2.5, mem: 0 },
        consumed: { cpus: 3 },
      },
      allocated: { cpus: 6 },
      offered: { cpus: 0.5 },
      reserved: { cpus: 1 },
      frameworks: [],
    });
    expect(roles.get("web/a")).toMatchObject({ weight: 1, quota: { consumed: { cpus: 2 }, limit: {} } });
    const [, message] = await call("GET_ROLES");
    expect(message).toContain('"name":"web","weight":2.5');
  });
});
