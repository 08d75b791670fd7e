import { describe, expect, test } from "bun:test";
import type { Handler } from "../../src/api/context.ts";
import { agentApi } from "../../src/api/routes.ts";
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
