/**
 * `mesh node drain --wait` against a master that says, call by call, what one with an agent that comes and
 * goes does.
 */
import { afterEach, expect, spyOn, test } from "bun:test";
import { changeNode } from "../../src/main/node-commands.ts";
import { printed } from "../support/printed.ts";

interface Call {
  readonly type: string;
  readonly drain_agent?: { readonly max_grace_period?: { readonly seconds?: string } };
}
type Listing = "draining" | "drained" | "recovered" | "away" | "gone";

const servers: Bun.Server<undefined>[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

/** Each GET_AGENTS shows the next of these; resolves with what was left unseen. */
async function drain(
  listings: readonly Listing[],
  markGone: boolean,
): Promise<{ left: number; told: string }> {
  const left = [...listings];
  let begins = 0;
  let now: Listing = "draining";
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      if (request.method === "GET") return new Response("ok");
      const { type, drain_agent } = (await request.json()) as Call;
      if (drain_agent !== undefined) {
        if (now === "gone") return new Response("No agent found with specified ID", { status: 400 });
        if (drain_agent.max_grace_period !== undefined)
          return new Response("'max_grace_period' is negative", { status: 400 });
        begins++;
        return new Response("");
      }
      // What changes something waits for room in the log.
      if (type !== "GET_AGENTS") return new Response("The log is full", { status: 503 });
      // The name is looked up before the drain begins.
      if (!begun) begun = true;
      else now = left.shift() ?? now;
      return Response.json({ type: "GET_AGENTS", get_agents: listed(now) });
    },
  });
  let begun = false;
  servers.push(server);
  const errors = spyOn(process.stderr, "write").mockImplementation(() => true);
  try {
    await printed(() =>
      changeNode("drain", {
        masters: [`127.0.0.1:${server.port}`],
        node: "a1",
        maxGraceSeconds: undefined,
        markGone,
        wait: true,
      }),
    );
    expect(begins).toBe(1);
    return { left: left.length, told: errors.mock.calls.flat().join("") };
  } finally {
    errors.mockRestore();
  }
}

function listed(how: Listing): object {
  const agent_info = { hostname: "h", id: { value: "a1" } };
  if (how === "recovered") return { agents: [], recovered_agents: [agent_info] };
  if (how === "away" || how === "gone") return { agents: [] };
  const drain_info = { state: how === "drained" ? "DRAINED" : "DRAINING", config: { mark_gone: true } };
  return { agents: [{ agent_info, active: false, version: "1", drain_info }] };
}

test("an agent that is away, or not back yet after a failover, is not gone", async () => {
  const { left, told } = await drain(["away", "recovered", "draining", "drained", "gone"], true);
  expect([left, told]).toEqual([0, "mesh: agent a1 is away: it drains when it is back\n"]);
});

test("a drain that ended is told, and one whose agent was marked gone meanwhile is an error", async () => {
  expect(await drain(["draining", "drained"], false)).toEqual({ left: 0, told: "" });
  await expect(drain(["draining", "gone"], false)).rejects.toThrow(
    "Agent a1 was marked gone before it was drained",
  );
});
