/** What every RaftStore promises, whatever it stands on. */
import { afterEach, describe, expect, test } from "bun:test";
import { MeshError } from "../../src/base/errors.ts";
import type { RaftStore, StateReader } from "../../src/raft/store.ts";
import type { EntryKind, LogEntry, StateRecord } from "../../src/raft/types.ts";

/** One disk, opened again and again. */
export interface StoreUnderTest {
  /** A store on the disk, not opened yet. */
  create(): RaftStore;
  dispose(): Promise<void>;
}

export function raftStoreConformance(name: string, makeDisk: () => StoreUnderTest): void {
  let disk: StoreUnderTest;
  async function opened() {
    const store = disk.create();
    return { store, found: await store.open() };
  }

  async function reopened(store: RaftStore) {
    await store.close();
    return opened();
  }

  describe(`raft store: ${name}`, () => {
    afterEach(() => disk.dispose());

    test("a new store is empty", async () => {
      disk = makeDisk();
      const { store, found } = await opened();
      expect(found.hardState).toEqual({ term: 0, votedFor: null });
      expect(found.snapshot.index).toBe(0);
      expect(found.snapshot.membership.length).toBe(0);
      expect([found.lastIndex, found.appliedIndex, found.tornEntries]).toEqual([0, 0, 0]);
      expect(found.identity).toBeNull();
      await store.close();
    });

    test("everything written is found again", async () => {
      disk = makeDisk();
      const { store } = await opened();
      await store.write({
        identity: { clusterId: "c", memberId: "m" },
        hardState: { term: 2, votedFor: "a:1" },
        entries: [entry(1, 1, "empty"), entry(2, 1), entry(3, 2, "config")],
        stateChanges: [
          [bytes("k1"), bytes("v1")],
          [bytes("k2"), bytes("v2")],
          [bytes("k1"), null],
        ],
        appliedIndex: 2,
        sync: true,
      });
      const { store: again, found } = await reopened(store);
      expect(found.identity).toEqual({ clusterId: "c", memberId: "m" });
      expect(found.hardState).toEqual({ term: 2, votedFor: "a:1" });
      expect(found.termRuns).toEqual([
        { index: 1, term: 1 },
        { index: 3, term: 2 },
      ]);
      expect(found.tailEntries.map(plain)).toEqual(["1/1 empty e1", "2/1 command e2", "3/2 config e3"]);
      expect(found.configEntries.map(plain)).toEqual(["3/2 config e3"]);
      expect([found.lastIndex, found.appliedIndex]).toEqual([3, 2]);
      expect(await allState(await again.readState())).toEqual(["k2=v2"]);
      await again.close();
    });

    test("writes issued together reach the disk in order", async () => {
      disk = makeDisk();
      const { store } = await opened();
      await Promise.all([
        store.write({ entries: [entry(1, 1), entry(2, 1)], sync: true }),
        store.write({ truncateFrom: 2, entries: [entry(2, 2, "command", "new")], sync: true }),
        store.write({ hardState: { term: 2, votedFor: null }, sync: true }),
        store.write({ hardState: { term: 3, votedFor: "b:1" }, sync: true }),
      ]);
      const { store: again, found } = await reopened(store);
      expect(found.tailEntries.map(plain)).toEqual(["1/1 command e1", "2/2 command new"]);
      expect(found.hardState).toEqual({ term: 3, votedFor: "b:1" });
      await again.close();
    });

    test("changes of the state are there after reading it, and after closing", async () => {
      disk = makeDisk();
      const { store } = await opened();
      await store.write({ entries: [entry(1, 1), entry(2, 1)], sync: true });
      const waiting = store.write({ stateChanges: [[bytes("a"), bytes("1")]], appliedIndex: 1, sync: false });
      await store.write({ hardState: { term: 1, votedFor: null }, sync: true });
      await (await store.readState()).close();
      await waiting;
      void store.write({ stateChanges: [[bytes("b"), bytes("2")]], appliedIndex: 2, sync: false });
      const { store: again, found } = await reopened(store);
      expect(found.appliedIndex).toBe(2);
      expect(await allState(await again.readState())).toEqual(["a=1", "b=2"]);
      await again.close();
    });

    test("entries are read by range and size, at least one", async () => {
      disk = makeDisk();
      const { store } = await opened();
      const entries = Array.from({ length: 600 }, (_, n) => entry(n + 1, 1, "command", "x".repeat(10)));
      const written = store.write({ entries, sync: true });
      expect((await store.readEntries(5, 9, 1_000)).map((e) => e.index)).toEqual([5, 6, 7, 8, 9]);
      expect((await store.readEntries(5, 9, 25)).map((e) => e.index)).toEqual([5, 6]);
      expect((await store.readEntries(5, 9, 1)).map((e) => e.index)).toEqual([5]);
      expect(await store.readEntries(1, 600, 1e9)).toHaveLength(600);
      expect(await store.readEntries(601, 700, 100)).toEqual([]);
      await written;
      await store.close();
    });

    test("compaction forgets the log up to an index and keeps the chain", async () => {
      disk = makeDisk();
      const { store } = await opened();
      const entries = [1, 2, 3, 4, 5].map((index) => entry(index, 1));
      await store.write({ entries, appliedIndex: 4, stateChanges: [], sync: true });
      await store.write({ compactTo: { index: 3, term: 1, membership: bytes("m") }, sync: true });
      expect(await store.readEntries(3, 5, 1e6)).toEqual([]);
      expect((await store.readEntries(4, 5, 1e6)).map((e) => e.index)).toEqual([4, 5]);
      await store.write({ entries: [entry(6, 2)], sync: true });
      const { store: again, found } = await reopened(store);
      expect([found.snapshot.index, found.snapshot.term, found.lastIndex]).toEqual([3, 1, 6]);
      expect(text(found.snapshot.membership)).toBe("m");
      expect(found.termRuns[0]).toEqual({ index: 4, term: 1 });
      await again.write({ truncateFrom: 5, entries: [entry(5, 3)], sync: true });
      const { store: third, found: last } = await reopened(again);
      expect(last.tailEntries.map((e) => `${e.index}/${e.term}`)).toEqual(["4/1", "5/3"]);
      await third.close();
    });

    test("the membership of a new cluster can be written before the first entry", async () => {
      disk = makeDisk();
      const { store } = await opened();
      await store.write({ compactTo: { index: 0, term: 0, membership: bytes("boot") }, sync: true });
      const { store: again, found } = await reopened(store);
      expect(text(found.snapshot.membership)).toBe("boot");
      await again.close();
    });

    test("a state reader sees one moment, in key order and in pieces", async () => {
      disk = makeDisk();
      const { store } = await opened();
      const changes = ["b", "a", "c"].map((key) => [bytes(key), bytes(`${key}1`)] as const);
      await store.write({ entries: [entry(1, 1)], stateChanges: changes, appliedIndex: 1, sync: true });
      const reader = await store.readState();
      const later = [[bytes("a"), bytes("changed")] as const, [bytes("d"), bytes("new")] as const];
      await store.write({ entries: [entry(2, 1)], stateChanges: later, appliedIndex: 2, sync: true });
      expect(reader.appliedIndex).toBe(1);
      const first = await reader.next(1);
      expect([first.records.length, first.done]).toEqual([1, false]);
      expect(await allState(reader, first.records)).toEqual(["a=a1", "b=b1", "c=c1"]);
      await store.close();
    });

    test("a transferred state takes the place of the old one and empties a differing log", async () => {
      disk = makeDisk();
      const { store } = await opened();
      await store.write({
        entries: [entry(1, 1), entry(2, 1)],
        stateChanges: [[bytes("old"), bytes("1")]],
        appliedIndex: 1,
        sync: true,
      });
      const snapshot = { index: 10, term: 4, membership: bytes("m4") };
      const chunk = (id: number, sequence: number, key: string, done: boolean) => ({
        id,
        sequence,
        snapshot,
        done,
        records: [[bytes(key), bytes("2")]] as StateRecord[],
      });
      await store.stageSnapshot(chunk(1, 0, "given up", false));
      await store.stageSnapshot(chunk(2, 0, "x", false));
      expect(await allState(await store.readState())).toEqual(["old=1"]);
      await store.stageSnapshot(chunk(2, 1, "y", true));
      expect(await allState(await store.readState())).toEqual(["x=2", "y=2"]);
      await store.write({ entries: [entry(11, 5)], sync: true });
      const { store: again, found } = await reopened(store);
      expect([found.snapshot.index, found.snapshot.term, found.appliedIndex]).toEqual([10, 4, 10]);
      expect(found.tailEntries.map(plain)).toEqual(["11/5 command e11"]);
      expect(await allState(await again.readState())).toEqual(["x=2", "y=2"]);
      await again.close();
    });

    test("a transferred state keeps later entries of a log that agrees with it", async () => {
      disk = makeDisk();
      const { store } = await opened();
      await store.write({ entries: [entry(1, 1), entry(2, 1), entry(3, 1)], sync: true });
      const snapshot = { index: 2, term: 1, membership: bytes("m") };
      await store.stageSnapshot({ id: 1, sequence: 0, snapshot, records: [], done: true });
      const { store: again, found } = await reopened(store);
      expect(found.tailEntries.map(plain)).toEqual(["3/1 command e3"]);
      expect(found.appliedIndex).toBe(2);
      await again.close();
    });

    test("an unfinished transfer leaves nothing behind", async () => {
      disk = makeDisk();
      const { store } = await opened();
      const snapshot = { index: 2, term: 1, membership: bytes("m") };
      const records: StateRecord[] = [[bytes("half"), bytes("1")]];
      await store.stageSnapshot({ id: 1, sequence: 0, snapshot, records, done: false });
      const { store: again, found } = await reopened(store);
      expect(found.lastIndex).toBe(0);
      expect(await allState(await again.readState())).toEqual([]);
      await again.close();
    });

    test("a second store on the same disk is refused", async () => {
      disk = makeDisk();
      const { store } = await opened();
      const error = await disk
        .create()
        .open()
        .catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(MeshError);
      expect(error instanceof MeshError && error.code).toBe("DIRECTORY_LOCKED");
      await store.close();
    });
  });
}

export function entry(
  index: number,
  term: number,
  kind: EntryKind = "command",
  data = `e${index}`,
): LogEntry {
  return { index, term, kind, data: bytes(data) };
}

export function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function text(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}

function plain(value: LogEntry): string {
  return `${value.index}/${value.term} ${value.kind} ${text(value.data)}`;
}

async function allState(reader: StateReader, before: readonly StateRecord[] = []): Promise<string[]> {
  const records = [...before];
  while (true) {
    const piece = await reader.next(4);
    records.push(...piece.records);
    if (piece.done) break;
  }
  await reader.close();
  return records.map(([key, value]) => `${text(key)}=${text(value)}`);
}
