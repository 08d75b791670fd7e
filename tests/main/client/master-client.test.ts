import { afterEach, describe, expect, test } from "bun:test";
import { MasterClient } from "../../../src/main/client/master-client.ts";

const PATIENCE = { probeTimeoutMs: 50, roundsMs: 100 };
const open: { stop(force: boolean): unknown }[] = [];

afterEach(() => {
  for (const one of open.splice(0)) one.stop(true);
});

/** Accepts connections and never answers, as a process that was stopped. */
function silent(): string {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  open.push(server);
  return `127.0.0.1:${server.port}`;
}

function master(answer: (path: string) => Response): string {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => answer(new URL(request.url).pathname),
  });
  open.push(server);
  return `127.0.0.1:${server.port}`;
}

describe("MasterClient", () => {
  test("passes by a master that is silent, and asks it no more", async () => {
    const leader = master((path) => (path === "/master/health" ? new Response("") : Response.json({ path })));
    const client = new MasterClient([silent(), leader], PATIENCE);
    expect(await client.getJson("/version")).toEqual({ path: "/version" });
    expect(client.addresses[0]).toBe(leader);
  });

  test("passes by a master that leads to a silent one", async () => {
    const gone = silent();
    const stale = master((path) =>
      path === "/master/health"
        ? new Response("")
        : new Response("", { status: 307, headers: { Location: `//${gone}/` } }),
    );
    const leader = master(() => Response.json(1));
    expect(await new MasterClient([stale, leader], PATIENCE).getJson("/version")).toBe(1);
  });

  test("says who does not answer", async () => {
    const gone = silent();
    const asked = new MasterClient([gone], PATIENCE).getJson("/version");
    await expect(asked).rejects.toThrow(`http://${gone} does not answer`);
  });

  test("says why, and what helps: a name nobody knows, a port without a master, masters without a leader", async () => {
    const oneRound = { probeTimeoutMs: 10_000, roundsMs: 1 };
    const ask = (address: string) => new MasterClient([address], oneRound).getJson("/version");
    await expect(ask("nobody.invalid:5050")).rejects.toThrow(
      "nobody.invalid:5050 does not answer (ENOTFOUND)",
    );
    const refusing = master(
      (path) => new Response("No leader elected", { status: path === "/version" ? 503 : 200 }),
    );
    const refused = ask(refusing);
    await expect(refused).rejects.toThrow(
      `${refusing} answers 503: No leader elected. 'mesh raft status' shows`,
    );
  });

  test("asks nothing of an agent, which would answer for itself, and does not wait for it to become a master", async () => {
    const asked: string[] = [];
    const agent = master((path) => {
      asked.push(path);
      return new Response("", { status: path.startsWith("/master/") ? 404 : 200 });
    });
    const patient = { probeTimeoutMs: 1_000, roundsMs: 60_000 };
    const answer = new MasterClient([agent], patient).getJson("/version");
    await expect(answer).rejects.toThrow(`http://${agent} is no master. Agents listen on 5051`);
    expect(asked).toEqual(["/master/health"]);
  });

  test("ends with the caller's signal", async () => {
    const stop = new AbortController();
    const slow = master((path) => {
      if (path !== "/master/health") stop.abort();
      return path === "/master/health" ? new Response("") : new Response(new ReadableStream({}));
    });
    const opened = new MasterClient([slow]).open("/api", "", { signal: stop.signal });
    await expect(opened.then((response) => response.text())).rejects.toThrow("abort");
  });
});
