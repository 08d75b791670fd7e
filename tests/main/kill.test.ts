import { expect, test } from "bun:test";
import { killTask } from "../../src/main/kill.ts";
import type { MasterResponse } from "../../src/model/v1/master-responses.ts";
import type { TaskState } from "../../src/model/v1/tasks.ts";
import { encodeJson } from "../../src/wire/json-encode.ts";

/** A cluster with one task, which ends at the kill with this number: those before died with their leaders. */
function master(endsAtKill: number) {
  let kills = 0;
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const body = await request.text();
      if (new URL(request.url).pathname === "/mesh/kill") {
        expect(JSON.parse(body)).toEqual({ framework_id: "f", task_id: "t" });
        kills++;
        return new Response("", { status: 202 });
      }
      const state: TaskState = kills < endsAtKill ? "TASK_RUNNING" : "TASK_KILLED";
      const ids = { task_id: { value: "t" }, framework_id: { value: "f" }, agent_id: { value: "a" } };
      const answer: MasterResponse = {
        type: "GET_TASKS",
        get_tasks: { tasks: [{ name: "t", ...ids, state, resources: [] }] },
      };
      return new Response(encodeJson("MasterResponse", answer));
    },
  });
}

test("who waits for the end repeats a kill that was lost with its leader", async () => {
  const server = master(2);
  try {
    await killTask({ masters: [`127.0.0.1:${server.port}`], task: "t", framework: undefined, wait: true });
  } finally {
    await server.stop(true);
  }
});
