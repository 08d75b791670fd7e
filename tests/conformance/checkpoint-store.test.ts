import { describe, expect, test } from "bun:test";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MeshError } from "../../src/base/errors.ts";
import { openCheckpointStore } from "../../src/io/checkpoint-store.ts";
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
