/** A job whose masters forget its tasks, or never heard of them: it ends as they did, or runs after all. */
import { afterEach, expect, test } from "bun:test";
import { Job } from "../../../src/main/client/job.ts";
import { MasterClient } from "../../../src/main/client/master-client.ts";
import { SchedulerClient } from "../../../src/main/client/scheduler-client.ts";
import type { SchedulerCall, SchedulerEvent } from "../../../src/model/v1/scheduler.ts";
import type { Task, TaskState, TaskStatus } from "../../../src/model/v1/tasks.ts";
import { decodeJson } from "../../../src/wire/json-decode.ts";
import { encodeJson } from "../../../src/wire/json-encode.ts";
import { encodeRecord } from "../../../src/wire/record-io.ts";

const servers: ReturnType<typeof Bun.serve>[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

const TASK = "job.run";
const agent_id = { value: "a" };

function status(state: TaskState, more: Partial<TaskStatus> = {}): SchedulerEvent {
  return { type: "UPDATE", update: { status: { task_id: { value: TASK }, agent_id, state, ...more } } };
}

function offer(id: string): SchedulerEvent {
  const resources = ["cpus", "mem"].map((name) => ({
    ...{ name, type: "SCALAR" as const },
    scalar: { value: 1000 },
  }));
  const ids = { id: { value: id }, framework_id: { value: "f" }, agent_id };
  return { type: "OFFERS", offers: { offers: [{ ...ids, hostname: "h", resources }] } };
}

/** What a master does at a call; it may answer by events, break its streams off, or take nothing. */
interface Play {
  readonly call: SchedulerCall;
  /** Of the subscription, from 1. */
  readonly stream: number;
  send(event: SchedulerEvent): void;
  breakOff(): void;
}

/** `play` answers with the HTTP status; undefined is 202. */
function fakeMaster(play: (scene: Play) => number | undefined): string {
  let stream = 0;
  let events: ReadableStreamDefaultController<Uint8Array> | undefined;
  const send = (event: SchedulerEvent): void =>
    events?.enqueue(encodeRecord(encodeJson("SchedulerEvent", event)));
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      if (request.method === "GET") return new Response("");
      const call = decodeJson("SchedulerCall", await request.text());
      if (!call.ok) return new Response(call.error.message, { status: 400 });
      const scene = { call: call.value, send, breakOff: () => events?.close() };
      if (call.value.type !== "SUBSCRIBE") {
        return new Response("", { status: play({ ...scene, stream }) ?? 202 });
      }
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          events = controller;
        },
      });
      stream++;
      send({ type: "SUBSCRIBED", subscribed: { framework_id: { value: "f" } } });
      play({ ...scene, stream });
      return new Response(body, { headers: { "Mesos-Stream-Id": `stream-${stream}` } });
    },
  });
  servers.push(server);
  return `127.0.0.1:${server.port}`;
}

interface Outcome {
  readonly last: TaskStatus | undefined;
  readonly launches: number;
}

/** Runs a job of one instance to its end. */
async function runJob(play: (scene: Play) => number | undefined, remembered?: TaskState): Promise<Outcome> {
  let launches = 0;
  const address = fakeMaster((scene) => {
    if (scene.call.type === "ACCEPT") launches++;
    return play(scene);
  });
  const info = { user: "u", name: "n", failover_timeout: 60 };
  const scheduler = new SchedulerClient(new MasterClient([address]), info);
  const spec = { name: "job", instances: 1, cpus: 0.1, mem: 32, command: { value: "true" } };
  const listener = { onStatus: () => {}, onTooSmall: () => {} };
  const job = new Job(spec, "run", scheduler, listener, async (frameworkId, taskId) => {
    expect([frameworkId, taskId]).toEqual(["f", TASK]);
    return remembered === undefined ? undefined : ended(remembered);
  });
  await job.run(async () => true);
  scheduler.close();
  return { last: job.instances[0]?.status, launches };
}

function ended(state: TaskState): Task {
  const of = { name: "job", task_id: { value: TASK }, framework_id: { value: "f" }, agent_id };
  // The word of its end went with its agent: what came last is older.
  return { ...of, state, statuses: [{ task_id: { value: TASK }, state: "TASK_STARTING" }] };
}

const UNKNOWN = status("TASK_UNKNOWN", { reason: "REASON_RECONCILIATION" });

test("a task that ended while its job had no subscription is asked for, and the job ends", async () => {
  const { last, launches } = await runJob(({ call, stream, send, breakOff }) => {
    if (call.type === "SUBSCRIBE" && stream === 1) send(offer("o1"));
    if (call.type === "ACCEPT") breakOff();
    if (call.type === "RECONCILE") send(UNKNOWN);
    return undefined;
  }, "TASK_FINISHED");
  expect([last?.state, last?.message, launches]).toEqual(["TASK_FINISHED", undefined, 1]);
});

test("a launch that died with its leader is done again", async () => {
  const { last, launches } = await runJob(({ call, stream, send, breakOff }) => {
    if (call.type === "SUBSCRIBE" && stream === 1) send(offer("o1"));
    if (call.type === "ACCEPT" && stream === 1) breakOff();
    if (call.type === "RECONCILE") send(UNKNOWN);
    if (call.type === "REVIVE") send(offer("o2"));
    if (call.type === "ACCEPT" && stream === 2) send(status("TASK_FINISHED"));
    return undefined;
  });
  expect([last?.state, launches]).toEqual(["TASK_FINISHED", 2]);
});

test("a launch that was taken, with an answer that never came, is not done again", async () => {
  const { last, launches } = await runJob(({ call, stream, send }) => {
    if (call.type === "SUBSCRIBE" && stream === 1) send(offer("o1"));
    // As a new leader answers it, to whom the client turned.
    if (call.type === "ACCEPT") return 403;
    if (call.type === "SUBSCRIBE" && stream === 2) send(offer("o2"));
    if (call.type === "RECONCILE") send(status("TASK_RUNNING", { reason: "REASON_RECONCILIATION" }));
    if (call.type === "DECLINE") send(status("TASK_FINISHED"));
    return undefined;
  });
  expect([last?.state, launches]).toEqual(["TASK_FINISHED", 1]);
});

test("a task that ran and that nobody remembers is lost", async () => {
  const { last, launches } = await runJob(({ call, stream, send, breakOff }) => {
    if (call.type === "SUBSCRIBE" && stream === 1) send(offer("o1"));
    if (call.type === "ACCEPT") send(status("TASK_RUNNING"));
    if (call.type === "SUPPRESS") breakOff();
    if (call.type === "RECONCILE") send(UNKNOWN);
    return undefined;
  });
  expect([last?.state, launches]).toEqual(["TASK_LOST", 1]);
});
