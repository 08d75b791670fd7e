/** What a store does with what it is asked while its disk says that it is full. */
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Database, LevelOperation } from "../../src/io/level.ts";
import { LevelRaftStore } from "../../src/io/raft-store.ts";
import { openChecked } from "../../src/io/raft-store-open.ts";
import { bytes } from "../conformance/raft-store.ts";

const made: string[] = [];
afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});

const NO_ROOM = new Error("IO error: No space left on device");

/** A store on a disk whose writes, or also its openings, fail for want of room. */
class Disk {
  writes: "go" | "fail" = "go";
  opens: "go" | "fail" = "go";
  readonly written: LevelOperation[] = [];
  /** Opened for want of room, in vain. */
  refusedOpenings = 0;
  /** Timers fire only when `letPass` is called. */
  stopped = false;
  readonly #timers = new Set<() => void>();
  readonly full = Promise.withResolvers<void>();
  readonly room = Promise.withResolvers<void>();
  readonly store: LevelRaftStore;

  constructor() {
    const directory = mkdtempSync(join(tmpdir(), "mesh-store-waiting-"));
    made.push(directory);
    const fail = (error: Error): void => {
      throw error;
    };
    this.store = new LevelRaftStore(directory, fail, {
      open: async (path) => {
        if (this.opens === "fail") {
          this.refusedOpenings++;
          throw NO_ROOM;
        }
        return this.#watched(await openChecked(path));
      },
      after: (_delayMs, run) => {
        this.#timers.add(run);
        setImmediate(() => {
          if (!this.stopped) this.letPass();
        });
        return () => this.#timers.delete(run);
      },
    });
    this.store.onFull = (isFull) => (isFull ? this.full : this.room).resolve();
  }

  get waiting(): number {
    return this.#timers.size;
  }

  letPass(): void {
    for (const run of [...this.#timers]) if (this.#timers.delete(run)) run();
  }

  #watched(db: Database): Database {
    return {
      write: async (operations, sync) => {
        if (this.writes === "fail") throw NO_ROOM;
        this.written.push(...operations);
        await db.write(operations, sync);
      },
      clear: (range) => db.clear(range),
      view: () => db.view(),
      close: () => db.close(),
      lost: db.lost ?? null,
    };
  }
}

test("of transfers that a leader begins again and again, only the newest waits for room", async () => {
  const disk = new Disk();
  const { store } = disk;
  await store.open();
  await store.write({ hardState: { term: 1, votedFor: null }, sync: true });
  disk.writes = "fail";
  const snapshot = { index: 40, term: 1, membership: new Uint8Array(0) };
  const stage = (id: number) =>
    store.stageSnapshot({
      id,
      sequence: 0,
      snapshot,
      records: [[bytes(`of ${id}`), bytes("v")]],
      done: false,
    });
  void stage(1);
  await disk.full.promise;
  for (let id = 2; id < 20; id++) void stage(id);
  const last = stage(20);
  disk.written.length = 0;
  disk.writes = "go";
  await disk.room.promise;
  await last;
  const names = disk.written
    .map(({ key }) => Buffer.from(key).toString())
    .filter((key) => key.includes("of "));
  // The first one was under way already.
  expect(names.map((name) => name.slice(name.indexOf("of ")))).toEqual(["of 1", "of 20"]);
  const records = [[bytes("rest"), bytes("v")]] as const;
  await store.stageSnapshot({ id: 20, sequence: 1, snapshot, records, done: true });
  const reader = await store.readState();
  const state = await reader.next(1e6);
  expect(state.records.map(([key]) => Buffer.from(key).toString())).toEqual(["of 20", "rest"]);
  await reader.close();
  await store.close();
});

test("who asks for the state is told after a pause that there is no room to open the database", async () => {
  const disk = new Disk();
  const { store } = disk;
  await store.open();
  await store.write({ hardState: { term: 1, votedFor: null }, sync: true });
  disk.writes = "fail";
  disk.opens = "fail";
  const write = store.write({ hardState: { term: 2, votedFor: null }, sync: true });
  await disk.full.promise;
  await until(() => disk.refusedOpenings > 0);
  disk.stopped = true;
  let told = false;
  const asked = store.readState().catch((error: unknown) => {
    told = true;
    return error;
  });
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(told).toBe(false);
  disk.stopped = false;
  disk.letPass();
  expect(await asked).toBe(NO_ROOM);
  disk.opens = "go";
  disk.writes = "go";
  await write;
  await (await store.readState()).close();
  await store.close();
});

test("a state that is older than the log, of which no transfer can come, is handed out after a pause", async () => {
  const disk = new Disk();
  const { store } = disk;
  await store.open();
  const entry = (index: number) => ({ index, term: 1, kind: "command", data: bytes(`${index}`) }) as const;
  const entries = Array.from({ length: 10 }, (_, at) => entry(at + 1));
  await store.write({ hardState: { term: 1, votedFor: null }, entries, appliedIndex: 5, sync: true });
  await (await store.readState()).close();
  disk.writes = "fail";
  const snapshot = { index: 8, term: 1, membership: new Uint8Array(0) };
  const write = store.write({ appliedIndex: 10, compactTo: snapshot, sync: true });
  await disk.full.promise;
  disk.stopped = true;
  const before = disk.waiting;
  let reader: Awaited<ReturnType<typeof store.readState>> | undefined;
  const asked = store.readState().then((given) => {
    reader = given;
  });
  await until(() => reader !== undefined || disk.waiting > before);
  expect(reader).toBeUndefined();
  disk.stopped = false;
  disk.letPass();
  await asked;
  expect(reader?.appliedIndex).toBe(5);
  // The database under it is opened anew at the same time.
  await reader?.close().catch(() => {});
  disk.writes = "go";
  await write;
  const later = await store.readState();
  expect(later.appliedIndex).toBe(10);
  await later.close();
  await store.close();
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
