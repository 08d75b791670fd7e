import { afterEach, expect, test } from "bun:test";
import { mkdtemp, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Log } from "../../src/base/log.ts";
import { watchWhitelist } from "../../src/main/whitelist-file.ts";

const warnings: string[] = [];
const log: Log = {
  debug() {},
  info() {},
  warn: (message) => void warnings.push(message),
  error() {},
};
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

test("names are told at once, when they change, and stay when the file goes", async () => {
  const directory = await mkdtemp(join(tmpdir(), "mesh-whitelist-"));
  closing.push(() => rm(directory, { recursive: true }));
  const path = join(directory, "agents");
  await writeFile(path, "one.test\ntwo.test\n");
  const told: string[][] = [];
  closing.push(await watchWhitelist(`file://${path}`, log, (names) => void told.push([...names]), 5));
  expect(told).toEqual([["one.test", "two.test"]]);
  await writeFile(path, "two.test\n");
  await until(() => told.length === 2);
  await unlink(path);
  await until(() => warnings.length > 0);
  expect(told).toEqual([["one.test", "two.test"], ["two.test"]]);
  await expect(watchWhitelist(path, log, () => {})).rejects.toThrow(/--whitelist/);
});

test("without the flag nothing is watched", async () => {
  const told: unknown[] = [];
  (await watchWhitelist(undefined, log, (names) => void told.push(names)))();
  expect(told).toEqual([]);
});
