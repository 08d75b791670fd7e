import { describe, expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { MeshError } from "../../src/base/errors.ts";
import { openCheckpointStore, salvageCheckpointStore } from "../../src/io/checkpoint-store.ts";
import { LevelDatabase } from "../../src/io/level.ts";
import { MemoryDisk } from "../support/memory-checkpoint-store.ts";
import { checkpointStoreConformance } from "./checkpoint-store.ts";

const emptyDirectory = (): Promise<string> => mkdtemp(join(tmpdir(), "mesh-checkpoint-"));

async function meshError(promise: Promise<unknown>): Promise<MeshError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MeshError);
  return error as MeshError;
}

describe("level", () => {
  checkpointStoreConformance(async () => {
    const directory = await emptyDirectory();
    return {
      open: () => openCheckpointStore(join(directory, "meta")),
      destroy: () => rm(directory, { recursive: true }),
    };
  });

  test("a second process is told who is in the way", async () => {
    const directory = await emptyDirectory();
    const first = await openCheckpointStore(directory);
    const error = await meshError(openCheckpointStore(directory));
    expect(error.code).toBe("DIRECTORY_LOCKED");
    expect(error.message).toContain(`"${directory}"`);
    expect(error.message).toContain("--work-dir");
    await first.close();
    await rm(directory, { recursive: true });
  });

  test("nobody but the agent reads it, also when an earlier version let them", async () => {
    const directory = await emptyDirectory();
    const meta = join(directory, "work/meta");
    const mode = (): string => (statSync(meta).mode & 0o777).toString(8);
    await (await openCheckpointStore(meta)).close();
    expect(mode()).toBe("700");
    expect(statSync(dirname(meta)).mode & 0o001).toBe(1);
    await chmod(meta, 0o755);
    await (await openCheckpointStore(meta)).close();
    expect(mode()).toBe("700");
    await rm(directory, { recursive: true });
  });

  test("a directory that cannot be made is named", async () => {
    const directory = await emptyDirectory();
    await Bun.write(join(directory, "file"), "in the way");
    await chmod(join(directory, "file"), 0o400);
    const error = await meshError(openCheckpointStore(join(directory, "file", "meta")));
    expect(error.code).toBe("DIRECTORY_UNUSABLE");
    expect(error.message).toContain(join(directory, "file", "meta"));
    await rm(directory, { recursive: true });
  });

  test("a damaged record is named together with the way out", async () => {
    const directory = await emptyDirectory();
    const store = await openCheckpointStore(directory);
    await store.write([{ key: "task/f/t", value: new Uint8Array([1, 2, 3]) }]);
    await store.close();
    const db = await LevelDatabase.open(directory);
    const key = new TextEncoder().encode("task/f/t");
    const stored = (await db.get(key)) ?? new Uint8Array();
    const damaged = stored.slice();
    damaged[damaged.length - 1] = 0x55;
    await db.write([{ type: "put", key, value: damaged }], true);
    await db.close();
    const again = await openCheckpointStore(directory);
    const error = await meshError(again.readAll());
    expect(error.code).toBe("CHECKPOINT_DAMAGED");
    expect(error.message).toContain('record "task/f/t"');
    expect(error.message).toContain(`delete "${directory}"`);
    await again.close();
    await rm(directory, { recursive: true });
  });
});

describe("a damaged checkpoint that is opened all the same", () => {
  const RECORDS = Array.from({ length: 200 }, (_, i) => ({
    key: `task/f/t${i}`,
    value: new Uint8Array(200).fill(i),
  }));

  async function filled(): Promise<string> {
    const directory = join(await emptyDirectory(), "meta");
    const store = await openCheckpointStore(directory);
    // Several tables and a log.
    for (const record of RECORDS) await store.write([record]);
    await store.close();
    return directory;
  }

  async function salvaged(directory: string): Promise<{ keys: string[]; lost: string[] }> {
    const lost: string[] = [];
    const store = await salvageCheckpointStore(directory, (reason) => lost.push(reason));
    const keys = (await store.readAll()).map(({ key }) => key);
    await store.write([{ key: "agent", value: new Uint8Array([1]) }]);
    await store.close();
    // From now on it is whole.
    const again = await openCheckpointStore(directory);
    expect((await again.readAll()).length).toBe(keys.length + 1);
    await again.close();
    await rm(dirname(directory), { recursive: true });
    return { keys, lost };
  }

  test("loses nothing when it is whole", async () => {
    const { keys, lost } = await salvaged(await filled());
    expect([keys.length, lost]).toEqual([RECORDS.length, []]);
  });

  test("loses the record whose checksum is wrong", async () => {
    const directory = await filled();
    const db = await LevelDatabase.open(directory);
    const key = new TextEncoder().encode("task/f/t7");
    await db.write([{ type: "put", key, value: new Uint8Array([1, 2, 3, 4, 5]) }], true);
    await db.close();
    const { keys, lost } = await salvaged(directory);
    expect(keys).toEqual(
      RECORDS.map((record) => record.key)
        .filter((one) => one !== "task/f/t7")
        .sort(),
    );
    expect(lost).toEqual(['the checksum of record "task/f/t7" was wrong: it has been deleted']);
  });

  for (const [what, harm] of [
    ["its manifest is gone", (name: string) => name.startsWith("MANIFEST")],
    ["its current file is gone", (name: string) => name === "CURRENT"],
  ] as const) {
    test(`is repaired when ${what}`, async () => {
      const directory = await filled();
      for (const name of readdirSync(directory)) if (harm(name)) await rm(join(directory, name));
      const strict = await meshError(openCheckpointStore(directory));
      expect([strict.code, strict.message.includes("--no-strict")]).toEqual(["CHECKPOINT_DAMAGED", true]);
      const { keys, lost } = await salvaged(directory);
      expect(keys.length).toBe(RECORDS.length);
      expect(lost).toEqual([expect.stringContaining("has been repaired")]);
    });
  }

  test("is left alone when another process has it open, or it cannot be written", async () => {
    const directory = await filled();
    const other = await openCheckpointStore(directory);
    const error = await meshError(salvageCheckpointStore(directory, () => {}));
    expect(error.code).toBe("DIRECTORY_LOCKED");
    expect((await other.readAll()).length).toBe(RECORDS.length);
    await other.close();
    await rm(dirname(directory), { recursive: true });
  });
});

describe("memory", () => {
  checkpointStoreConformance(async () => {
    const disk = new MemoryDisk();
    return { open: async () => disk.open(), destroy: async () => {} };
  });

  test("a crash loses the writes that were not synced, newest ones only", async () => {
    const disk = new MemoryDisk();
    disk.holdWrites = true;
    const store = disk.open();
    void store.write([{ key: "a", value: new Uint8Array([1]) }]);
    void store.write([{ key: "b", value: new Uint8Array([2]) }]);
    disk.sync(1);
    disk.crash();
    expect(await disk.open().readAll()).toEqual([{ key: "a", value: new Uint8Array([1]) }]);
  });

  test("a failing disk rejects and keeps what it has", async () => {
    const disk = new MemoryDisk();
    const store = disk.open();
    await store.write([{ key: "a", value: new Uint8Array([1]) }]);
    disk.failure = "no space left on device";
    const error = await meshError(store.write([{ key: "a", value: undefined }]));
    expect(error.message).toContain("no space left on device");
    expect(disk.entries().map((entry) => entry.key)).toEqual(["a"]);
  });
});
