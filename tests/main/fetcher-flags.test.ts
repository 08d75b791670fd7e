import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FETCHER_FLAGS, fetchSettings, readFetcherFlags } from "../../src/main/fetcher-flags.ts";
import { Flags } from "../../src/main/flags.ts";

const read = (given: Readonly<Record<string, string>>) =>
  readFetcherFlags(
    new Flags(FETCHER_FLAGS, new Map(Object.entries(given).map(([name, value]) => [name, [value]])), {}),
  );

test("defaults, and what was said", () => {
  expect(read({})).toEqual({ cacheBytes: 2 * 1024 ** 3, stallTimeoutMs: 60_000 });
  const given = { "fetcher-cache-size": "64MB", "fetcher-stall-timeout": "5secs", "frameworks-home": "/srv" };
  expect(read(given)).toEqual({ cacheBytes: 64 * 1024 ** 2, stallTimeoutMs: 5_000, frameworksHome: "/srv" });
  expect(() => read({ "fetcher-cache-size": "much" })).toThrow("bytes, for example 4096 or 4KB");
});

test("agents that share --fetcher-cache-dir keep apart", () => {
  const root = mkdtempSync(join(tmpdir(), "mesh-fetcher-"));
  try {
    const flags = read({ "fetcher-cache-dir": join(root, "shared") });
    fetchSettings(flags, "/var/lib/one");
    fetchSettings(flags, "/var/lib/two");
    expect([...new Bun.Glob("shared/mesh-*").scanSync({ cwd: root, onlyFiles: false })]).toHaveLength(2);
    fetchSettings(read({}), join(root, "work"));
    expect(existsSync(join(root, "work/fetch-cache"))).toBe(true);
  } finally {
    rmSync(root, { recursive: true });
  }
});
