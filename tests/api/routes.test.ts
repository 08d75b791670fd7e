/** Which path reaches what, who answers, and what is around it: redirects, JSONP, compression, limits. */
import { describe, expect, test } from "bun:test";
import type { Handler } from "../../src/api/context.ts";
import { agentApi, masterApi } from "../../src/api/routes.ts";
import { MeshError } from "../../src/base/errors.ts";
import { REQUEST_BODY_MAX_BYTES } from "../../src/base/limits.ts";
import { silentLog } from "../../src/base/log.ts";
import { agentContext, masterContext } from "../support/api-context.ts";
import { AGENT, AGENT_ID, FRAMEWORK, FRAMEWORK_ID, taskView } from "../support/cluster-sample.ts";
import { MemoryAgentPort } from "../support/memory-agent-port.ts";
import { MemoryMasterPort } from "../support/memory-master-port.ts";

const BASE = "http://127.0.0.1:5050";

function master(change: (port: MemoryMasterPort) => void = () => {}): Handler {
  const port = new MemoryMasterPort();
  port.contents.frameworks.push(FRAMEWORK);
  port.contents.agents.push(AGENT);
  for (let i = 0; i < 150; i++) port.contents.tasks.push(taskView(`t-${i}`, "TASK_RUNNING", 1_000 + i));
  port.contents.completedTasks.push(taskView("t-old", "TASK_FINISHED", 10));
  change(port);
  return masterApi(masterContext(port));
}

const agent = (): Handler => agentApi(agentContext(new MemoryAgentPort()));
const get = async (handler: Handler, path: string, init?: RequestInit): Promise<Response> =>
  handler(new Request(`${BASE}${path}`, init));

describe("paths that lead to the same place", () => {
  const SAME: readonly (readonly [path: string, ...others: string[]])[] = [
    ["/state", "/master/state", "/master/state/", "/state/", "/state?x=1", "/%73tate"],
    ["/frameworks", "/master/frameworks/"],
    ["/version", "/master/version", "/version/"],
    ["/tasks?limit=3", "/tasks/?limit=3", "/master/tasks/?limit=3"],
    [`/slaves?slave_id=${AGENT_ID}`, `/slaves/${AGENT_ID}`, `/master/slaves/${AGENT_ID}/`],
  ];
  for (const [path, ...others] of SAME) {
    test(path, async () => {
      const handler = master();
      const expected = await (await get(handler, path)).text();
      expect(expected.length).toBeGreaterThan(20);
      for (const other of others) expect(await (await get(handler, other)).text()).toBe(expected);
    });
  }

  test("operator calls below /api/v1", async () => {
    const headers = { "Content-Type": "application/json" };
    const init = { method: "POST", headers, body: '{"type":"GET_HEALTH"}' };
    for (const path of ["/api/v1", "/api/v1/", "/master/api/v1", "/api/v1/operator"]) {
      expect((await get(master(), path, init)).status).toBe(200);
    }
    for (const path of ["/api/v1", "/slave(1)/api/v1", "/slave%281%29/api/v1"]) {
      expect((await get(agent(), path, init)).status).toBe(200);
    }
  });

  test("an agent's state", async () => {
    for (const path of ["/state", "/slave(1)/state", "/slave%281%29/state"]) {
      const state = (await (await get(agent(), path)).json()) as Record<string, unknown>;
      expect(state["pid"]).toBe("slave(1)@127.0.0.1:5051");
    }
  });
});

describe("paths that lead nowhere", () => {
  for (const path of [
    "/",
    "/nope",
    "/master",
    "/master/nope",
    "/files",
    "/%zz",
    "/redirect/state",
    "/files/..x",
  ]) {
    test(path, async () => {
      const answer = await get(master(), path);
      expect(answer.status).toBe(404);
      expect(await answer.text()).toBe("404 Not Found.");
      expect(answer.headers.get("Content-Type")).toBe("text/plain; charset=utf-8");
    });
  }
});

