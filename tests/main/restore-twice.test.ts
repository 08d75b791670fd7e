/** Two of `mesh raft restore` into one directory, at the same time. */
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backupStream } from "../../src/io/backup-file.ts";
import { restoreBackup } from "../../src/main/raft-backup.ts";
import type { StateRecord } from "../../src/raft/types.ts";
import { printed } from "../support/printed.ts";

const directory = mkdtempSync(join(tmpdir(), "mesh-restore-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test("the one that comes too late leaves what the other restores", async () => {
  const file = join(directory, "backup");
  const records: StateRecord[] = [[Buffer.from("key"), new Uint8Array(8)]];
  const header = { cluster: "mesh", featureLevel: 1, takenAtMs: 1, term: 1 };
  const reader = { appliedIndex: 1, next: async () => ({ records, done: true }), close: async () => {} };
  writeFileSync(file, await new Response(backupStream(header, reader)).bytes());
  const dataDir = join(directory, "new");
  const restore = () => restoreBackup({ file, dataDir, address: "127.0.0.1:5060" });
  let ends: PromiseSettledResult<void>[] = [];
  await printed(async () => {
    ends = await Promise.allSettled([restore(), restore()]);
  });
  expect(ends.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(existsSync(join(dataDir, "CURRENT"))).toBe(true);
});
