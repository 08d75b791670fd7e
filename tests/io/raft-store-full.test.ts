/** A full disk: a small tmpfs of the test's own, which needs root. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LevelRaftStore } from "../../src/io/raft-store.ts";
import type { LogEntry } from "../../src/raft/types.ts";
import { bytes } from "../conformance/raft-store.ts";
import { mayRun } from "../support/must-run.ts";

const mountPoint = mkdtempSync(join(tmpdir(), "mesh-full-"));
const filler = join(mountPoint, "filler");
const mounted =
  process.platform === "linux" &&
  Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=32m", "mesh-test", mountPoint]).exitCode === 0;

beforeAll(() => {
  if (mounted) expect(readFileSync("/proc/self/mounts", "utf8")).toContain(mountPoint);
});
afterAll(() => {
  if (mounted) Bun.spawnSync(["umount", mountPoint]);
  rmSync(mountPoint, { recursive: true, force: true });
});

function big(index: number): LogEntry {
  return { index, term: 1, kind: "command", data: new Uint8Array(64 * 1024).fill(index) };
}

test.skipIf(!mayRun(mounted))(
  "a full disk stops writes; with room again they go on, and nothing is lost",
  async () => {
    const directory = join(mountPoint, "store");
    const failures: Error[] = [];
    const full = Promise.withResolvers<void>();
    const room = Promise.withResolvers<void>();
    const store = new LevelRaftStore(directory, (error) => failures.push(error));
    store.onFull = (isFull) => (isFull ? full : room).resolve();
    await store.open();
    await store.write({ hardState: { term: 1, votedFor: null }, sync: true });
    for (let index = 1; index <= 10; index++) await store.write({ entries: [big(index)], sync: true });
    try {
      writeFileSync(filler, Buffer.alloc(64 * 1024 * 1024));
    } catch {
      // As much as there was room for.
    }
    const waiting: Promise<void>[] = [];
    let durable = 10;
    for (let index = 11; index <= 30; index++) {
      waiting.push(store.write({ entries: [big(index)], sync: true }).then(() => void durable++));
    }
    await full.promise;
    expect(durable).toBeLessThan(30);
    rmSync(filler);
    await room.promise;
    await Promise.all(waiting);
    expect(failures).toEqual([]);
    expect((await store.readEntries(1, 30, 1e9)).length).toBe(30);
    await store.write({ stateChanges: [[bytes("k"), bytes("v")]], appliedIndex: 30, sync: true });
    await store.close();
    const again = new LevelRaftStore(directory, (error) => failures.push(error));
    const found = await again.open();
    expect([found.lastIndex, found.appliedIndex, found.damage ?? null]).toEqual([30, 30, null]);
    await again.close();
  },
);
