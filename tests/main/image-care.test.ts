import { expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { ok } from "../../src/base/result.ts";
import { ImageGc } from "../../src/main/image-care.ts";

test("what fails as unused images are looked for is said, and ends nothing", async () => {
  const said: unknown[] = [];
  const log = { ...silentLog, error: (_: string, fields?: object) => said.push(fields) };
  const settings = { headroom: 1, watchIntervalMs: 1_000, excluded: [] };
  const gone = new ImageGc({ prune: async () => ok([]) }, "/no/such/directory", settings, log);
  await gone.look();
  const failing = { prune: () => Promise.reject(new Error("EMFILE")) };
  await new ImageGc(failing, "/", settings, log).look();
  expect(said).toEqual([
    { reason: expect.stringContaining("ENOENT") },
    { reason: expect.stringContaining("EMFILE") },
  ]);
});
