import { describe, expect, test } from "bun:test";
import type { Handler } from "../../src/api/context.ts";
import { agentApi } from "../../src/api/routes.ts";
import { ok } from "../../src/base/result.ts";
import { agentContext } from "../support/api-context.ts";
import { MemoryAgentPort } from "../support/memory-agent-port.ts";

const newAgent = (): Handler => agentApi(agentContext(new MemoryAgentPort()));

async function call(handler: Handler, type: string, body: object = {}): Promise<Response> {
  const init = {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ type, [type.toLowerCase()]: body }),
  };
  const answer = await handler(new Request("http://127.0.0.1/api/v1", init));
  expect(answer.status).toBe(200);
  return answer;
}

describe("operator calls of an agent", () => {
  test("flags and metrics", async () => {
    expect(await (await call(newAgent(), "GET_FLAGS")).json()).toEqual({
      type: "GET_FLAGS",
      get_flags: { flags: [{ name: "port", value: "5051" }] },
    });
    expect(await (await call(newAgent(), "GET_METRICS")).json()).toEqual({
      type: "GET_METRICS",
      get_metrics: { metrics: [{ name: "slave/registered", value: 1 }] },
    });
  });

  test("PRUNE_IMAGES needs no body: no image is excluded", async () => {
    const pruned: (readonly string[])[] = [];
    const pruneImages = (excluded: readonly string[]) => {
      pruned.push(excluded);
      return Promise.resolve(ok(undefined));
    };
    const handler = agentApi({ ...agentContext(new MemoryAgentPort()), pruneImages });
    const headers = { "Content-Type": "application/json" };
    const init = { method: "POST", headers, body: '{"type":"PRUNE_IMAGES"}' };
    expect((await handler(new Request("http://127.0.0.1/api/v1", init))).status).toBe(200);
    await call(handler, "PRUNE_IMAGES", { excluded_images: [{ type: "DOCKER", docker: { name: "a" } }] });
    expect(pruned).toEqual([[], ["a"]]);
  });

  test("an agent that drains says so", async () => {
    const port = new MemoryAgentPort();
    port.drainNow = { drained: false, maxGraceMs: 5_000, markGone: true, startedAtMs: 1_500_000 };
    const drain_config = { max_grace_period: { nanoseconds: 5e9 }, mark_gone: true };
    const handler = agentApi(agentContext(port));
    expect(await (await call(handler, "GET_AGENT")).json()).toMatchObject({
      get_agent: { drain_config, estimated_drain_start_time: { nanoseconds: 1.5e12 } },
    });
    const state = await handler(new Request("http://127.0.0.1/state"));
    expect(await state.json()).toMatchObject({ drain_config, estimated_drain_start_time_seconds: 1_500 });
  });

  test("the logging level", async () => {
    const handler = newAgent();
    const set = await call(handler, "SET_LOGGING_LEVEL", { level: 3, duration: { nanoseconds: 1e9 } });
    expect(await set.text()).toBe("");
    expect(await (await call(handler, "GET_LOGGING_LEVEL")).json()).toEqual({
      type: "GET_LOGGING_LEVEL",
      get_logging_level: { level: 3 },
    });
  });

  test("what nothing can make yet reads as empty", async () => {
    expect(await (await call(newAgent(), "GET_OPERATIONS")).json()).toMatchObject({ get_operations: {} });
    expect(await (await call(newAgent(), "GET_RESOURCE_PROVIDERS")).json()).toMatchObject({
      get_resource_providers: {},
    });
  });
});