describe("leadership", () => {
  const leader = { id: "m-2", hostname: "leader.example", ip: "10.0.0.2", port: 5055 };
  const follower = (): Handler =>
    master((port) => {
      port.leadershipNow = { kind: "following", leader };
    });
  const leaderless = (): Handler =>
    master((port) => {
      port.leadershipNow = { kind: "unknown" };
    });

  for (const path of ["/state?jsonp=f&x=1", "/master/slaves", "/api/v1/scheduler", "/api/v1", "/teardown"]) {
    test(`${path} is the leader's`, async () => {
      const answer = await get(follower(), path);
      expect(answer.status).toBe(307);
      expect(answer.headers.get("Location")).toBe(`//leader.example:5055${path}`);
      expect(await answer.text()).toBe("");
      const refused = await get(leaderless(), path);
      expect(refused.status).toBe(503);
      expect(await refused.text()).toBe("No leader elected");
    });
  }

  test("every master answers the rest", async () => {
    for (const path of ["/health", "/flags", "/version", "/metrics/snapshot", "/files/debug", "/mesh/raft"]) {
      expect((await get(leaderless(), path)).status).toBe(200);
    }
  });

  test("/redirect leads to the root of the leader", async () => {
    for (const path of ["/redirect", "/master/redirect", "/redirect/"]) {
      expect((await get(follower(), path)).headers.get("Location")).toBe("//leader.example:5055");
      expect((await get(master(), path)).headers.get("Location")).toBe("//127.0.0.1:5050");
      expect((await get(leaderless(), path)).status).toBe(503);
    }
  });

  test("a leader that has not recovered refuses v1 calls only", async () => {
    const handler = master((port) => {
      port.leadershipNow = { kind: "leading", recovered: false };
    });
    for (const path of ["/api/v1", "/api/v1/scheduler"]) {
      const answer = await get(handler, path);
      expect(answer.status).toBe(503);
      expect(await answer.text()).toBe("Master has not finished recovery");
    }
    expect((await get(handler, "/state")).status).toBe(200);
  });

  test("/mesh/leader", async () => {
    const link = { hostname: "127.0.0.1", port: 5060 };
    expect(await (await get(follower(), "/mesh/leader")).json()).toEqual({ leader, link });
    expect((await get(leaderless(), "/mesh/leader")).status).toBe(503);
  });
});

describe("answers", () => {
  test("doubles carry a fraction, integers do not", async () => {
    const text = await (await get(master(), "/slaves")).text();
    expect(text).toContain(
      '"resources":{"cpus":3.0,"gpus":0.0,"mem":1024.0,"disk":0.0,"ports":"[31000-32000]"}',
    );
    expect(text).toContain('"attributes":{"rack":"a1","zone":3.0,"slots":"[1-5]"}');
    expect(text).toContain('"reserved_resources":{"r2":{"cpus":1.0,');
    expect(text).toContain('"port":5051,');
    expect(text).toContain('"registered_time":1763805489.25');
  });

  test("JSONP", async () => {
    const answer = await get(master(), "/flags?jsonp=cb.x");
    expect(answer.headers.get("Content-Type")).toBe("text/javascript");
    expect(await answer.text()).toBe('cb.x({"flags":{"port":"5050","quorum":"1"}})');
    expect((await get(master(), "/flags?jsonp=alert(1)//")).status).toBe(400);
  });

  test("gzip for long answers, when accepted", async () => {
    const plain = await (await get(master(), "/state")).text();
    for (const encoding of ["gzip", "deflate, gzip;q=0.5", "*"]) {
      const answer = await get(master(), "/state", { headers: { "Accept-Encoding": encoding } });
      expect(answer.headers.get("Content-Encoding")).toBe("gzip");
      const bytes = new Uint8Array(await answer.arrayBuffer());
      expect(bytes.length).toBeLessThan(plain.length / 2);
      expect(new TextDecoder().decode(Bun.gunzipSync(bytes))).toBe(plain);
    }
    for (const encoding of ["identity", "gzip;q=0", "br"]) {
      const answer = await get(master(), "/state", { headers: { "Accept-Encoding": encoding } });
      expect(answer.headers.get("Content-Encoding")).toBeNull();
    }
    const short = await get(master(), "/flags", { headers: { "Accept-Encoding": "gzip" } });
    expect(short.headers.get("Content-Encoding")).toBeNull();
  });

  test("bodies beyond the limit are refused, compressed ones by their real size", async () => {
    const headers = { "Content-Type": "application/json" };
    const large = new Uint8Array(REQUEST_BODY_MAX_BYTES + 1).fill(0x20);
    const plain = await get(master(), "/api/v1", { method: "POST", headers, body: large });
    expect(plain.status).toBe(413);
    const packed = await get(master(), "/api/v1", {
      method: "POST",
      headers: { ...headers, "Content-Encoding": "gzip" },
      body: Bun.gzipSync(large),
    });
    expect(packed.status).toBe(413);
    const broken = await get(master(), "/api/v1", {
      method: "POST",
      headers: { ...headers, "Content-Encoding": "gzip" },
      body: "{}",
    });
    expect(broken.status).toBe(400);
  });

  test("an error of the catalogue gives its status and text", async () => {
    const port = new MemoryMasterPort();
    port.call = () => Promise.reject(new MeshError("OVERLOADED", "The inbox of the master is full"));
    const body = JSON.stringify({ type: "SUPPRESS", framework_id: { value: "f" } });
    const init = { method: "POST", headers: { "Content-Type": "application/json" }, body };
    const answer = await get(masterApi(masterContext(port)), "/api/v1/scheduler", init);
    expect([answer.status, await answer.text()]).toEqual([503, "The inbox of the master is full"]);
  });

  test("a handler that fails gives a 500 and an entry in the log", async () => {
    const port = new MemoryMasterPort();
    port.view = () => {
      throw new Error("broken on purpose");
    };
    const entries: string[] = [];
    const log = { ...silentLog, error: (message: string) => void entries.push(message) };
    const answer = await get(masterApi({ ...masterContext(port), log }), "/state");
    expect(answer.status).toBe(500);
    expect(entries).toEqual(["Failed to answer a request"]);
  });
});

