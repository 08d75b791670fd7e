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
