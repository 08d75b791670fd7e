/** A start of an agent that fails leaves no directory behind that it made. */
import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const CLI = join(import.meta.dir, "../../src/cli.ts");
const directory = mkdtempSync(join(tmpdir(), "mesh-work-directory-"));
afterEach(() => {
  for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true });
});

/** What an agent in `workDir` says that ends by itself. */
function refusal(workDir: string, ...words: string[]): Promise<string> {
  const agent = ["agent", "--master", "127.0.0.1:1", "--ip", "127.0.0.1", "--port", "0"];
  return refusalOf([...agent, "--work-dir", workDir, ...words]);
}

async function refusalOf(words: readonly string[]): Promise<string> {
  const command = [process.execPath, CLI, ...words];
  const child = Bun.spawn(command, { stdout: "ignore", stderr: "pipe" });
  const said = await new Response(child.stderr).text();
  expect(await child.exited).not.toBe(0);
  return said.trim().split("\n").at(-1) ?? "";
}

test.each([
  ["a flag that is wrong by itself", ["--resources", "bad"], "--resources"],
  ["one that the machine cannot keep", ["--xfs-project-range", "[5000-10000]"], "--xfs-project-range"],
  ["a port of another", ["--port", "PORT"], "--port"],
])("after %s", async (_what, words, flag) => {
  const other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const given = words.map((word) => (word === "PORT" ? `${other.port}` : word));
  expect(await refusal(join(directory, "a/b"), ...given)).toContain(flag);
  expect(existsSync(join(directory, "a"))).toBe(false);
  other.stop(true);
});

test("one that was there stays", async () => {
  mkdirSync(join(directory, "a"));
  expect(await refusal(join(directory, "a"), "--resources", "bad")).toContain("--resources");
  expect(readdirSync(directory)).toEqual(["a"]);
});

test("of `mesh dev`, too, whichever of the two cannot start", async () => {
  const other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const dev = ["dev", "--dir", join(directory, "a/b"), "--raft-port", "0", "--agent-port", "0"];
  expect(await refusalOf([...dev, "--port", "0", "--resources", "bad"])).toContain("--resources");
  expect(existsSync(join(directory, "a"))).toBe(false);
  expect(await refusalOf([...dev, "--port", `${other.port}`])).toContain("--port");
  expect(existsSync(join(directory, "a"))).toBe(false);
  other.stop(true);
});
