import { expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import type { MessageName, MessageTypes } from "../../src/model/v1/message-types.ts";
import { encodeBlob } from "../../src/wire/blob.ts";
import { readBlob } from "../../src/wire/blob-check.ts";
import { encodeMsgpack } from "../../src/wire/msgpack.ts";
import { SCHEMA } from "../../src/wire/schema.ts";
import { randomMessage } from "./random-message.ts";

test("every blob that encodeBlob makes is taken", () => {
  const random = new Random(97);
  for (const name of SCHEMA.messages.keys() as Iterable<MessageName>) {
    const message = randomMessage(random, name, 4) as unknown as MessageTypes[typeof name];
    expect(readBlob(name, encodeBlob(name, message))).toEqual({ ok: true, value: message });
  }
});

test("whatever byte is damaged, reading answers and does not throw", () => {
  const random = new Random(11);
  let refused = 0;
  for (let round = 0; round < 2_000; round++) {
    const message = randomMessage(random, "TaskStatus", 4) as unknown as MessageTypes["TaskStatus"];
    const bytes = encodeBlob("TaskStatus", message);
    bytes[random.below(bytes.length)] = random.below(256);
    const read = readBlob("TaskStatus", bytes);
    if (!read.ok) refused++;
    else expect(() => encodeBlob("TaskStatus", read.value)).not.toThrow();
  }
  expect(refused).toBeGreaterThan(0);
});

test("the error names the field", () => {
  const packed = new Map<number, unknown>([
    [1, "h"],
    [3, [new Map<number, unknown>([[1, 5]])]],
  ]);
  expect(readBlob("AgentInfo", encodeMsgpack(packed))).toEqual({
    ok: false,
    error: "AgentInfo.resources.name must be string",
  });
});

test("an integer that no client could be told is refused", () => {
  for (const port of [2 ** 31, -(2 ** 31) - 1, 1e15]) {
    const packed = new Map<number, unknown>([
      [1, "h"],
      [8, port],
    ]);
    expect(readBlob("AgentInfo", encodeMsgpack(packed))).toEqual({
      ok: false,
      error: "AgentInfo.port must be int32",
    });
  }
});
