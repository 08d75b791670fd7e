/** Damage that only the real database can have; common promises: tests/conformance/raft-store.ts. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MeshError } from "../../src/base/errors.ts";
import { LevelDatabase } from "../../src/io/level.ts";
import { decodeLogRecord, encodeLogRecord } from "../../src/io/log-record.ts";
import { LevelRaftStore } from "../../src/io/raft-store.ts";
import { logKey, metaKey } from "../../src/io/store-keys.ts";
import type { RestoredStore } from "../../src/raft/store.ts";
import { entry } from "../conformance/raft-store.ts";

let directory: string;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "mesh-store-"));
  const store = new LevelRaftStore(directory, failed);
  await store.open();
  const entries = [1, 2, 3, 4, 5].map((index) => entry(index, 1));
  await store.write({ entries, stateChanges: [], appliedIndex: 2, sync: true });
  await store.close();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("a torn last record is cut and said", async () => {
  await damage(async (db) => {
    const value = await db.get(logKey(5));
    await db.write([{ type: "put", key: logKey(5), value: (value ?? new Uint8Array(0)).slice(0, 20) }], true);
  });
  const found = await reopen();
  expect(found.lastIndex).toBe(4);
  expect(found.tornEntries).toBe(1);
  expect((await reopen()).tornEntries).toBe(0);
});

test("a flipped bit with good records after it is refused, not cut", async () => {
  await flipBit(3);
  expect(await refusal()).toMatch(/LOG_DAMAGED .*entry 3 is damaged .*checksum.*empty --data-dir/);
});

test("a damaged last record that was applied is refused, not cut", async () => {
  await damage((db) =>
    db.write(
      [5, 4, 3].map((index) => ({ type: "del", key: logKey(index) })),
      true,
    ),
  );
  await flipBit(2);
  expect(await refusal()).toMatch(/LOG_DAMAGED .*entry 2 is damaged/);
});

test("a missing record in the middle is refused", async () => {
  await damage((db) => db.write([{ type: "del", key: logKey(3) }], true));
  expect(await refusal()).toMatch(/LOG_DAMAGED .*entry 3 before it is missing/);
});

test("a stale record with a good checksum of its own does not fit the chain", async () => {
  const stale = encodeLogRecord(entry(5, 1, "command", "of another history"), 12345).bytes;
  await damage((db) => db.write([{ type: "put", key: logKey(5), value: stale }], true));
  expect(await refusal()).toMatch(/LOG_DAMAGED .*does not follow the entry before it/);
});

test("a record under another index's key is refused", async () => {
  await damage(async (db) => {
    const value = (await db.get(logKey(3))) ?? new Uint8Array(0);
    await db.write([{ type: "put", key: logKey(4), value }], true);
  });
  expect(await refusal()).toMatch(/LOG_DAMAGED .*entry 4 is damaged \(it is entry 3, misplaced\)/);
});

test("a damaged vote is refused: it could be cast twice", async () => {
  const store = new LevelRaftStore(directory, failed);
  await store.open();
  await store.write({ hardState: { term: 7, votedFor: "a:1" }, sync: true });
  await store.close();
  await damage(async (db) => {
    const value = (await db.get(metaKey("hard-state"))) ?? new Uint8Array(0);
    value[value.length - 3] = (value[value.length - 3] ?? 0) ^ 1;
    await db.write([{ type: "put", key: metaKey("hard-state"), value }], true);
  });
  expect(await refusal()).toMatch(/LOG_DAMAGED .*"hard-state" is damaged/);
});

test("a path that cannot be a directory is named", async () => {
  const path = join(directory, "file");
  writeFileSync(path, "");
  const error = await new LevelRaftStore(path, failed).open().catch((reason: unknown) => reason);
  expect(error instanceof MeshError && `${error.code} ${error.message}`).toContain(`DIRECTORY_UNUSABLE`);
  expect(String(error)).toContain(path);
});

test("log records decode to what was encoded", () => {
  const { bytes, checksum } = encodeLogRecord(entry(2 ** 40, 3, "config"), 77);
  const record = decodeLogRecord(bytes);
  expect(record.ok && record.value).toEqual({
    entry: { ...entry(2 ** 40, 3, "config") },
    checksum,
    previousChecksum: 77,
  });
});

async function damage(change: (db: LevelDatabase) => Promise<void>): Promise<void> {
  const db = await LevelDatabase.open(directory);
  await change(db);
  await db.close();
}

function flipBit(index: number): Promise<void> {
  return damage(async (db) => {
    const value = (await db.get(logKey(index))) ?? new Uint8Array(0);
    value[value.length - 1] = (value[value.length - 1] ?? 0) ^ 4;
    await db.write([{ type: "put", key: logKey(index), value }], true);
  });
}

async function reopen(): Promise<RestoredStore> {
  const store = new LevelRaftStore(directory, failed);
  const found = await store.open();
  await store.close();
  return found;
}

async function refusal(): Promise<string> {
  const error = await new LevelRaftStore(directory, failed).open().catch((reason: unknown) => reason);
  return error instanceof MeshError ? `${error.code} ${error.message}` : `not refused: ${String(error)}`;
}

function failed(error: Error): never {
  throw error;
}
