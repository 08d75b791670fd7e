/** Why a framework gets no offers, over HTTP; and what offer constraints exclude. */
import { expect, test } from "bun:test";
import { masterApi } from "../../src/api/routes.ts";
import type { WhyView } from "../../src/master/port.ts";
import { masterContext } from "../support/api-context.ts";
import { MemoryMasterPort } from "../support/memory-master-port.ts";

const WHY: WhyView = {
  frameworkId: "f/1",
  name: "demo",
  connected: true,
  reasons: [{ code: "no-agents", text: "No agent is registered", advice: "Start one with 'mesh agent'" }],
  roles: ["a", "b"].map((role) => ({
    role,
    suppressed: false,
    position: role === "a" ? 2 : undefined,
    share: 0.25,
    roleShare: 0.5,
    weight: 1,
    before: [{ frameworkId: "f2", name: "two", role: "b", share: 0, roleShare: 0.1 }],
    agents: { total: 3, belowMinimum: 2, taken: 1 },
    reasons: [{ code: "taken", agents: 1, text: "All", advice: "Wait", details: ["x: 1 agent"] }],
  })),
};

function started(): MemoryMasterPort {
  const port = new MemoryMasterPort();
  port.contents.whys.set("f/1", WHY);
  return port;
}

async function get(port: MemoryMasterPort, path: string, method = "GET"): Promise<Response> {
  return masterApi(masterContext(port))(new Request(`http://127.0.0.1:5050${path}`, { method }));
}

test("all roles, or one", async () => {
  const port = started();
  const all = await get(port, "/mesh/why/f%2F1");
  expect([all.status, all.headers.get("Content-Type")]).toEqual([200, "application/json"]);
  expect(await all.json()).toMatchObject({
    framework_id: "f/1",
    name: "demo",
    connected: true,
    reasons: [{ code: "no-agents" }],
    roles: [
      {
        role: "a",
        position: 2,
        share: 0.25,
        role_share: 0.5,
        before: [{ framework_id: "f2", name: "two", role: "b", share: 0, role_share: 0.1 }],
        agents: { total: 3, below_minimum: 2, taken: 1 },
        reasons: [{ code: "taken", agents: 1, details: ["x: 1 agent"] }],
      },
      { role: "b", position: null },
    ],
  });
  const one = await get(port, "/mesh/why/f%2F1?role=b");
  expect(await one.json()).toMatchObject({ roles: [{ role: "b" }] });
});

test("what is not known, a method that is not taken, a master that does not lead", async () => {
  const port = started();
  expect((await get(port, "/mesh/why")).status).toBe(400);
  expect((await get(port, "/mesh/why/f%2F1", "POST")).status).toBe(405);
  const unknown = await get(port, "/mesh/why/nobody");
  expect([unknown.status, await unknown.text()]).toEqual([
    404,
    "Framework 'nobody' is not known: 'mesh frameworks' lists those that are",
  ]);
  const role = await get(port, "/mesh/why/f%2F1?role=c");
  expect([role.status, await role.text()]).toEqual([404, "Framework 'f/1' is not subscribed to role 'c'"]);
  port.leadershipNow = {
    kind: "following",
    leader: { id: "m-2", hostname: "m2", ip: "10.0.0.2", port: 5050 },
  };
  const answer = await get(port, "/mesh/why/f%2F1?role=b");
  expect([answer.status, answer.headers.get("Location")]).toEqual([307, "//m2:5050/mesh/why/f%2F1?role=b"]);
});

test("/allocator/offer_constraints_debug has the form Mesos gives it", async () => {
  const port = started();
  port.contents.constraintsDebug.push({
    frameworkId: "f1",
    suppressedRoles: ["b"],
    excluded: new Map([["a", ["S0", "S1"]]]),
  });
  const answer = await get(port, "/allocator/offer_constraints_debug");
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({
    frameworks: {
      f1: { suppressed_roles: ["b"], excluded_by_attribute_constraints: { a: ["S0", "S1"] } },
    },
  });
});
