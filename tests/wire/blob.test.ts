import { describe, expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import type { MessageName, MessageTypes } from "../../src/model/v1/message-types.ts";
import type { TaskInfo } from "../../src/model/v1/tasks.ts";
import { decodeBlob, encodeBlob, withoutBlobField } from "../../src/wire/blob.ts";
import { encodeMsgpack } from "../../src/wire/msgpack.ts";
import { SCHEMA } from "../../src/wire/schema.ts";
import { randomMessage } from "./random-message.ts";

const TASK: TaskInfo = {
  name: "web",
  task_id: { value: "web.1" },
  agent_id: { value: "S0" },
  resources: [
    { name: "cpus", type: "SCALAR", scalar: { value: 0.5 }, allocation_info: { role: "eng" } },
    { name: "ports", type: "RANGES", ranges: { range: [{ begin: 31000, end: 31001 }] } },
  ],
  command: { shell: false, value: "sleep", arguments: ["sleep", "10"] },
  data: Uint8Array.of(0, 255),
  limits: { mem: { value: 64 }, cpus: { value: Number.POSITIVE_INFINITY } },
};

describe("blobs", () => {
  test("every message comes back as it was", () => {
    const random = new Random(31);
    for (const name of SCHEMA.messages.keys() as Iterable<MessageName>) {
      for (let i = 0; i < 3; i++) {
        const message = randomMessage(random, name, 4) as unknown as MessageTypes[typeof name];
        expect(decodeBlob(name, encodeBlob(name, message))).toEqual(message);
      }
    }
  });

  test("bytes do not depend on the order of keys", () => {
    const reversed = Object.fromEntries(Object.entries(TASK).reverse()) as unknown as TaskInfo;
    const limits = Object.fromEntries(Object.entries(TASK.limits ?? {}).reverse());
    expect(encodeBlob("TaskInfo", { ...reversed, limits })).toEqual(encodeBlob("TaskInfo", TASK));
  });

  test("empty lists and maps are not stored", () => {
    const task = { ...TASK, resources: [], limits: {} };
    const { resources: _, limits: __, ...rest } = TASK;
    expect(decodeBlob("TaskInfo", encodeBlob("TaskInfo", task))).toEqual(rest);
  });

  test("fields and enum values of a later version are skipped", () => {
    const later = new Map<number, unknown>([
      [1, new Map([[1, "t"]])],
      [2, 1],
      [9, 77],
      [99, new Map([[1, "new"]])],
    ]);
    const status = decodeBlob("TaskStatus", encodeMsgpack(later));
    expect(status).toEqual({ task_id: { value: "t" }, state: "TASK_RUNNING" });
  });

  test("one field is taken out, the others keep their bytes, those of a later version too", () => {
    const later = (more: [number, unknown][]): Uint8Array =>
      encodeMsgpack(
        new Map<number, unknown>([[1, new Map([[1, "t"]])], [2, 1], ...more, [99, new Map([[1, "new"]])]]),
      );
    const without = withoutBlobField("TaskStatus", "data", later([[3, new Uint8Array(70_000)]]));
    expect(without).toEqual(later([]));
    expect(withoutBlobField("TaskStatus", "data", without)).toBe(without);
    // A map of 16 fields has a longer head than one of 15.
    const many = Array.from({ length: 12 }, (_, i): [number, unknown] => [200 + i, i]);
    const data: [number, unknown] = [3, Uint8Array.of(1)];
    expect(withoutBlobField("TaskStatus", "data", later([data, ...many]))).toEqual(later(many));
    expect(withoutBlobField("TaskStatus", "data", later([data, ...many, [300, 1]]))).toEqual(
      later([...many, [300, 1]]),
    );
  });

  test("asserts on bytes that are no blob", () => {
    expect(() => decodeBlob("TaskInfo", Uint8Array.of(0x91))).toThrow("Blob of TaskInfo");
    expect(() => decodeBlob("TaskInfo", Uint8Array.of(1))).toThrow("must be a map");
  });

  test("a blob written by version 0.1.0 still loads, and is still written so", async () => {
    const file = Bun.file(new URL("../fixtures/blob-task-info-v0.1.0.hex", import.meta.url));
    const stored = Uint8Array.fromHex((await file.text()).trim());
    expect(decodeBlob("TaskInfo", stored)).toEqual(TASK);
    expect(encodeBlob("TaskInfo", TASK)).toEqual(stored);
  });
});
