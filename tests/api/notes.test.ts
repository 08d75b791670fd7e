import { expect, test } from "bun:test";
import { notesHandler } from "../../src/api/notes.ts";
import { NOTE_KEY_MAX_BYTES, NOTE_VALUE_MAX_BYTES } from "../../src/base/limits.ts";
import { MemoryMasterPort } from "../support/memory-master-port.ts";

function setUp() {
  const port = new MemoryMasterPort();
  const handler = notesHandler(port);
  const ask = async (method: string, path: string, init: RequestInit = {}): Promise<Response> =>
    handler(new Request(`http://mesh/mesh/notes${path}`, { ...init, method }));
  return { port, ask };
}

test("a note is stored, read with its version, listed and removed", async () => {
  const { ask } = setUp();
  const stored = await ask("PUT", "/jobs/a%20b", { body: "one" });
  expect(stored.status).toBe(200);
  const read = await ask("GET", "/jobs/a%20b");
  expect(await read.text()).toBe("one");
  expect(read.headers.get("ETag")).toBe(stored.headers.get("ETag"));
  expect(await (await ask("GET", "?prefix=jobs/")).json()).toEqual({ keys: ["jobs/a b"] });
  expect(await (await ask("GET", "?prefix=x")).json()).toEqual({ keys: [] });
  expect((await ask("DELETE", "/jobs/a%20b")).status).toBe(200);
  expect((await ask("GET", "/jobs/a%20b")).status).toBe(404);
  expect((await ask("DELETE", "/jobs/a%20b")).status).toBe(404);
});

test("a change can depend on the version", async () => {
  const { ask } = setUp();
  expect((await ask("PUT", "/k", { body: "1", headers: { "If-Match": '"5"' } })).status).toBe(412);
  const first = await ask("PUT", "/k", { body: "1", headers: { "If-None-Match": "*" } });
  expect(first.status).toBe(200);
  expect((await ask("PUT", "/k", { body: "2", headers: { "If-None-Match": "*" } })).status).toBe(412);
  const etag = first.headers.get("ETag") ?? "";
  expect((await ask("PUT", "/k", { body: "2", headers: { "If-Match": etag } })).status).toBe(200);
  expect((await ask("DELETE", "/k", { headers: { "If-Match": etag } })).status).toBe(412);
  const wrong = await ask("PUT", "/k", { body: "3", headers: { "If-Match": "abc" } });
  expect([wrong.status, await wrong.text()]).toEqual([
    400,
    "Failed to change note \"k\": 'If-Match: abc' is not one quoted version",
  ]);
});

test("keys and values out of bounds are refused", async () => {
  const { ask } = setUp();
  const long = `/${"k".repeat(NOTE_KEY_MAX_BYTES + 1)}`;
  expect((await ask("PUT", long, { body: "x" })).status).toBe(400);
  expect((await ask("PUT", "/a//b", { body: "x" })).status).toBe(400);
  expect((await ask("PUT", "/a%00b", { body: "x" })).status).toBe(400);
  expect((await ask("PUT", "/k", { body: new Uint8Array(NOTE_VALUE_MAX_BYTES + 1) })).status).toBe(413);
  expect((await ask("PUT", "/k", { body: new Uint8Array(NOTE_VALUE_MAX_BYTES) })).status).toBe(200);
  expect((await ask("POST", "/k", { body: "x" })).status).toBe(405);
});

test("a follower answers reads and sends changes to the leader", async () => {
  const { port, ask } = setUp();
  await ask("PUT", "/k", { body: "1" });
  const leader = { id: "m-2", hostname: "10.0.0.2", ip: "10.0.0.2", port: 5050 };
  port.leadershipNow = { kind: "following", leader };
  expect((await ask("GET", "/k")).status).toBe(200);
  const refused = await ask("PUT", "/k", { body: "2" });
  expect([refused.status, refused.headers.get("Location")]).toEqual([307, "//10.0.0.2:5050/mesh/notes/k"]);
  expect((await ask("GET", "/k?consistency=stale")).status).toBe(200);
  expect((await ask("GET", "/k?consistency=maybe")).status).toBe(400);
});
