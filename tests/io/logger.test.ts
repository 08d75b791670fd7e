import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "../../src/io/logger.ts";

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "mesh-log-"));
});
afterAll(() => rm(directory, { recursive: true }));

async function entries(file: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(file, "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("writes one JSON line an entry, to a file in a folder that did not exist", async () => {
  const file = join(directory, "a", "mesh.log");
  const { log, close } = createLogger({ name: "master", file });
  log.info("Listening", { port: 5050, peer: undefined });
  log.debug("not shown");
  log.error("Broken");
  close();
  const [first, second, ...rest] = await entries(file);
  expect(first).toMatchObject({ name: "master", level: 30, msg: "Listening", port: 5050 });
  expect(second).toMatchObject({ level: 50, msg: "Broken" });
  expect(rest).toEqual([]);
});

test("verbosity shows debug lines for a while", async () => {
  const file = join(directory, "b.log");
  const { log, verbosity, close } = createLogger({ name: "agent", file });
  expect(verbosity.level()).toBe(0);
  verbosity.set(1, 20);
  expect(verbosity.level()).toBe(1);
  log.debug("shown");
  while (verbosity.level() !== 0) await new Promise((resolve) => setImmediate(resolve));
  log.debug("not shown");
  close();
  expect((await entries(file)).map((entry) => entry["msg"])).toEqual(["shown"]);
});

test("a file that cannot be written is refused with its name", () => {
  const file = join("/proc", "no-such-folder", "mesh.log");
  expect(() => createLogger({ name: "x", file })).toThrow(`Failed to write the log to '${file}'`);
});

test("writes to a file and to stderr when both are wanted, or to neither", async () => {
  const file = join(directory, "both.log");
  const script = `
    import { createLogger } from ${JSON.stringify(join(import.meta.dir, "../../src/io/logger.ts"))};
    createLogger({ name: "agent", file: ${JSON.stringify(file)}, toStderr: true }).log.info("both");
    createLogger({ name: "agent", file: ${JSON.stringify(file)} }).log.info("file alone");
    createLogger({ name: "agent", toStderr: false }).log.info("nowhere");`;
  const child = Bun.spawnSync([process.execPath, "-e", script], { stdio: ["ignore", "ignore", "pipe"] });
  const said = child.stderr
    .toString()
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as Record<string, unknown>)["msg"]);
  expect(said).toEqual(["both"]);
  expect((await entries(file)).map((entry) => entry["msg"])).toEqual(["both", "file alone"]);
});

test("a full disk costs lines and nothing else", () => {
  const { close, log } = createLogger({ name: "agent", file: "/dev/full" });
  log.error("no room for it");
  log.error("nor for this");
  close();
});
