import { describe, expect, test } from "bun:test";
import { masterApi } from "../../src/api/routes.ts";
import { masterContext } from "../support/api-context.ts";
import { FRAMEWORK } from "../support/cluster-sample.ts";
import { MemoryMasterPort } from "../support/memory-master-port.ts";

/** The answer to a call, by its type and a body of the same name in lower case. */
async function call(type: string, body: object = {}): Promise<unknown> {
  const port = new MemoryMasterPort();
  port.contents.frameworks.push(FRAMEWORK);
  const init = {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ type, [type.toLowerCase()]: body }),
  };
  const answer = await masterApi(masterContext(port))(new Request("http://127.0.0.1/api/v1", init));
  expect(answer.status).toBe(200);
  return answer.json();
}

test("the master says what it can do: quota with limits, too", async () => {
  const names = ["AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"];
  const capabilities = names.map((type) => ({ type }));
  expect(await call("GET_MASTER")).toMatchObject({ get_master: { master_info: { capabilities } } });
  const state = await masterApi(masterContext(new MemoryMasterPort()))(new Request("http://127.0.0.1/state"));
  expect(await state.json()).toMatchObject({ capabilities: names });
});

describe("operator calls", () => {
  test("flags, metrics and roles", async () => {
    expect(await call("GET_FLAGS")).toEqual({
      type: "GET_FLAGS",
      get_flags: {
        flags: [
          { name: "port", value: "5050" },
          { name: "quorum", value: "1" },
        ],
      },
    });
    expect(await call("GET_METRICS", { timeout: { nanoseconds: 1e9 } })).toEqual({
      type: "GET_METRICS",
      get_metrics: {
        metrics: [
          { name: "master/elected", value: 1 },
          { name: "master/uptime_secs", value: 12.5 },
        ],
      },
    });
    expect(await call("GET_ROLES")).toMatchObject({
      get_roles: { roles: [{ weight: 1, frameworks: [{ value: FRAMEWORK.id }] }] },
    });
  });
});
