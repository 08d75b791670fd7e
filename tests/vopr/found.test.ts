/** What the simulator found, each as small as it could be made. */
import { expect, test } from "bun:test";
import { LevelRaftStore } from "../../src/io/raft-store.ts";
import { World } from "../sim/world.ts";
import { Machine } from "./machine.ts";
import { SimDatabase } from "./sim-database.ts";
import { SimDisk } from "./sim-disk.ts";

test("a compaction with no state to write beside it reaches the disk", async () => {
  const world = new World(1);
  const disk = new SimDisk(world, { writeMaxMs: 0, readMaxMs: 0, forgottenClearChance: 0 });
  const machine = new Machine(world, 0);
  machine.start();
  const newStore = (): LevelRaftStore =>
    new LevelRaftStore("m1", () => {}, {
      open: async () => new SimDatabase(disk, machine),
      after: () => () => {},
    });
  const membership = new TextEncoder().encode("members");
  const store = newStore();
  await finish(world, store.open());
  void store.write({ compactTo: { index: 0, term: 0, membership }, sync: false });
  await finish(world, store.write({ hardState: { term: 1, votedFor: null }, entries: [], sync: true }));
  const restored = await finish(world, newStore().open());
  expect(restored.snapshot.membership).toEqual(membership);
});

test("entries that are compacted while their reading waits for the disk are not taken for damaged", async () => {
  const world = new World(1);
  const disk = new SimDisk(world, { writeMaxMs: 10, readMaxMs: 0, forgottenClearChance: 0 });
  const machine = new Machine(world, 0);
  machine.start();
  const store = new LevelRaftStore("m1", () => {}, {
    open: async () => new SimDatabase(disk, machine),
    after: () => () => {},
  });
  await finish(world, store.open());
  const entries = [1, 2, 3].map((index) => ({
    index,
    term: 1,
    kind: "command" as const,
    data: new Uint8Array([index]),
  }));
  await finish(world, store.write({ entries, sync: true }));
  void store.write({ appliedIndex: 3, sync: false });
  const compacted = store.write({
    compactTo: { index: 2, term: 1, membership: new Uint8Array() },
    sync: true,
  });
  await finish(world, compacted);
  void store.write({ hardState: { term: 2, votedFor: null }, sync: true });
  const read = store.readEntries(3, 3, 1_000);
  void store.write({ compactTo: { index: 3, term: 1, membership: new Uint8Array() }, sync: true });
  expect(await finish(world, read)).toEqual([]);
});

test("a state that goes bad while the member runs ends its process, since only an opening repairs it", async () => {
  const world = new World(1);
  const disk = new SimDisk(world, { writeMaxMs: 0, readMaxMs: 0, forgottenClearChance: 0 });
  const machine = new Machine(world, 0);
  machine.start();
  const failures: string[] = [];
  const store = new LevelRaftStore("m1", (error) => failures.push(error.message), {
    open: async () => new SimDatabase(disk, machine),
    after: () => () => {},
  });
  await finish(world, store.open());
  const data = new Uint8Array([1]);
  const entries = [{ index: 1, term: 1, kind: "command" as const, data }];
  await finish(world, store.write({ entries, sync: true }));
  void store.write({ stateChanges: [[data, data]], appliedIndex: 1, sync: false });
  const before = await finish(world, store.readState());
  expect((await finish(world, before.next(1_000))).records).toEqual([[data, data]]);
  for (const key of disk.keys((candidate) => candidate.startsWith("s"))) disk.damage(key, data);
  const after = await finish(world, store.readState());
  expect(finish(world, after.next(1_000))).rejects.toThrow("wrong checksum");
  await Promise.resolve();
  expect(failures).toEqual([expect.stringContaining('Cannot read the database "m1"')]);
});

test("an entry that was replaced, and that damage brings back, is on the disk again", async () => {
  const world = new World(1);
  const disk = new SimDisk(world, { writeMaxMs: 0, readMaxMs: 0, forgottenClearChance: 0 });
  const machine = new Machine(world, 0);
  machine.start();
  const store = new LevelRaftStore("m1", () => {}, {
    open: async () => new SimDatabase(disk, machine),
    after: () => () => {},
  });
  await finish(world, store.open());
  const entry = (term: number) => ({
    index: 1,
    term,
    kind: "command" as const,
    data: new Uint8Array([term]),
  });
  await finish(world, store.write({ entries: [entry(1)], sync: true }));
  expect(disk.holds(1, 1)).toBe(true);
  await finish(world, store.write({ truncateFrom: 1, entries: [entry(2)], sync: true }));
  expect([disk.holds(1, 1), disk.holds(1, 2)]).toEqual([false, true]);
  for (const key of disk.keys((candidate) => candidate.startsWith("l"))) {
    disk.damage(key, disk.olderValue(key) ?? new Uint8Array());
  }
  expect(disk.holds(1, 1)).toBe(true);
  expect(disk.promised.holds(1, 1)).toBe(false);
  // What is on its way there does not count yet, and what it replaces still does.
  const replaced = store.write({ truncateFrom: 1, entries: [entry(3)], sync: true });
  expect([disk.holds(1, 1), disk.holds(1, 3)]).toEqual([true, false]);
  await finish(world, replaced);
  expect([disk.holds(1, 1), disk.holds(1, 3)]).toEqual([false, true]);
});

/** Lets virtual time pass until the work is done. */
async function finish<T>(world: World, work: Promise<T>): Promise<T> {
  let done = false;
  const mark = (): void => {
    done = true;
  };
  work.then(mark, mark);
  while (!done) {
    world.runUntil(world.nowMs + 1);
    await Promise.resolve();
  }
  return work;
}
