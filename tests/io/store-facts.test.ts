/** Facts that a master's database holds about itself: their names, and records of older versions. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LevelDatabase } from "../../src/io/level.ts";
import { LevelRaftStore } from "../../src/io/raft-store.ts";
import { FORMAT, readFacts } from "../../src/io/store-facts.ts";
import { decodeFact, type MetaName, metaCopyKey, metaKey } from "../../src/io/store-keys.ts";

const IDENTITY = { clusterId: "c", memberId: "m" };
const HARD_STATE = { term: 4, votedFor: "b" };

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mesh-facts-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function change(work: (db: LevelDatabase) => Promise<void>): Promise<void> {
  const db = await LevelDatabase.open(directory);
  await work(db);
  await db.close();
}

/** As formats 1 and 2 wrote it. */
function nameless(fact: unknown): Uint8Array {
  const text = Buffer.from(JSON.stringify(fact));
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(Bun.hash.crc32(text));
  return Buffer.concat([checksum, text]);
}

async function put(name: MetaName, value: Uint8Array): Promise<void> {
  await change((db) =>
    db.write(
      [metaKey(name), metaCopyKey(name)].map((key) => ({ type: "put", key, value })),
      true,
    ),
  );
}

async function writeStore(): Promise<void> {
  const store = new LevelRaftStore(directory, () => {});
  await store.open();
  await store.write({ identity: IDENTITY, hardState: HARD_STATE, sync: true });
  await store.close();
}

async function restored() {
  const store = new LevelRaftStore(directory, () => {});
  const found = await store.open();
  await store.close();
  return { identity: found.identity, hardState: found.hardState, warnings: found.warnings };
}

test("a fact under the name of another one is damage", async () => {
  await writeStore();
  await change(async (db) => {
    const identity = (await db.get(metaKey("identity"))) ?? new Uint8Array(0);
    expect(decodeFact("identity", identity).ok).toBe(true);
    expect(decodeFact("hard-state", identity).ok).toBe(false);
    await db.write([{ type: "put", key: metaKey("hard-state"), value: identity }], true);
  });
  const found = await restored();
  expect(found.hardState).toEqual(HARD_STATE);
  expect(found.warnings).toEqual(["A copy of a fact was damaged and is restored"]);
});

test("facts of format 2, whose checksums know no names, are read and written anew", async () => {
  await writeStore();
  await put("format", nameless(2));
  await put("identity", nameless(IDENTITY));
  await put("hard-state", nameless({ ...HARD_STATE, lastIndex: 0 }));
  await put("damage", nameless({ term: 4, lastIndex: 0, reason: "test" }));
  expect(await restored()).toEqual({ identity: IDENTITY, hardState: HARD_STATE, warnings: [] });
  await change(async (db) => {
    const view = db.view();
    expect((await readFacts(view, directory)).format).toBe(FORMAT);
    await view.close();
    for (const name of ["identity", "hard-state"] as const) {
      const bytes = (await db.get(metaKey(name))) ?? new Uint8Array(0);
      expect(decodeFact(name, bytes).ok).toBe(true);
    }
  });
  // From now on a record without a name is none of this version.
  await put("identity", nameless(IDENTITY));
  await expect(restored()).rejects.toThrow('its record "identity" is damaged');
});

test("a state given up in format 2 leaves no fact behind that format 3 cannot read", async () => {
  await writeStore();
  await put("format", nameless(2));
  await put("identity", nameless(IDENTITY));
  await put("hard-state", nameless({ ...HARD_STATE, lastIndex: 0 }));
  const store = new LevelRaftStore(directory, () => {});
  await store.open();
  await store.abandonState("test");
  await store.close();
  expect((await restored()).identity).toEqual(IDENTITY);
});

test("a database of a newer format is refused as such", async () => {
  await writeStore();
  await put("format", nameless(FORMAT + 1));
  await expect(restored()).rejects.toThrow(`format ${FORMAT + 1} is of another version of mesh`);
});
