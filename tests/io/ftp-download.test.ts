import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFetcher } from "../../src/io/fetcher.ts";
import { FtpServer } from "../support/ftp-server.ts";
import { mayRun } from "../support/must-run.ts";

const possible = mayRun(Bun.which("curl") !== null);
const never = new AbortController().signal;
const content = new Uint8Array(3_000).map((_, at) => at % 251);
let sandbox: string;
let server: FtpServer;
let held: PromiseWithResolvers<void>;

beforeEach(() => {
  sandbox = mkdtempSync(join(tmpdir(), "mesh-ftp-"));
  held = Promise.withResolvers();
  server = new FtpServer({
    "pub/data.bin": { content },
    'pub/a [1] "b".bin': { content },
    "pub/held.bin": { content, until: held.promise },
  });
});
afterEach(() => {
  held.resolve();
  server.stop();
  rmSync(sandbox, { recursive: true });
});

async function fetched(
  path: string,
  { who = "", maxBytes = 10_000, stallTimeoutMs = 10_000, signal = never, scheme = "ftp" } = {},
): Promise<string | undefined> {
  const value = `${scheme}://${who}127.0.0.1:${server.port}/${path}`;
  const uri = { value, executable: false, extract: true, outputFile: "got" };
  const done = await createFetcher({ maxBytes, stallTimeoutMs })([uri], sandbox, undefined, signal);
  return done.ok ? undefined : done.error;
}

test.skipIf(!possible)("a file comes byte by byte, as who the URI says", async () => {
  expect(await fetched("pub/data.bin", { who: "me:word@" })).toBeUndefined();
  expect(new Uint8Array(readFileSync(join(sandbox, "got")))).toEqual(content);
  expect(server.commands).toContain("USER me");
  expect(server.commands).toContain("PASS word");
  expect(await fetched('pub/a%20[1]%20"b".bin')).toBeUndefined();
});

test.skipIf(!possible)("what cannot be had fails with the reason, and leaves nothing", async () => {
  expect(await fetched("pub/none")).toContain("curl: (78)");
  expect(await fetched("pub/data.bin", { who: "me:wrong@" })).toContain("curl: (67)");
  expect(await fetched("pub/data.bin", { maxBytes: 2_000 })).toContain("it is larger than 2000 bytes");
  expect(await fetched("pub/held.bin", { stallTimeoutMs: 300 })).toContain("no data for 300 ms");
  const stop = new AbortController();
  const stopped = fetched("pub/held.bin", { signal: stop.signal });
  server.asked("RETR held.bin").then(() => stop.abort());
  expect(await stopped).toContain("cancelled");
  expect(existsSync(join(sandbox, "got"))).toBe(false);
});
