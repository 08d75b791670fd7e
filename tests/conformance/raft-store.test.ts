import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LevelRaftStore } from "../../src/io/raft-store.ts";
import { MemoryDisk, MemoryRaftStore } from "../support/memory-raft-store.ts";
import { bytes, entry, raftStoreConformance } from "./raft-store.ts";

function failed(error: Error): never {
  throw error;
}

raftStoreConformance("level", () => {
  const directory = mkdtempSync(join(tmpdir(), "mesh-store-"));
  return {
    create: () => new LevelRaftStore(directory, failed),
    dispose: async () => rmSync(directory, { recursive: true, force: true }),
  };
});

raftStoreConformance("memory", () => {
  const disk = new MemoryDisk();
  return { create: () => new MemoryRaftStore(disk, failed), dispose: async () => {} };
});

test("memory: a crash loses what was not synced, and only that", async () => {
  const disk = new MemoryDisk();
  const store = new MemoryRaftStore(disk, failed);
  await store.open();
  await store.write({ entries: [entry(1, 1)], sync: true });
  void store.write({ stateChanges: [[bytes("k"), bytes("v")]], appliedIndex: 1, sync: false });
  store.crash();
  const found = await new MemoryRaftStore(disk, failed).open();
  expect([found.lastIndex, found.appliedIndex]).toEqual([1, 0]);
});

test("memory: a failed write is reported once and never resolves", async () => {
  const disk = new MemoryDisk();
  const { promise, resolve } = Promise.withResolvers<Error>();
  const store = new MemoryRaftStore(disk, resolve);
  await store.open();
  disk.failNext = true;
  let resolved = false;
  void store.write({ entries: [entry(1, 1)], sync: true }).then(() => {
    resolved = true;
  });
  expect((await promise).message).toContain("input/output error");
  disk.failNext = false;
  void store.write({ hardState: { term: 9, votedFor: null }, sync: true });
  await Promise.resolve();
  expect(resolved).toBe(false);
  expect(disk.durable.lastIndex).toBe(0);
});