describe("/tasks", () => {
  const ids = async (query: string): Promise<string[]> => {
    const answer = await (await get(master(), `/tasks?${query}`)).json();
    return (answer as { tasks: { id: string }[] }).tasks.map((task) => task.id);
  };

  test("limit, offset and order", async () => {
    expect(await ids("")).toHaveLength(100);
    expect(await ids("limit=2")).toEqual(["t-149", "t-148"]);
    expect(await ids("limit=2&order=asc")).toEqual(["t-old", "t-0"]);
    expect(await ids("limit=2&offset=1&order=asc")).toEqual(["t-0", "t-1"]);
    expect(await ids("limit=many&offset=-1")).toHaveLength(100);
    expect(await ids("offset=150")).toEqual(["t-old"]);
  });

  test("filters", async () => {
    expect(await ids(`task_id=t-7&framework_id=${FRAMEWORK_ID}`)).toEqual(["t-7"]);
    expect(await ids("framework_id=other")).toEqual([]);
  });
});

describe("operator changes", () => {
  test("the logging level, by call and by /logging/toggle", async () => {
    const handler = master();
    const headers = { "Content-Type": "application/json" };
    const set = {
      type: "SET_LOGGING_LEVEL",
      set_logging_level: { level: 2, duration: { nanoseconds: 1e9 } },
    };
    const answer = await get(handler, "/api/v1", { method: "POST", headers, body: JSON.stringify(set) });
    expect([answer.status, await answer.text()]).toEqual([200, ""]);
    expect(await (await get(handler, "/logging/toggle")).text()).toBe("2\n");
    expect((await get(handler, "/logging/toggle?level=1&duration=10mins")).status).toBe(200);
    expect(await (await get(handler, "/logging/toggle")).text()).toBe("1\n");
    for (const query of ["level=1", "duration=1secs", "level=x&duration=1secs", "level=1&duration=soon"]) {
      expect((await get(handler, `/logging/toggle?${query}`)).status).toBe(400);
    }
  });

  test("teardown, by form and by call", async () => {
    const form = await get(master(), "/teardown", { method: "POST", body: `frameworkId=${FRAMEWORK_ID}` });
    expect(form.status).toBe(200);
    const call = { type: "TEARDOWN", teardown: { framework_id: { value: FRAMEWORK_ID } } };
    const headers = { "Content-Type": "application/json" };
    const answer = await get(master(), "/api/v1", { method: "POST", headers, body: JSON.stringify(call) });
    expect(answer.status).toBe(200);
  });
});
