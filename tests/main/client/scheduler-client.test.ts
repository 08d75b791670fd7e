import { afterEach, expect, test } from "bun:test";
import { MasterClient } from "../../../src/main/client/master-client.ts";
import { SchedulerClient } from "../../../src/main/client/scheduler-client.ts";
import { encodeRecord } from "../../../src/wire/record-io.ts";

const servers: ReturnType<typeof Bun.serve>[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

const SUBSCRIBED = encodeRecord(
  new TextEncoder().encode('{"type":"SUBSCRIBED","subscribed":{"framework_id":{"value":"f"}}}'),
);

/** Takes subscriptions, and other calls only from the second subscription on. */
function forgetfulMaster(): string {
  let streams = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const call = await request.text();
      if (!call.includes('"SUBSCRIBE"')) {
        const known = request.headers.get("Mesos-Stream-Id") === "stream-2";
        return new Response("Framework is not subscribed", { status: known ? 202 : 403 });
      }
      const body = new ReadableStream({ start: (events) => events.enqueue(SUBSCRIBED) });
      return new Response(body, { headers: { "Mesos-Stream-Id": `stream-${++streams}` } });
    },
  });
  servers.push(server);
  return `127.0.0.1:${server.port}`;
}

test("a call of a subscription that a failover ended is not an error: the next one is opened", async () => {
  let broken = 0;
  const info = { user: "u", name: "n", failover_timeout: 60 };
  const client = new SchedulerClient(new MasterClient([forgetfulMaster()]), info, () => void broken++);
  const taken: boolean[] = [];
  for await (const event of client.events()) {
    expect(event.type).toBe("SUBSCRIBED");
    taken.push(await client.call({ type: "REVIVE", revive: {} }));
    if (taken.length === 2) break;
  }
  client.close();
  expect([taken, broken]).toEqual([[false, true], 1]);
});

test("a break is told of once, however long the masters are away", async () => {
  let broken = 0;
  const info = { user: "u", name: "n", failover_timeout: 60 };
  const address = forgetfulMaster();
  const patience = { probeTimeoutMs: 1_000, roundsMs: 1 };
  const client = new SchedulerClient(new MasterClient([address], patience), info, () => void broken++);
  const [first] = servers;
  let asked = 0;
  const away = (): Response => {
    // Each try asks once; the third finds it back.
    if (++asked === 3) first?.reload({ fetch: back });
    return new Response("No leader elected", { status: 503 });
  };
  const back = (): Response => {
    const body = new ReadableStream({ start: (events) => events.enqueue(SUBSCRIBED) });
    return new Response(body, { headers: { "Mesos-Stream-Id": "again" } });
  };
  let subscriptions = 0;
  for await (const _ of client.events()) {
    if (++subscriptions === 2) break;
    first?.reload({ fetch: away });
    // Not taken, so that the stream is opened anew.
    expect(await client.call({ type: "REVIVE", revive: {} })).toBe(false);
  }
  client.close();
  expect([asked >= 3, broken]).toEqual([true, 1]);
});

test("a leader that is gone without a word is not waited for a second time", async () => {
  const never = (): Promise<Response> => new Promise(() => {});
  const [gone, other] = [forgetfulMaster(), forgetfulMaster()];
  const [first] = servers;
  const info = { user: "u", name: "n", failover_timeout: 60 };
  const master = new MasterClient([gone, other], { probeTimeoutMs: 50, roundsMs: 1_000 });
  const client = new SchedulerClient(master, info, () => {}, 50);
  const subscribedAt: string[] = [];
  for await (const _ of client.events()) {
    subscribedAt.push(master.addresses[0] ?? "");
    if (subscribedAt.length === 2) break;
    first?.reload({ fetch: never });
  }
  client.close();
  expect(subscribedAt).toEqual([gone, other]);
});
