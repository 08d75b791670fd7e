/** A master that is given an agent's directory, and the other way round. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_KEY } from "../../src/agent/checkpoint.ts";
import { MeshError } from "../../src/base/errors.ts";
import { openCheckpointStore, salvageCheckpointStore } from "../../src/io/checkpoint-store.ts";
import { LevelRaftStore } from "../../src/io/raft-store.ts";

const directory = mkdtempSync(join(tmpdir(), "mesh-foreign-"));
const workDir = join(directory, "work");
const meta = join(workDir, "meta");
const dataDir = join(directory, "data");
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const CLI = join(import.meta.dir, "../../src/cli.ts");
const PLACE = ["--ip", "127.0.0.1", "--port", "0"];

/** What `mesh` says when it ends by itself. */
async function refusal(...words: string[]): Promise<string> {
  const child = Bun.spawn([process.execPath, CLI, ...words, ...PLACE], { stdout: "ignore", stderr: "pipe" });
  const said = await new Response(child.stderr).text();
  expect(await child.exited).toBe(1);
  return said.trim().split("\n").at(-1) ?? "";
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(MeshError);
  return (error as MeshError).message;
}

test("it is refused, with the reason, and left as it was", async () => {
  const checkpoint = await openCheckpointStore(meta);
  await checkpoint.write([{ key: AGENT_KEY, value: Buffer.from("one") }]);
  await checkpoint.close();
  const open = async (): Promise<LevelRaftStore> => {
    const store = new LevelRaftStore(dataDir, () => {});
    await store.open();
    return store;
  };
  const store = await open();
  await store.write({ identity: { clusterId: "mesh", memberId: "m" }, sync: true });
  await store.close();

  const master = ["master", "--raft-port", "0"];
  const agent = ["agent", "--master", "127.0.0.1:1", "--work-dir"];
  const said = await Promise.all([
    refusal(...master, "--data-dir", workDir),
    refusal(...master, "--data-dir", meta),
    refusal(...agent, dataDir),
  ]);
  expect(said).toEqual([
    `mesh: Cannot use the directory '${workDir}': it is the work directory of an agent; choose another with --data-dir`,
    `mesh: Cannot open the database "${meta}": it is the checkpoint of an agent; choose another --data-dir`,
    `mesh: Cannot use the directory '${dataDir}': it holds the database of a master; choose another with --work-dir`,
  ]);
  // A data directory that is named as an agent's own.
  const reason = `Cannot open the checkpoint in "${dataDir}": it is the database of a master; choose another --work-dir`;
  expect(await messageOf(openCheckpointStore(dataDir))).toBe(reason);
  expect(await messageOf(salvageCheckpointStore(dataDir, () => {}))).toBe(reason);

  const again = await openCheckpointStore(meta);
  expect((await again.readAll()).map(({ key }) => key)).toEqual([AGENT_KEY]);
  await again.close();
  await (await open()).close();
  expect(readdirSync(directory).sort()).toEqual(["data", "work"]);
});
