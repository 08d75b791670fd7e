import { expect, test } from "bun:test";
import { MeshError } from "../../src/base/errors.ts";
import { serve } from "../../src/io/http.ts";

const HOST = "127.0.0.1";
const answer = (text: string) => () => new Response(text);

test("an address in use is refused with the way out, also within one process", async () => {
  const first = serve({ hostname: HOST, port: 0, fetch: answer("first") });
  const attempt = () =>
    serve({ hostname: HOST, port: first.port, fetch: answer("second"), portFlag: "--agent-port" });
  expect(attempt).toThrow(MeshError);
  expect(attempt).toThrow(
    `Failed to listen on ${HOST}:${first.port}: another process uses it; choose another port with --agent-port`,
  );
  expect(await (await fetch(`http://${HOST}:${first.port}/`)).text()).toBe("first");
  await first.stop(0);
});

test("an address that is not this machine's is refused", () => {
  // TEST-NET-1 of RFC 5737 is nobody's.
  expect(() => serve({ hostname: "192.0.2.1", port: 0, fetch: answer("") })).toThrow(
    "Failed to listen on 192.0.2.1:0",
  );
});

test("stop lets an answer finish and cuts what lasts longer", async () => {
  const release = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const server = serve({
    hostname: HOST,
    port: 0,
    fetch: async () => {
      asked.resolve();
      await release.promise;
      return new Response("late");
    },
  });
  const pending = fetch(`http://${HOST}:${server.port}/`);
  await asked.promise;
  const stopped = server.stop(10_000);
  release.resolve();
  expect(await (await pending).text()).toBe("late");
  await stopped;

  const stuck = serve({ hostname: HOST, port: 0, fetch: () => new Promise<Response>(() => {}) });
  const cut = fetch(`http://${HOST}:${stuck.port}/`).then(
    () => "answered",
    () => "cut",
  );
  await stuck.stop(1);
  expect(await cut).toBe("cut");
});

// Bun looks every four seconds, and may be four seconds early.
test("a connection without progress is closed, a stream that is written to is not", async () => {
  const fetched = async (request: Request): Promise<Response> => {
    if (request.method === "POST") return new Response(await request.text());
    if (!request.url.endsWith("/stream")) return new Response("short");
    let ticks = 0;
    const stream = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await Bun.sleep(500);
        // Beyond the moment when a silent connection is closed at the latest.
        if (++ticks > 17) controller.close();
        else controller.enqueue(new TextEncoder().encode("."));
      },
    });
    return new Response(stream);
  };
  const server = serve({ hostname: HOST, port: 0, fetch: fetched, idleTimeoutS: 8 });
  const closed = async (sent: string): Promise<void> => {
    const gone = Promise.withResolvers<void>();
    const socket = { data() {}, close: () => gone.resolve() };
    (await Bun.connect({ hostname: HOST, port: server.port, socket })).write(sent);
    await gone.promise;
  };
  const stream = fetch(`http://${HOST}:${server.port}/stream`).then((answer) => answer.text());
  await Promise.all([
    closed("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    closed("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"),
  ]);
  expect(await stream).toBe(".".repeat(17));
  await server.stop(0);
}, 30_000);
