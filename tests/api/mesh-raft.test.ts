/** Changes of the masters over HTTP, and reads of masters that do not lead. */
import { describe, expect, test } from "bun:test";
import { masterApi } from "../../src/api/routes.ts";
import type { Leadership, MasterChange } from "../../src/master/port.ts";
import { masterContext } from "../support/api-context.ts";
import { MemoryMasterPort } from "../support/memory-master-port.ts";

const ID = "5cbadd8a-f617-4a6c-9b8f-56ed9761b44c";
const LEADER = { id: "m-2", hostname: "m2", ip: "10.0.0.2", port: 5050 };
const FOLLOWING: Leadership = { kind: "following", leader: LEADER };

async function ask(port: MemoryMasterPort, path: string, body?: object | string): Promise<Response> {
  const init =
    body === undefined
      ? {}
      : { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) };
  return masterApi(masterContext(port))(new Request(`http://127.0.0.1:5050${path}`, init));
}

describe("/mesh/raft/…", () => {
  const CHANGES: readonly (readonly [path: string, body: object, change: MasterChange])[] = [
    ["add", { id: ID, address: "m4:5060" }, { kind: "add-learner", id: ID, address: "m4:5060" }],
    ["add", { id: ID, address: "[::1]:5060" }, { kind: "add-learner", id: ID, address: "[::1]:5060" }],
    ["promote", { member: "m4:5060" }, { kind: "promote", member: "m4:5060" }],
    ["remove", { member: ID }, { kind: "remove", member: ID }],
  ];
  test.each(CHANGES)("%s %j", async (path, body, change) => {
    const port = new MemoryMasterPort();
    expect((await ask(port, `/mesh/raft/${path}`, body)).status).toBe(200);
    expect(port.masterChanges).toEqual([change]);
  });

  test.each([
    ["add", { id: "m4", address: "m4:5060" }, "a UUID"],
    ["add", { id: ID, address: "m4" }, "host:raft-port"],
    ["add", { id: ID, address: "m4:0" }, "host:raft-port"],
    ["add", { id: ID, address: "m4:65536" }, "host:raft-port"],
    ["add", { id: ID, address: "m\u00004:5060" }, "host:raft-port"],
    ["promote", {}, "member id or host:raft-port"],
    ["remove", "no JSON", "member id or host:raft-port"],
    ["transfer", { to: 5 }, "member id or host:raft-port"],
  ])("%s %j is refused", async (path, body, reason) => {
    const port = new MemoryMasterPort();
    const answer = await ask(port, `/mesh/raft/${path}`, body);
    expect([answer.status, port.masterChanges, port.transfers]).toEqual([400, [], []]);
    expect(await answer.text()).toContain(reason);
  });

  test("a master of a cluster of another name is not taken in", async () => {
    const port = new MemoryMasterPort();
    const body = { id: ID, address: "m4:5060" };
    const named = { ...port.flags(), cluster: "blue" };
    port.flags = () => named;
    const answer = await ask(port, "/mesh/raft/add", { ...body, cluster: "green" });
    expect([answer.status, port.masterChanges]).toEqual([409, []]);
    expect(await answer.text()).toContain('this is cluster "blue", not "green"');
    expect((await ask(port, "/mesh/raft/add", { ...body, cluster: "blue" })).status).toBe(200);
    const unnamed = new MemoryMasterPort();
    unnamed.flags = () => ({});
    expect((await ask(unnamed, "/mesh/raft/add", { ...body, cluster: "blue" })).status).toBe(409);
    expect((await ask(unnamed, "/mesh/raft/add", { ...body, cluster: "mesh" })).status).toBe(200);
  });

  test("a transfer, to the best master or to one that is named; the answer says who leads", async () => {
    const port = new MemoryMasterPort();
    expect(await (await ask(port, "/mesh/raft/transfer", {})).text()).toBe("m-2");
    await ask(port, "/mesh/raft/transfer", { to: "m3:5060" });
    expect(port.transfers).toEqual([undefined, "m3:5060"]);
  });

  test("only POST, and only the leader", async () => {
    const port = new MemoryMasterPort();
    expect((await ask(port, "/mesh/raft/transfer")).status).toBe(405);
    port.leadershipNow = FOLLOWING;
    const answer = await ask(port, "/mesh/raft/remove", { member: ID });
    expect([answer.status, answer.headers.get("Location")]).toEqual([307, "//m2:5050/mesh/raft/remove"]);
    expect(port.masterChanges).toEqual([]);
  });
});

describe("?consistency=", () => {
  test.each(["/state", "/tasks", "/slaves", "/frameworks", "/roles", "/state-summary"])(
    "%s of a master that does not lead",
    async (path) => {
      const port = new MemoryMasterPort();
      port.leadershipNow = FOLLOWING;
      expect((await ask(port, path)).status).toBe(307);
      expect((await ask(port, `${path}?consistency=stale`)).status).toBe(200);
      expect((await ask(port, `${path}?consistency=linear`)).status).toBe(200);
      port.readIndexAnswers.push({ status: 503, body: "no proof" });
      const unproved = await ask(port, `${path}?consistency=linear`);
      expect([unproved.status, await unproved.text()]).toEqual([503, "no proof"]);
      const wrong = await ask(port, `${path}?consistency=fresh`);
      expect([wrong.status, await wrong.text()]).toEqual([
        400,
        "Failed to read consistency 'fresh': expecting 'stale' or 'linear'",
      ]);
    },
  );

  test("the leader proves a linear read, too", async () => {
    const port = new MemoryMasterPort();
    port.readIndexAnswers.push({ status: 503, body: "deposed" });
    expect((await ask(port, "/state?consistency=linear")).status).toBe(503);
  });
});
