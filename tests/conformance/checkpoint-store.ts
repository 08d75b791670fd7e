/** What src/agent/checkpoint.ts promises, for any implementation of the store. */
import { expect, test } from "bun:test";
import type { CheckpointStore } from "../../src/agent/checkpoint.ts";
import { MeshError } from "../../src/base/errors.ts";

/** A place that outlives its stores. */
export interface CheckpointPlace {
  open(): Promise<CheckpointStore>;
  destroy(): Promise<void>;
}

export function checkpointStoreConformance(newPlace: () => Promise<CheckpointPlace>): void {
  const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

  async function withPlace(run: (place: CheckpointPlace) => Promise<void>): Promise<void> {
    const place = await newPlace();
    try {
      await run(place);
    } finally {
      await place.destroy();
    }
  }

  test("a fresh store is empty", () =>
    withPlace(async (place) => {
      const store = await place.open();
      expect(await store.readAll()).toEqual([]);
      await store.close();
    }));

  test("written entries are there after reopening, sorted by key", () =>
    withPlace(async (place) => {
      const first = await place.open();
      await first.write([
        { key: "task/f/2", value: bytes(2, 2) },
        { key: "agent", value: bytes() },
        { key: "task/f/10", value: bytes(10) },
      ]);
      await first.close();
      const second = await place.open();
      expect(await second.readAll()).toEqual([
        { key: "agent", value: bytes() },
        { key: "task/f/10", value: bytes(10) },
        { key: "task/f/2", value: bytes(2, 2) },
      ]);
      await second.close();
    }));

  test("the changes of a batch apply in order", () =>
    withPlace(async (place) => {
      const store = await place.open();
      await store.write([
        { key: "a", value: bytes(1) },
        { key: "a", value: bytes(2) },
        { key: "b", value: bytes(3) },
        { key: "b", value: undefined },
        { key: "missing", value: undefined },
      ]);
      expect(await store.readAll()).toEqual([{ key: "a", value: bytes(2) }]);
      await store.close();
    }));

  test("writes apply in the order of the calls, without waiting in between", () =>
    withPlace(async (place) => {
      const store = await place.open();
      const writes: Promise<void>[] = [];
      for (let i = 0; i < 50; i++) writes.push(store.write([{ key: "counter", value: bytes(i) }]));
      await Promise.all(writes);
      expect(await store.readAll()).toEqual([{ key: "counter", value: bytes(49) }]);
      await store.close();
    }));

  test("a value keeps the bytes it had at the call", () =>
    withPlace(async (place) => {
      const store = await place.open();
      const value = bytes(1, 2, 3);
      const written = store.write([{ key: "a", value }]);
      value.fill(9);
      await written;
      expect(await store.readAll()).toEqual([{ key: "a", value: bytes(1, 2, 3) }]);
      await store.close();
    }));

  test("a place that is open is not opened again until it is closed", () =>
    withPlace(async (place) => {
      const first = await place.open();
      const error = await place.open().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(MeshError);
      expect((error as MeshError).code).toBe("DIRECTORY_LOCKED");
      await first.close();
      await (await place.open()).close();
    }));

  test("more entries than one read takes", () =>
    withPlace(async (place) => {
      const store = await place.open();
      const changes = Array.from({ length: 2_500 }, (_, i) => ({
        key: `k${i.toString().padStart(4, "0")}`,
        value: bytes(i & 0xff),
      }));
      await store.write(changes);
      expect(await store.readAll()).toEqual(changes);
      await store.close();
    }));
}
