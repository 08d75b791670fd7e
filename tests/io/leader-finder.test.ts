import { afterEach, describe, expect, test } from "bun:test";
import { LeaderFinder, type MasterHost } from "../../src/io/leader-finder.ts";

const servers: ReturnType<typeof Bun.serve>[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

function master(answer: () => Response): MasterHost & { asked: string[] } {
  const asked: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      asked.push(new URL(request.url).pathname);
      return answer();
    },
  });
  servers.push(server);
  return { hostname: "127.0.0.1", port: server.port ?? 0, asked };
}

const LEADER = {
  leader: { id: "m1", hostname: "one", ip: "10.0.0.1", port: 5050 },
  link: { hostname: "10.0.0.1", port: 5060 },
};
const FOUND = { masterId: "m1", hostname: "one", port: 5050, linkHostname: "10.0.0.1", linkPort: 5060 };

describe("LeaderFinder", () => {
  test("takes the answer of any master that knows one", async () => {
    const silent = master(() => new Response("No leader elected", { status: 503 }));
    const knowing = master(() => Response.json(LEADER));
    const finder = new LeaderFinder([silent, knowing]);
    expect(await finder.find()).toEqual({ ok: true, value: FOUND });
    expect(await finder.find()).toEqual({ ok: true, value: FOUND });
    expect([silent.asked, knowing.asked]).toEqual([
      ["/mesh/leader", "/mesh/leader"],
      ["/mesh/leader", "/mesh/leader"],
    ]);
  });

  test("does not ask the same master twice in a row: its answer may be an old one", async () => {
    const removed = master(() => Response.json({ ...LEADER, leader: { ...LEADER.leader, id: "old" } }));
    const knowing = master(() => Response.json(LEADER));
    const finder = new LeaderFinder([removed, knowing]);
    const named: string[] = [];
    for (let i = 0; i < 3; i++) {
      const found = await finder.find();
      named.push(found.ok ? found.value.masterId : found.error);
    }
    expect(named).toEqual(["old", "m1", "old"]);
  });

  test("follows a redirect to the leader", async () => {
    const knowing = master(() => Response.json(LEADER));
    const location = `//127.0.0.1:${knowing.port}/mesh/leader`;
    const follower = master(() => new Response("", { status: 307, headers: { Location: location } }));
    expect(await new LeaderFinder([follower]).find()).toEqual({ ok: true, value: FOUND });
  });

  test("says what each master answered", async () => {
    const none = master(() => new Response("", { status: 503 }));
    const other = master(() => new Response("", { status: 404 }));
    const page = master(() => Response.json({ hello: "world" }));
    const gone = master(() => new Response());
    await servers.pop()?.stop(true);
    const found = await new LeaderFinder([none, other, page, gone]).find();
    expect(found.ok ? [] : found.error.split("; ")).toEqual([
      `127.0.0.1:${none.port} knows no leader`,
      `127.0.0.1:${other.port} answered with status 404 (is it a mesh master?)`,
      `127.0.0.1:${page.port} gave an answer that names no leader (is it a mesh master?)`,
      `127.0.0.1:${gone.port} cannot be reached (ECONNREFUSED)`,
    ]);
  });
});
