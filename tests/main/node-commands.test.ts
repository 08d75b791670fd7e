/**
 * `mesh node drain --wait` against a master that says, call by call, what one with an agent that comes and
 * goes does; `mesh node down` and `up` against one that checks machines.
 */
import { afterEach, expect, spyOn, test } from "bun:test";
import { listAgents } from "../../src/main/list.ts";
import { changeNode } from "../../src/main/node-commands.ts";
import { checkMachines, checkSchedule } from "../../src/model/machines.ts";
import type { Schedule } from "../../src/model/v1/maintenance.ts";
import type { MasterCall } from "../../src/model/v1/master.ts";
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

test("a machine with an IPv6 address is taken down and up by its host name", async () => {
  let windows: NonNullable<Schedule["windows"]> = [];
  const started: unknown[] = [];
  const agent_info = { hostname: "h6", id: { value: "a6" } };
  const agent = { agent_info, active: true, version: "1", pid: "slave(1)@fd00::6:5051" };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      if (request.method === "GET") return new Response("ok");
      const call = (await request.json()) as MasterCall;
      const schedule = call.update_maintenance_schedule?.schedule;
      const machines = (call.start_maintenance ?? call.stop_maintenance)?.machines;
      const refused = schedule ? checkSchedule(schedule) : machines && checkMachines(machines);
      if (refused !== undefined) return new Response(refused, { status: 400 });
      if (schedule !== undefined) windows = schedule.windows ?? [];
      if (machines !== undefined) started.push([call.type, ...machines]);
      const answer = { get_maintenance_schedule: { schedule: { windows } }, get_agents: { agents: [agent] } };
      return Response.json({ type: call.type, ...answer });
    },
  });
  servers.push(server);
  const wait = { maxGraceSeconds: undefined, markGone: false, wait: false };
  const told = await printed(async () => {
    const options = { masters: [`127.0.0.1:${server.port}`], ...wait };
    await changeNode("down", { ...options, node: "a6" });
    await changeNode("up", { ...options, node: "h6" });
    await listAgents({ masters: options.masters, json: false });
  });
  expect(started).toEqual([
    ["START_MAINTENANCE", { hostname: "h6" }],
    ["STOP_MAINTENANCE", { hostname: "h6" }],
  ]);
  expect(told).toContain("Machine h6 is down; 'mesh node up h6' ends that");
  expect(told).toContain(" [fd00::6]:5051 ");
});

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
