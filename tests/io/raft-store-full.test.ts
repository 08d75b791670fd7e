/** A full disk: a small tmpfs of the test's own, which needs root. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCheckpointStore, salvageCheckpointStore } from "../../src/io/checkpoint-store.ts";
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

function fill(): void {
  try {
    writeFileSync(filler, Buffer.alloc(64 * 1024 * 1024));
  } catch {
    // As much as there was room for.
  }
}

function big(index: number): LogEntry {
  return { index, term: 1, kind: "command", data: new Uint8Array(64 * 1024).fill(index) };
}

test.skipIf(!mayRun(mounted))(
  "a full disk stops writes, not reads of the state; with room again they go on, and nothing is lost",
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
    await store.write({ stateChanges: [[bytes("kept"), bytes("v")]], appliedIndex: 5, sync: true });
    await (await store.readState()).close();
    fill();
    const waiting: Promise<void>[] = [];
    let durable = 10;
    for (let index = 11; index <= 30; index++) {
      waiting.push(store.write({ entries: [big(index)], sync: true }).then(() => void durable++));
    }
    // Asked for before the store knows, and while it does: a backup is wanted now more than ever.
    const early = store.readState();
    await full.promise;
    expect(durable).toBeLessThan(30);
    // Another state takes over, once it is on disk.
    const snapshot = { index: 40, term: 1, membership: new Uint8Array(0) };
    const records = [[bytes("new"), bytes("v")]] as const;
    waiting.push(store.stageSnapshot({ id: 1, sequence: 0, snapshot, records, done: true }));
    for (const reader of [await early, await store.readState()]) {
      const { records, done } = await reader.next(1e6);
      expect([reader.appliedIndex, records.map(([key]) => Buffer.from(key).toString()), done]).toEqual([
        5,
        ["kept"],
        true,
      ]);
      await reader.close();
    }
    rmSync(filler);
    await room.promise;
    await Promise.all(waiting);
    expect(failures).toEqual([]);
    const after = await store.readState();
    expect([after.appliedIndex, (await after.next(1e6)).records.length]).toEqual([40, 1]);
    await after.close();
    await store.close();
    const again = new LevelRaftStore(directory, (error) => failures.push(error));
    const found = await again.open();
    expect([found.lastIndex, found.appliedIndex, found.damage ?? null]).toEqual([40, 40, null]);
    await again.close();
  },
);

test.skipIf(!mayRun(mounted))(
  "a disk that is full at the start is no damage: nothing is repaired or replaced",
  async () => {
    const logOf = (name: string) => new LevelRaftStore(join(mountPoint, name), () => {});
    const log = logOf("log");
    await log.open();
    await log.write({ entries: [big(1)], sync: true });
    await log.close();
    const meta = join(mountPoint, "meta");
    const store = await openCheckpointStore(meta);
    await store.write([{ key: "agent", value: new Uint8Array(1_000) }]);
    await store.close();
    fill();
    const lost: string[] = [];
    for (const open of [
      () => logOf("log").open(),
      () => openCheckpointStore(meta),
      () => salvageCheckpointStore(meta, (reason) => lost.push(reason)),
    ]) {
      const error = await open().catch((reason: unknown) => reason);
      expect(error).toMatchObject({
        code: "DIRECTORY_UNUSABLE",
        message: expect.stringContaining("; make room on its disk"),
      });
    }
    rmSync(filler);
    expect(lost).toEqual([]);
    const again = await openCheckpointStore(meta);
    expect((await again.readAll()).map(({ key }) => key)).toEqual(["agent"]);
    await again.close();
    const logAgain = logOf("log");
    expect((await logAgain.open()).lastIndex).toBe(1);
    await logAgain.close();
  },
);
