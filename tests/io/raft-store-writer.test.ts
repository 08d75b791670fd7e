import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import type { Database } from "../../src/io/level.ts";
import { StoreWriter, type WriterSurroundings } from "../../src/io/raft-store-writer.ts";

function database(write: () => Promise<void>): Database {
  const view = () => {
    throw new Error("nothing is read");
  };
  return { write, view, clear: async () => {}, close: async () => {} };
}

function surroundings(open: () => Promise<Database>): WriterSurroundings {
  return {
    open,
    after(_, run) {
      const timer = setImmediate(run);
      return () => clearImmediate(timer);
    },
    freeBytes: async () => Number.POSITIVE_INFINITY,
    trailer: () => [],
    onFailure(error) {
      throw error;
    },
    onFull() {},
  };
}

test("readers that ask for what is on disk leave nothing behind", async () => {
  const good = database(async () => {});
  const writer = new StoreWriter(
    good,
    surroundings(async () => good),
  );
  await writer.flushIfRoom();
  Bun.gc(true);
  const before = heapStats().objectCount;
  for (let each = 0; each < 5_000; each++) await writer.flushIfRoom();
  Bun.gc(true);
  expect(heapStats().objectCount - before).toBeLessThan(2_500);
});

test("a reader that comes while the database is opened anew waits for that", async () => {
  const opening = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<Database>();
  const full = database(async () => {
    throw new Error("IO error: No space left on device");
  });
  const writer = new StoreWriter(
    full,
    surroundings(() => {
      opening.resolve();
      return opened.promise;
    }),
  );
  const written = writer.enqueue([], true);
  await opening.promise;
  expect(writer.full).toBe(true);
  const read = writer.flushIfRoom().then(() => writer.db);
  const good = database(async () => {});
  setImmediate(() => opened.resolve(good));
  expect(await read).toBe(good);
  await written;
});
