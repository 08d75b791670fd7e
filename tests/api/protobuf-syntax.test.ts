import { expect, test } from "bun:test";
import { isProtobuf } from "../../src/api/protobuf-syntax.ts";

const bytes = (...values: readonly number[]): Uint8Array => new Uint8Array(values);

test("whole fields of every wire type", () => {
  expect(isProtobuf(bytes())).toBe(true);
  expect(isProtobuf(bytes(0x08, 0x96, 0x01))).toBe(true);
  expect(isProtobuf(bytes(0x12, 2, 0xff, 0xff))).toBe(true);
  expect(isProtobuf(bytes(0x09, 1, 2, 3, 4, 5, 6, 7, 8))).toBe(true);
  expect(isProtobuf(bytes(0x0d, 1, 2, 3, 4))).toBe(true);
  expect(isProtobuf(bytes(0x0b, 0x08, 1, 0x0c))).toBe(true);
  // -1 as a 64-bit varint takes ten bytes.
  expect(isProtobuf(bytes(0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1))).toBe(true);
});

test("everything else", () => {
  for (const text of ['{"type":"SUBSCRIBE"}', "[]", '"x"', "hello", "<html>"]) {
    expect([text, isProtobuf(Buffer.from(text))]).toEqual([text, false]);
  }
  expect(isProtobuf(bytes(0x08))).toBe(false);
  expect(isProtobuf(bytes(0x12, 3, 1, 2))).toBe(false);
  expect(isProtobuf(bytes(0x00, 1))).toBe(false);
  expect(isProtobuf(bytes(0x0b, 0x08, 1))).toBe(false);
  expect(isProtobuf(bytes(0x0b, 0x14))).toBe(false);
  expect(isProtobuf(bytes(0x0f, 1))).toBe(false);
  expect(isProtobuf(bytes(0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1))).toBe(false);
});
