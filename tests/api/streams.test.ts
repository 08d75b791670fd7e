/** Event streams over real connections: headers, one record in one chunk, slow and vanished readers. */
import { afterEach, describe, expect, test } from "bun:test";
import { EventStream } from "../../src/api/event-stream.ts";
import { masterApi } from "../../src/api/routes.ts";
import { streamAnswer } from "../../src/api/stream-answer.ts";
import { silentLog } from "../../src/base/log.ts";
import { type HttpServer, serve } from "../../src/io/http.ts";
import type { MasterEvent } from "../../src/model/v1/master-events.ts";
import { ManualClock, masterContext } from "../support/api-context.ts";
import { FRAMEWORK } from "../support/cluster-sample.ts";
import { MemoryMasterPort } from "../support/memory-master-port.ts";
import { RawHttp } from "../support/raw-http.ts";

const SUBSCRIBE = { type: "SUBSCRIBE", subscribe: { framework_info: { user: "root", name: "x" } } };

const toEnd: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of toEnd.splice(0).reverse()) await end();
});

function start(fetch: (request: Request) => Response | Promise<Response>): RawHttp {
  const server: HttpServer = serve({ hostname: "127.0.0.1", port: 0, fetch });
  toEnd.push(() => server.stop(0));
  const client = new RawHttp(server.port);
  toEnd.push(() => client.close());
  return client;
}

function startMaster(): { port: MemoryMasterPort; client: RawHttp; clock: ManualClock } {
  const port = new MemoryMasterPort();
  const clock = new ManualClock();
  return { port, clock, client: start(masterApi(masterContext(port, clock))) };
}

function record(event: unknown): string {
  const text = JSON.stringify(event);
  return `${Buffer.byteLength(text)}\n${text}`;
}

