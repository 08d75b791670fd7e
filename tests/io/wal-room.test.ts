import { afterEach, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LevelDatabase } from "../../src/io/level.ts";
import { openChecked } from "../../src/io/raft-store-open.ts";
import { endOfRecords, findLostWrites } from "../../src/io/raft-store-wal.ts";
import { WalRoom } from "../../src/io/wal-room.ts";

const DEADLINE_MS = 20_000;
const VALUE = new Uint8Array(600).fill(7);

const directories: string[] = [];

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), "mesh-wal-room-"));
  directories.push(path);
  return join(path, "db");
}

afterEach(() => {
  for (const path of directories.splice(0)) rmSync(path, { recursive: true, force: true });
});

function key(i: number): Uint8Array {
  return Buffer.from(`key ${String(i).padStart(8, "0")}`);
}

async function put(db: LevelDatabase, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) await db.write([{ type: "put", key: key(i), value: VALUE }], false);
}

/** The newest one; undefined while there is none. */
function wal(path: string): string | undefined {
  const names = readdirSync(path).filter((name) => /^\d+\.log$/.test(name));
  const last = names.sort().at(-1);
  return last === undefined ? undefined : join(path, last);
}

function roomAt(path: string): number {
  const file = wal(path);
  if (file === undefined) return 0;
  const bytes = readFileSync(file);
  return bytes.length - (endOfRecords(bytes) ?? bytes.length);
}

/** Without reading all of it; no value here ends with a zero. */
function hasRoom(path: string): boolean {
  const file = wal(path);
  return file !== undefined && readFileSync(file).at(-1) === 0;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`Waited in vain: ${what}`);
    await Bun.sleep(5);
  }
}

/** A copy as a crash would leave it: nothing is closed. */
function crashed(path: string): string {
  const copy = directory();
  cpSync(path, copy, { recursive: true });
  rmSync(join(copy, "LOCK"), { force: true });
  return copy;
}

async function opened(): Promise<{ path: string; db: LevelDatabase }> {
  const path = directory();
  return { path, db: await LevelDatabase.open(path, new WalRoom(path)) };
}

test("there is room behind the records, and a crash does not mind it", async () => {
  const { path, db } = await opened();
  await put(db, 0, 10);
  await until("room behind the records", () => roomAt(path) > 0);
  await put(db, 10, 20);
  const length = statSync(wal(path) ?? "").size;
  const copy = crashed(path);
  expect(statSync(wal(copy) ?? "").size).toBe(length);
  const again = await openChecked(copy);
  expect(again.lost).toBeNull();
  for (let i = 0; i < 20; i++) expect(await again.get(key(i))).toEqual(VALUE);
  await again.close();
  await db.close();
});

test("closing cuts it, and what was written stays", async () => {
  const { path, db } = await opened();
  await put(db, 0, 50);
  await until("room behind the records", () => roomAt(path) > 0);
  await db.close();
  expect(roomAt(path)).toBe(0);
  const again = await openChecked(path);
  expect(again.lost).toBeNull();
  expect(await again.get(key(49))).toEqual(VALUE);
  await again.close();
});

test("it grows with what is written, and LevelDB's next file gets its own", async () => {
  const { path, db } = await opened();
  await put(db, 0, 1);
  const first = wal(path);
  for (let i = 1; wal(path) === first; i += 50) {
    await put(db, i, i + 50);
    await until("room for what comes next", () => wal(path) !== first || hasRoom(path));
  }
  const deadline = performance.now() + DEADLINE_MS;
  for (let i = 1_000_000; !hasRoom(path); i++) {
    await put(db, i, i + 1);
    expect(performance.now()).toBeLessThan(deadline);
  }
  await db.close();
}, 60_000);

test("a torn record before the room is the end; good ones behind a damaged one are not", async () => {
  const { path, db } = await opened();
  await put(db, 0, 10);
  await until("room behind the records", () => roomAt(path) > 0);
  const [torn, damaged] = [crashed(path), crashed(path)];
  await db.close();
  const file = wal(torn) ?? "";
  const bytes = readFileSync(file);
  const end = endOfRecords(bytes) ?? 0;
  // The last half of the newest record never reached the disk.
  writeFileSync(
    file,
    Buffer.concat([bytes.subarray(0, end - 300), new Uint8Array(bytes.length - end + 300)]),
  );
  expect(await findLostWrites(torn)).toBeNull();
  const again = await openChecked(torn);
  expect(await again.get(key(8))).toEqual(VALUE);
  expect(await again.get(key(9))).toBeUndefined();
  await again.close();
  const middle = wal(damaged) ?? "";
  const flipped = readFileSync(middle);
  flipped[1_000] = (flipped[1_000] ?? 0) ^ 1;
  writeFileSync(middle, flipped);
  expect((await findLostWrites(damaged))?.reason).toContain("is damaged at byte");
});

test("room in an older file is no loss, though a newer one has writes", async () => {
  const { path, db } = await opened();
  await put(db, 0, 10);
  await until("room behind the records", () => roomAt(path) > 0);
  const copy = crashed(path);
  await db.close();
  cpSync(wal(copy) ?? "", join(copy, "999999.log"));
  expect(await findLostWrites(copy)).toBeNull();
});

test("a file's number has more digits after a million of them: which is newer is not read from its letters", async () => {
  const { path, db } = await opened();
  await put(db, 0, 10);
  const copy = crashed(path);
  await db.close();
  const bytes = readFileSync(wal(copy) ?? "");
  rmSync(wal(copy) ?? "");
  writeFileSync(join(copy, "999999.log"), bytes);
  const end = endOfRecords(bytes) ?? 0;
  writeFileSync(join(copy, "1000000.log"), bytes.subarray(0, end - 300));
  // The newest write is torn: nobody was told of it.
  expect(await findLostWrites(copy)).toBeNull();
});

test("a directory that is gone stops nothing", async () => {
  const { path, db } = await opened();
  const room = new WalRoom(join(path, "nowhere"));
  for (let i = 0; i < 3; i++) room.wrote([{ type: "put", key: key(i), value: VALUE }]);
  await room.stop();
  await db.close();
});
