/** Damage that only the real database can have; common promises: tests/conformance/raft-store.ts. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MeshError } from "../../src/base/errors.ts";
import { LevelDatabase, type LevelOperation } from "../../src/io/level.ts";
import { EntryDamaged } from "../../src/io/log-reader.ts";
import { decodeLogRecord, encodeLogRecord } from "../../src/io/log-record.ts";
import { LevelRaftStore } from "../../src/io/raft-store.ts";
import { StateDamaged } from "../../src/io/state-reader.ts";
import { logKey, metaCopyKey, metaKey, stateKey } from "../../src/io/store-keys.ts";
import type { RestoredStore } from "../../src/raft/store.ts";
import { bytes, entry } from "../conformance/raft-store.ts";

let directory: string;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "mesh-store-"));
  const store = new LevelRaftStore(directory, failed);
  await store.open();
  await store.write({ compactTo: { index: 0, term: 0, membership: bytes("m0") }, sync: true });
  const entries = [1, 2, 3, 4, 5].map((index) => entry(index, 1));
  const hardState = { term: 1, votedFor: null };
  await store.write({ hardState, entries, stateChanges: [], appliedIndex: 2, sync: true });
  await store.close();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("a torn last write is cut with its whole batch", async () => {
  const [name] = readdirSync(directory).filter((file) => file.endsWith(".log"));
  const store = new LevelRaftStore(directory, failed);
  await store.open();
  await store.write({ entries: [entry(6, 1), entry(7, 1)], sync: true });
  await store.close();
  const wal = readdirSync(directory).filter((file) => file.endsWith(".log") && file !== name)[0] ?? "";
  truncateSync(join(directory, wal), statSync(join(directory, wal)).size - 10);
  const found = await reopen();
  expect([found.lastIndex, found.damage ?? null]).toEqual([5, null]);
});

describe("a record above the applied index that is damaged is kept, named and asked for again:", () => {
  const cases: [string, (value: Uint8Array) => Uint8Array | Promise<Uint8Array | null> | null, RegExp][] = [
    ["a flipped bit", (value) => flipped(value), /entry 4 .*checksum/],
    ["zeroes", (value) => new Uint8Array(value.length), /entry 4 .*checksum/],
    ["cut short", (value) => value.slice(0, 20), /entry 4 .*fewer than a header/],
    [
      "another entry's record, written to the wrong place",
      () => recordOf(3),
      /entry 4 .*it is entry 3, misplaced/,
    ],
    [
      "an old record of the same index",
      () => encodeLogRecord(entry(4, 1, "command", "of another history"), 12345).bytes,
      /entry 4 .*does not follow the entry before it/,
    ],
    ["missing", () => null, /entry 4 .*missing/],
  ];
  for (const [name, change, reason] of cases) {
    test(name, async () => {
      const good = await recordOf(4);
      await setRecord(4, await change(good));
      for (let opening = 0; opening < 2; opening++) {
        const found = await reopen();
        expect(found.lastIndex).toBe(3);
        expect(found.damage?.reason).toMatch(reason);
        expect([found.damage?.term, found.damage?.lastIndex]).toEqual([1, 5]);
      }
      expect((await recordOf(5)).length).toBeGreaterThan(0);
    });
  }
});

test("a damaged newest record is damage, not a torn write: its batch was complete", async () => {
  await setRecord(5, flipped(await recordOf(5)));
  const found = await reopen();
  expect([found.lastIndex, found.damage?.lastIndex]).toEqual([4, 5]);
});

test("an old record in the place of the newest is damage, although it fits the one before", async () => {
  await replaceByOld(5);
  const found = await reopen();
  expect([found.lastIndex, found.damage?.lastIndex]).toEqual([4, 5]);
  expect(found.damage?.reason).toContain("it is not the one that was written last");
});

test("an old record in the place of the applied entry is not in the log that goes on", async () => {
  await replaceByOld(2);
  const found = await reopen();
  expect([found.snapshot.index, found.snapshot.term, found.lastIndex]).toEqual([2, 1, 5]);
  expect(found.warnings?.join()).toContain(
    "Entry 2 of the log is damaged (it is not the one that was applied)",
  );
  expect(found.damage ?? null).toBeNull();
});

test("an old record above the applied index ends the log before the entry that does not follow it", async () => {
  await replaceByOld(4);
  const found = await reopen();
  expect([found.lastIndex, found.damage?.lastIndex]).toEqual([4, 5]);
});

test("a compaction never goes back behind a transferred state", async () => {
  const store = new LevelRaftStore(directory, failed);
  await store.open();
  const snapshot = { index: 9, term: 2, membership: bytes("m") };
  await store.stageSnapshot({ id: 1, sequence: 0, snapshot, records: [], done: true });
  expect(() => store.write({ compactTo: { ...snapshot, index: 0 }, sync: false })).toThrow(
    "goes back behind 9",
  );
  await store.close();
});

test("the same entries from the leader repair the log, later ones on disk included", async () => {
  await setRecord(3, flipped(await recordOf(3)));
  const store = new LevelRaftStore(directory, failed);
  expect((await store.open()).lastIndex).toBe(2);
  await store.write({ entries: [entry(3, 1)], sync: true });
  await store.close();
  const found = await reopen();
  expect([found.lastIndex, found.damage ?? null]).toEqual([5, null]);
});

test("an entry of a newer leader ends the repair and removes what is left of the old log", async () => {
  await setRecord(3, flipped(await recordOf(3)));
  const store = new LevelRaftStore(directory, failed);
  await store.open();
  await store.write({ entries: [entry(3, 2)], sync: true });
  await store.close();
  const found = await reopen();
  expect([found.lastIndex, found.damage ?? null]).toEqual([3, null]);
});

test("entries of older terms that no leader counts on need not come back, also after another opening", async () => {
  await setRecord(3, flipped(await recordOf(3)));
  const store = new LevelRaftStore(directory, failed);
  await store.open();
  await store.write({ hardState: { term: 1, votedFor: "b" }, damageLastIndex: 4, sync: true });
  await store.write({ damageLastIndex: 5, sync: true });
  await store.close();
  expect((await recordOf(5)).length).toBe(0);
  const again = new LevelRaftStore(directory, failed);
  const marked = await again.open();
  expect([marked.lastIndex, marked.damage?.lastIndex]).toEqual([2, 4]);
  await again.write({ entries: [entry(3, 1)], sync: true });
  await again.write({ entries: [entry(4, 1)], sync: true });
  await again.close();
  const found = await reopen();
  expect([found.lastIndex, found.damage ?? null]).toEqual([4, null]);
});

test("a log that reaches the new bound is repaired with the same write", async () => {
  await setRecord(4, flipped(await recordOf(4)));
  const store = new LevelRaftStore(directory, failed);
  expect((await store.open()).damage?.lastIndex).toBe(5);
  await store.write({ damageLastIndex: 3, sync: true });
  await store.close();
  const found = await reopen();
  expect([found.lastIndex, found.damage ?? null]).toEqual([3, null]);
});

test("damage at or below the applied index costs only log: its effect is in the state", async () => {
  await setRecord(2, flipped(await recordOf(2)));
  const found = await reopen();
  expect([found.snapshot.index, found.snapshot.term, found.lastIndex]).toEqual([2, 1, 5]);
  expect(found.damage ?? null).toBeNull();
  expect(found.warnings?.join()).toContain("Entry 2 of the log is damaged");
  expect((await reopen()).warnings).toEqual([]);
});

test("one that joined and knows no membership yet begins anew: its log could begin with none", async () => {
  for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true });
  const store = new LevelRaftStore(directory, failed);
  await store.open();
  const hardState = { term: 1, votedFor: null };
  const entries = [1, 2, 3].map((index) => entry(index, 1));
  await store.write({ hardState, entries, stateChanges: [], appliedIndex: 2, sync: true });
  await store.close();
  await setRecord(1, flipped(await recordOf(1)));
  const found = await reopen();
  expect([found.snapshot.index, found.appliedIndex, found.lastIndex]).toEqual([0, 0, 0]);
  expect(found.damage).toMatchObject({ term: 1, lastIndex: 3, reason: expect.stringContaining("entry 1") });
});

test("a member that begins anew begins with a membership that is committed, not with the newest of its log", async () => {
  const store = new LevelRaftStore(directory, failed);
  await store.open();
  await store.write({ compactTo: { index: 0, term: 0, membership: bytes("m0") }, sync: true });
  const config = (index: number, text: string) => ({
    index,
    term: 1,
    kind: "config" as const,
    data: bytes(text),
  });
  await store.write({ entries: [config(6, "m6"), config(7, "m7")], sync: true });
  await store.write({ stateChanges: [], appliedIndex: 6, sync: true });
  await store.close();
  const again = new LevelRaftStore(directory, failed);
  await again.open();
  const found = await again.abandonState("test");
  expect([found.lastIndex, found.snapshot.index, found.appliedIndex]).toEqual([7, 0, 0]);
  expect(Buffer.from(found.snapshot.membership).toString()).toBe("m6");
  expect(found.configEntries.map(({ index }) => index)).toEqual([6, 7]);
  await again.close();
});

test("a damaged state value is found, and the member begins anew with a mark", async () => {
  const store = new LevelRaftStore(directory, failed);
  await store.open();
  const stateChanges = [[bytes("key"), bytes("value")] as const];
  await store.write({ stateChanges, appliedIndex: 3, sync: true });
  await store.write({ compactTo: { index: 2, term: 1, membership: bytes("m") }, sync: true });
  await store.close();
  await damage(async (db) => {
    const key = stateKey(0, bytes("key"));
    await db.write([{ type: "put", key, value: flipped((await db.get(key)) ?? bytes("")) }], true);
  });
  const again = new LevelRaftStore(directory, failed);
  await again.open();
  const reader = await again.readState();
  const error = await reader.next(1e6).catch((reason: unknown) => reason);
  await reader.close();
  expect(error).toBeInstanceOf(StateDamaged);
  const found = await again.abandonState(String(error));
  expect([found.lastIndex, found.appliedIndex, found.damage?.lastIndex]).toEqual([0, 0, 5]);
  expect(Buffer.from(found.snapshot.membership).toString()).toBe("m");
  const records = [[bytes("key"), bytes("value")] as const];
  const snapshot = { index: 9, term: 2, membership: bytes("m") };
  await again.stageSnapshot({ id: 1, sequence: 0, snapshot, records, done: true });
  await again.close();
  const after = await reopen();
  expect([after.appliedIndex, after.damage ?? null]).toEqual([9, null]);
});

test("a state is read with its index though one copy of that goes bad while the member runs", async () => {
  let database: LevelDatabase | undefined;
  const failures: string[] = [];
  const store = new LevelRaftStore(directory, ({ message }) => failures.push(message), {
    open: async (path) => {
      database = await LevelDatabase.open(path);
      return database;
    },
    after: () => () => {},
  });
  await store.open();
  await store.write({ hardState: { term: 2, votedFor: null }, sync: true });
  await database?.write([{ type: "put", key: metaKey("applied"), value: bytes("bad") }], true);
  const reader = await store.readState();
  expect(reader.appliedIndex).toBe(2);
  await reader.close();
  await database?.write([{ type: "put", key: metaCopyKey("applied"), value: bytes("bad") }], true);
  expect(await store.readState().catch((reason: unknown) => reason)).toBeInstanceOf(StateDamaged);
  expect(failures).toEqual([expect.stringContaining('both copies of the record "applied" are damaged')]);
  await store.close();
});

test.each([false, true])(
  "what a transfer left half done is no part of the next one's state (log damaged: %p)",
  async (spoilt) => {
    const first = new LevelRaftStore(directory, failed);
    await first.open();
    const snapshot = { index: 9, term: 2, membership: bytes("m") };
    const left = [[bytes("left"), bytes("over")] as const];
    await first.stageSnapshot({ id: 1, sequence: 0, snapshot, records: left, done: false });
    await first.close();
    if (spoilt) await setRecord(4, flipped(await recordOf(4)));
    const store = new LevelRaftStore(directory, failed);
    await store.open();
    const records = [[bytes("key"), bytes("value")] as const];
    await store.stageSnapshot({ id: 2, sequence: 0, snapshot, records, done: true });
    await store.close();
    const again = new LevelRaftStore(directory, failed);
    expect((await again.open()).damage ?? null).toBeNull();
    const reader = await again.readState();
    const found = await reader.next(1e6);
    await reader.close();
    await again.close();
    expect(found.records.map(([key]) => Buffer.from(key).toString())).toEqual(["key"]);
  },
);

test("writes that the database passes over in silence are missed", async () => {
  const store = new LevelRaftStore(directory, failed);
  await store.open();
  for (const index of [6, 7, 8]) await store.write({ entries: [entry(index, 1)], sync: true });
  await store.write({ hardState: { term: 4, votedFor: "b" }, sync: true });
  await store.close();
  const wal = join(directory, readdirSync(directory).filter((file) => file.endsWith(".log"))[0] ?? "");
  const content = readFileSync(wal);
  const at = content.lastIndexOf(Buffer.from("e7"));
  content[at] = (content[at] ?? 0) ^ 1;
  writeFileSync(wal, content);
  const found = await reopen();
  expect(found.damage?.reason).toContain("acknowledged writes are missing");
  expect([found.damage?.term, found.damage?.lastIndex, found.hardState.votedFor]).toEqual([4, 8, "b"]);
  expect((await reopen()).damage?.lastIndex).toBe(8);
});

test("one damaged copy of a vote is restored; two are refused: it could be cast twice", async () => {
  const store = new LevelRaftStore(directory, failed);
  await store.open();
  await store.write({ hardState: { term: 7, votedFor: "a:1" }, sync: true });
  await store.close();
  const spoil = (key: Uint8Array): Promise<void> =>
    damage(async (db) => {
      await db.write([{ type: "put", key, value: flipped((await db.get(key)) ?? bytes("")) }], true);
    });
  for (const key of [metaKey("hard-state"), metaCopyKey("hard-state")]) {
    await spoil(key);
    expect((await reopen()).hardState).toEqual({ term: 7, votedFor: "a:1" });
  }
  await spoil(metaKey("hard-state"));
  await spoil(metaCopyKey("hard-state"));
  expect(await refusal()).toMatch(/LOG_DAMAGED .*"hard-state" is damaged/);
});

test.each([
  ["empty", 0, "its checksum does not match"],
  ["cut within its checksum", 3, "its checksum does not match"],
  // A checksum of nothing but the text, as of older formats, would be 0 and fit.
  ["four zero bytes", 4, "its checksum does not match"],
  ["all zeroes", 40, "its checksum does not match"],
])("a fact that is %s is damage like any other", async (_name, length, reason) => {
  const value = new Uint8Array(length);
  await damage((db) => db.write([{ type: "put", key: metaKey("applied"), value }], true));
  await damage((db) => db.write([{ type: "put", key: metaKey("hard-state"), value }], true));
  const found = await reopen();
  expect([found.hardState.term, found.lastIndex]).toEqual([1, 5]);
  for (const key of [metaKey("hard-state"), metaCopyKey("hard-state")]) {
    await damage((db) => db.write([{ type: "put", key, value }], true));
  }
  const told = await refusal();
  expect(told).toMatch(/LOG_DAMAGED .*"hard-state" is damaged/);
  expect(told).toContain(reason);
});

describe("entries that go bad while the member runs are not given to others:", () => {
  const old = encodeLogRecord(entry(4, 1, "command", "of another history"), 12345).bytes;
  const cases: [string, number, LevelOperation][] = [
    ["a flipped bit", 4, { type: "put", key: logKey(4), value: Uint8Array.from(old).fill(1, 3, 4) }],
    ["an old record of the same index", 4, { type: "put", key: logKey(4), value: old }],
    ["missing", 4, { type: "del", key: logKey(4) }],
    ["the newest one missing", 5, { type: "del", key: logKey(5) }],
  ];
  for (const [name, index, operation] of cases) {
    test(name, async () => {
      let database: LevelDatabase | undefined;
      const open = async (path: string): Promise<LevelDatabase> => {
        database = await LevelDatabase.open(path);
        return database;
      };
      const store = new LevelRaftStore(directory, failed, { open, after: () => () => {} });
      await store.open();
      expect(await store.readEntries(2, 5, 1e6)).toHaveLength(4);
      await database?.write([operation], true);
      expect(await store.readEntries(2, index - 1, 1e6)).toHaveLength(index - 2);
      for (const from of [2, index]) {
        const error = await store.readEntries(from, 5, 1e6).catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(EntryDamaged);
        expect(String(error)).toContain(`Entry ${index} of the log was damaged on disk`);
      }
      await store.close();
    });
  }
});

test("without its file CURRENT no new database begins over the old one; one that never was begun does", async () => {
  rmSync(join(directory, "CURRENT"));
  expect(await refusal()).toMatch(/LOG_DAMAGED .*CURRENT is missing; replace/);
  for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true });
  writeFileSync(join(directory, "MANIFEST-000001"), "");
  const store = new LevelRaftStore(directory, failed);
  expect((await store.open()).lastIndex).toBe(0);
  await store.close();
});

test("a lost file of the database is refused with the way out", async () => {
  rmSync(join(directory, "CURRENT"));
  writeFileSync(join(directory, "CURRENT"), "MANIFEST-999999\n");
  expect(await refusal()).toMatch(/LOG_DAMAGED .*mesh raft restore/);
});

test("a path that cannot be a directory is named", async () => {
  const path = join(directory, "file");
  writeFileSync(path, "");
  const error = await new LevelRaftStore(path, failed).open().catch((reason: unknown) => reason);
  expect(error instanceof MeshError && `${error.code} ${error.message}`).toContain(`DIRECTORY_UNUSABLE`);
  expect(String(error)).toContain(path);
});

test("log records decode to what was encoded", () => {
  const encoded = encodeLogRecord(entry(2 ** 40, 3, "config"), 77);
  const record = decodeLogRecord(encoded.bytes);
  expect(record.ok && record.value).toEqual({
    entry: { ...entry(2 ** 40, 3, "config") },
    checksum: encoded.checksum,
    previousChecksum: 77,
  });
});

async function damage(change: (db: LevelDatabase) => Promise<void>): Promise<void> {
  const db = await LevelDatabase.open(directory);
  await change(db);
  await db.close();
}

function flipped(value: Uint8Array): Uint8Array {
  const out = Uint8Array.from(value);
  out[out.length - 1] = (out[out.length - 1] ?? 0) ^ 4;
  return out;
}

async function recordOf(index: number): Promise<Uint8Array> {
  const db = await LevelDatabase.open(directory);
  const value = await db.get(logKey(index));
  await db.close();
  return value ?? new Uint8Array(0);
}

function setRecord(index: number, value: Uint8Array | null): Promise<void> {
  const key = logKey(index);
  return damage((db) =>
    db.write([value === null ? { type: "del", key } : { type: "put", key, value }], true),
  );
}

/** By a record that follows the same one as the present record. */
async function replaceByOld(index: number): Promise<void> {
  const record = decodeLogRecord(await recordOf(index));
  if (!record.ok) throw new Error(record.error);
  const { previousChecksum } = record.value;
  const old = encodeLogRecord(entry(index, 1, "command", "of another history"), previousChecksum);
  await setRecord(index, old.bytes);
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