/** Waits until `condition` holds; the test's timeout bounds it. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe("scheduler stream", () => {
  test("answers with exactly the headers of Mesos, one record in each chunk", async () => {
    const { port, client } = startMaster();
    client.post("/api/v1/scheduler", SUBSCRIBE, { Connection: "close" });
    const [status, ...headers] = await client.head();
    expect(status).toBe("HTTP/1.1 200 OK");
    const names = headers
      .map((line) => line.split(":")[0]?.toLowerCase())
      .filter((name) => name !== "connection");
    expect(names.sort()).toEqual(["content-type", "date", "mesos-stream-id", "transfer-encoding"]);
    expect(headers).toContain("Content-Type: application/json");
    expect(headers).toContain("Transfer-Encoding: chunked");
    const subscribed =
      '{"type":"SUBSCRIBED","subscribed":{"framework_id":{"value":"framework-0"},' +
      '"heartbeat_interval_seconds":15.0}}';
    expect(await client.chunk()).toBe(`${subscribed.length}\n${subscribed}`);
    expect(await client.chunk()).toBe('20\n{"type":"HEARTBEAT"}');
    // Three events of one turn are three chunks, also with characters of several bytes.
    const sink = port.subscribed.get("framework-0")?.sink;
    for (const message of ["a", "ü€", "c"]) sink?.send({ type: "ERROR", error: { message } });
    for (const message of ["a", "ü€", "c"]) {
      const chunk = await client.chunk();
      const text = JSON.stringify({ type: "ERROR", error: { message } });
      expect(chunk).toBe(`${Buffer.byteLength(text)}\n${text}`);
    }
    sink?.close();
    expect(await client.chunk()).toBe("");
    expect(port.disconnected).toEqual([]);
  });

  test("waits for the first record before it answers", async () => {
    const { port, client } = startMaster();
    port.answersSubscribe = false;
    client.post("/api/v1/scheduler", SUBSCRIBE);
    await until(() => port.subscribed.size === 1);
    const sink = port.subscribed.get("framework-0")?.sink;
    sink?.send({ type: "ERROR", error: { message: "Framework has been removed" } });
    sink?.close();
    expect((await client.head())[0]).toBe("HTTP/1.1 200 OK");
    expect(await client.chunk()).toContain("Framework has been removed");
    expect(await client.chunk()).toBe("");
  });

  test("a subscription that ends before its first event is answered 503 with the reason", async () => {
    for (const reason of ["The disk is full", undefined]) {
      const { port, client } = startMaster();
      port.answersSubscribe = false;
      client.post("/api/v1/scheduler", SUBSCRIBE, { Connection: "close" });
      await until(() => port.subscribed.size === 1);
      port.subscribed.get("framework-0")?.sink.close(reason);
      const [status, ...headers] = await client.head();
      expect(status).toBe("HTTP/1.1 503 Service Unavailable");
      const length = headers.find((line) => line.startsWith("Content-Length: "))?.split(" ")[1];
      expect(await client.body(Number(length))).toContain(reason ?? "subscribe again");
    }
  });

  test("tells the master when the client goes away, before and after the first record", async () => {
    for (const answers of [true, false]) {
      const { port, client } = startMaster();
      port.answersSubscribe = answers;
      client.post("/api/v1/scheduler", SUBSCRIBE);
      if (answers) await client.head();
      await until(() => port.subscribed.size === 1);
      client.close();
      await until(() => port.disconnected.length === 1);
      expect(port.disconnected).toEqual(["framework-0"]);
      // What is sent afterwards goes nowhere, and nothing is told twice.
      port.subscribed.get("framework-0")?.sink.send({ type: "HEARTBEAT" });
      expect(port.disconnected).toHaveLength(1);
    }
  });

  test("takes chunked and gzipped bodies, and is never compressed itself", async () => {
    const { client } = startMaster();
    const body = Bun.gzipSync(JSON.stringify(SUBSCRIBE));
    const { port } = startMaster();
    const handler = masterApi(masterContext(port));
    const chunks = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(body.subarray(0, 5));
        controller.enqueue(body.subarray(5));
        controller.close();
      },
    });
    const answer = await handler(
      new Request("http://127.0.0.1/api/v1/scheduler", {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          "Content-Encoding": "gzip",
          "Accept-Encoding": "gzip",
        },
        body: chunks,
      }),
    );
    expect(answer.status).toBe(200);
    expect(answer.headers.get("Content-Encoding")).toBeNull();
    // The same over a connection, chunked by hand.
    const text = '{"type":"GET_HEALTH"}';
    client.send(
      "POST /api/v1 HTTP/1.1\r\nHost: m\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" +
        `5\r\n${text.slice(0, 5)}\r\n${(text.length - 5).toString(16)}\r\n${text.slice(5)}\r\n0\r\n\r\n`,
    );
    expect((await client.head())[0]).toBe("HTTP/1.1 200 OK");
  });

  test("202 has no body and no content type", async () => {
    const { client } = startMaster();
    client.post("/api/v1/scheduler", SUBSCRIBE);
    await client.head();
    await client.chunk();
    await client.chunk();
    const { client: other, port } = startMaster();
    port.subscribed.set("framework-0", { streamId: "s", sink: { send() {}, close() {} } });
    const call = { type: "REVIVE", framework_id: { value: "framework-0" } };
    other.post("/api/v1/scheduler", call, { "mesos-stream-id": "s" });
    const [status, ...headers] = await other.head();
    expect(status).toBe("HTTP/1.1 202 Accepted");
    const names = headers.map((line) => line.split(":")[0]?.toLowerCase());
    expect(names.sort()).toEqual(["content-length", "date"]);
    expect(headers).toContain("Content-Length: 0");
  });
});

describe("a stream with an event that cannot be written", () => {
  test("ends, and neither its sender nor the others do", async () => {
    const errors: string[] = [];
    const stream = new EventStream<number>({
      encode: (event) => {
        if (event < 0) throw new RangeError("a negative number");
        return [String(event)];
      },
      log: { ...silentLog, error: (text, fields) => void errors.push(`${text} ${JSON.stringify(fields)}`) },
    });
    let gone = 0;
    stream.onDisconnect(() => gone++);
    stream.send(1);
    const client = start((request) => streamAnswer(stream, request, {}));
    client.send("GET / HTTP/1.1\r\nHost: mesh\r\n\r\n");
    await client.head();
    expect(await client.chunk()).toBe("1\n1");
    stream.send(-1);
    stream.send(2);
    expect(await client.chunk()).toBe("");
    expect([stream.ended, gone, errors.length]).toEqual([true, 1, 1]);
    expect(errors[0]).toContain("a negative number");
  });

  test("is refused when it is the first one", () => {
    const stream = new EventStream<number>({
      encode: () => {
        throw new RangeError("a negative number");
      },
      log: silentLog,
    });
    let gone = 0;
    stream.onDisconnect(() => gone++);
    stream.begin("{}", 1);
    expect([stream.ended, gone]).toEqual([true, 1]);
  });
});

describe("slow reader", () => {
  const QUEUE_MAX_BYTES = 1024 * 1024;

  function startStream(queueMaxBytes = QUEUE_MAX_BYTES): {
    stream: EventStream<string>;
    client: RawHttp;
    gone: () => number;
  } {
    const stream = new EventStream<string>({
      encode: (event) => [event],
      log: silentLog,
      queueMaxBytes,
    });
    let gone = 0;
    stream.onDisconnect(() => gone++);
    stream.send("first");
    const client = start((request) => streamAnswer(stream, request, {}));
    client.send("GET / HTTP/1.1\r\nHost: mesh\r\n\r\n");
    return { stream, client, gone: () => gone };
  }

  test("is cut off beyond the bound, and not before", async () => {
    const { stream, client, gone } = startStream();
    await client.head();
    expect(await client.chunk()).toBe("5\nfirst");
    client.pause();
    const event = "x".repeat(64 * 1024);
    let sent = 0;
    while (!stream.ended) {
      stream.send(event);
      sent += event.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(gone()).toBe(1);
    expect(sent).toBeGreaterThan(QUEUE_MAX_BYTES);
    client.resume();
    // It gets what was under way, and the end.
    expect(await client.drainUntil("0\r\n\r\n")).toBeLessThan(sent);
  });

  test("gets everything in order when it reads on in time", async () => {
    const { stream, client, gone } = startStream(64 * QUEUE_MAX_BYTES);
    await client.head();
    expect(await client.chunk()).toBe("5\nfirst");
    client.pause();
    const events = Array.from({ length: 150 }, (_, i) => `${i}:${"y".repeat(100_000)}`);
    for (const event of events) stream.send(event);
    stream.close();
    // More than the sockets hold: the end waits for what is queued.
    expect(stream.ended).toBe(false);
    client.resume();
    for (const event of events) {
      const chunk = await client.chunk();
      expect(chunk.length).toBe(event.length + 7);
      expect(chunk.split("\n")[1]?.slice(0, 4)).toBe(event.slice(0, 4));
    }
    expect(await client.chunk()).toBe("");
    expect(gone()).toBe(0);
  });

  test("may be sent one record larger than the bound", async () => {
    const { stream, client, gone } = startStream();
    await client.head();
    await client.chunk();
    const event = "z".repeat(3 * QUEUE_MAX_BYTES);
    stream.send(event);
    expect(await client.chunk()).toBe(`${event.length}\n${event}`);
    expect(gone()).toBe(0);
  });
});

describe("operator stream", () => {
  test("begins with the state and a heartbeat, then carries events", async () => {
    const { port, client, clock } = startMaster();
    port.contents.frameworks.push(FRAMEWORK);
    client.post("/api/v1", { type: "SUBSCRIBE" });
    const [, ...headers] = await client.head();
    const names = headers.map((line) => line.split(":")[0]?.toLowerCase());
    expect(names.sort()).toEqual(["content-type", "date", "transfer-encoding"]);
    const first = JSON.parse((await client.chunk()).replace(/^\d+\n/, ""));
    expect(first.subscribed.heartbeat_interval_seconds).toBe(15);
    expect(first.subscribed.get_state.get_frameworks.frameworks).toHaveLength(1);
    expect(first.subscribed.get_state.get_tasks).toEqual({
      tasks: [],
      unreachable_tasks: [],
      completed_tasks: [],
    });
    expect(await client.chunk()).toBe('20\n{"type":"HEARTBEAT"}');
    const event: MasterEvent = { type: "AGENT_REMOVED", agent_removed: { agent_id: { value: "a" } } };
    for (const sink of port.operatorSinks) sink.send(event);
    expect(await client.chunk()).toBe(record(event));
    clock.tick();
    expect(await client.chunk()).toBe('20\n{"type":"HEARTBEAT"}');
    client.close();
    await until(() => port.operatorSinks.size === 0);
    expect(clock.repeating).toBe(0);
  });
});
