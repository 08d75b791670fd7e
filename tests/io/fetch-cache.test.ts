import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fail, ok } from "../../src/base/result.ts";
import { type Bring, FetchCache } from "../../src/io/fetch-cache.ts";
import { createFetcher } from "../../src/io/fetcher.ts";

const never = new AbortController().signal;
let root = "";
let targets = 0;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "mesh-fetch-cache-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const target = (): string => join(root, `target-${++targets}`);
const kept = (): number => readdirSync(join(root, "cache")).length;
const open = (maxBytes: number): FetchCache => new FetchCache(join(root, "cache"), maxBytes);

/** Brings that many bytes and counts how often. */
class Source {
  brought = 0;
  readonly #bytes: number;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  readonly bring: Bring = async (path) => {
    this.brought++;
    writeFileSync(path, "x".repeat(this.#bytes));
    return ok(undefined);
  };
}

test("those who want one file at the same time share one download, and later ones find it", async () => {
  const cache = open(100);
  const source = new Source(10);
  const paths = [target(), target(), target()];
  const results = await Promise.all(paths.map((path) => cache.copyTo(path, "k", never, source.bring)));
  expect(results.every(({ ok: done }) => done)).toBe(true);
  expect((await cache.copyTo(target(), "k", never, source.bring)).ok).toBe(true);
  expect(source.brought).toBe(1);
  expect(paths.map((path) => [readFileSync(path, "utf8").length, statSync(path).mode & 0o777])).toEqual([
    [10, 0o644],
    [10, 0o644],
    [10, 0o644],
  ]);
});

test("what was used longest ago goes when there is too much; what is larger is handed out and not kept", async () => {
  const cache = open(100);
  const [a, b, c, huge] = [new Source(40), new Source(40), new Source(40), new Source(200)];
  const use = async (key: string, source: Source) =>
    expect((await cache.copyTo(target(), key, never, source.bring)).ok).toBe(true);
  await use("a", a);
  await use("b", b);
  await use("a", a);
  await use("c", c);
  expect(kept()).toBe(2);
  await use("a", a);
  await use("b", b);
  expect([a.brought, b.brought, c.brought]).toEqual([1, 2, 1]);
  await use("huge", huge);
  expect(kept()).toBe(0);
});

test("what failed is tried again; the end of one who waits is none for the others", async () => {
  const cache = open(100);
  const failing: Bring = async () => fail("no such host");
  expect(await cache.copyTo(target(), "k", never, failing)).toEqual(fail("no such host"));
  const gate = Promise.withResolvers<void>();
  let ended = 0;
  const slow: Bring = async (path, signal) => {
    signal.addEventListener("abort", () => ended++);
    await gate.promise;
    writeFileSync(path, "done");
    return ok(undefined);
  };
  const killed = new AbortController();
  const first = cache.copyTo(target(), "k", killed.signal, slow);
  const second = cache.copyTo(target(), "k", never, slow);
  killed.abort();
  expect(await first).toEqual(fail("cancelled"));
  gate.resolve();
  expect(await second).toEqual(ok(undefined));
  expect(ended).toBe(0);
});

test("a download that nobody waits for any more is ended and leaves nothing", async () => {
  const cache = open(100);
  const slow: Bring = async (path, signal) => {
    writeFileSync(path, "half");
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return fail("cancelled");
  };
  const killed = new AbortController();
  const only = cache.copyTo(target(), "k", killed.signal, slow);
  killed.abort();
  expect(await only).toEqual(fail("cancelled"));
  expect(kept()).toBe(0);
});

test("begins empty", () => {
  mkdirSync(join(root, "cache"));
  writeFileSync(join(root, "cache", "old"), "x");
  open(100);
  expect(kept()).toBe(0);
});

test("the fetcher takes from it what asks for it, and paths below --frameworks-home", async () => {
  const sandbox = mkdtempSync(join(root, "sandbox-"));
  writeFileSync(join(root, "app.conf"), "v1");
  const fetch = createFetcher({ cache: open(100), frameworksHome: root });
  const uri = { value: "app.conf", executable: false, extract: true };
  const bring = (outputFile: string, cache: boolean) =>
    fetch([{ ...uri, outputFile, cache }], sandbox, undefined, never);
  expect(await bring("one", true)).toEqual(ok(undefined));
  writeFileSync(join(root, "app.conf"), "v2");
  expect(await bring("two", true)).toEqual(ok(undefined));
  expect(await bring("three", false)).toEqual(ok(undefined));
  expect(["one", "two", "three"].map((name) => readFileSync(join(sandbox, name), "utf8"))).toEqual([
    "v1",
    "v1",
    "v2",
  ]);
  const homeless = await createFetcher()([uri], sandbox, undefined, never);
  expect(homeless).toMatchObject({ ok: false, error: expect.stringContaining("--frameworks-home") });
  expect(existsSync(join(sandbox, "app.conf"))).toBe(false);
});
