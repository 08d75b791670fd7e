import { expect, test } from "bun:test";
import { startJoining } from "../../src/main/raft-joining.ts";

test("a master that asks to be taken in names its cluster, and says why it is refused", async () => {
  const said = Promise.withResolvers<string>();
  let asked: unknown;
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      asked = await request.json();
      return new Response("404 Not Found.", { status: 404 });
    },
  });
  const quiet = (): void => {};
  const stop = startJoining({
    id: "i",
    address: "m4:5060",
    cluster: "blue",
    masters: [`127.0.0.1:${server.port}`],
    log: { debug: quiet, info: quiet, warn: said.resolve, error: quiet },
    blank: () => true,
  });
  expect(await said.promise).toMatch(
    /^Cannot join the cluster at '.*': 404 Not Found. Is it a mesh master\?$/,
  );
  expect(asked).toEqual({ id: "i", address: "m4:5060", cluster: "blue" });
  stop();
});
