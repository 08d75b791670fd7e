import { expect, test } from "bun:test";
import { mkdtemp, readdir, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { linkLatest } from "../../src/io/latest-link.ts";

test("the link follows the newest sandbox and leaves nothing else behind", async () => {
  const root = await mkdtemp(join(tmpdir(), "mesh-latest-"));
  const runs = join(root, "executors", "t", "runs");
  await linkLatest(join(runs, "latest"), join(runs, "c-1"));
  expect(await readlink(join(runs, "latest"))).toBe("c-1");
  await linkLatest(join(runs, "latest"), join(runs, "c-2"));
  await linkLatest(join(runs, "latest"), join(runs, "c-2"));
  expect(await readlink(join(runs, "latest"))).toBe("c-2");
  expect(await readdir(runs)).toEqual(["latest"]);
  await rm(root, { recursive: true });
});
