import { describe, expect, test } from "bun:test";
import { FRAME_MAX_BYTES, MSGPACK_MAX_DEPTH } from "../../src/base/limits.ts";
import { Random } from "../../src/base/random.ts";
import { decodeMsgpack, decodeMsgpackMaps, encodeMsgpack } from "../../src/wire/msgpack.ts";
import { scanMsgpack } from "../../src/wire/msgpack-scan.ts";
import { randomJson } from "./random-message.ts";

function decoded(value: unknown): unknown {
  const result = decodeMsgpack(encodeMsgpack(value));
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

describe("encodeMsgpack and decodeMsgpack", () => {
  test("decoding leaves nothing behind with the bytes, nor do values share memory with them", () => {
    for (const size of [10, 300_000]) {
      const bytes = encodeMsgpack([new Uint8Array(size).fill(5)]);
      const first = decodeMsgpack(bytes);
      expect(Object.keys(bytes).length).toBe(bytes.length);
      expect("dataView" in bytes).toBe(false);
      decodeMsgpack(encodeMsgpack([new Uint8Array(size).fill(9)]));
      bytes.fill(0);
      expect(first).toEqual({ ok: true, value: [new Uint8Array(size).fill(5)] });
    }
  });

  test("plain values come back", () => {
    const sizes = [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536];
    const integers = [
      0,
      127,
      128,
      255,
      256,
      65_536,
      2 ** 32,
      2 ** 53 - 1,
      -1,
      -32,
      -33,
      -129,
      -40_000,
      -(2 ** 40),
    ];
    const values: unknown[] = [
      null,
      true,
      false,
      1.5,
      Number.POSITIVE_INFINITY,
      "",
      "é😀",
      [],
      {},
      ...integers,
    ];
    for (const size of sizes) {
      values.push("x".repeat(size), new Uint8Array(size).fill(7), new Array(size).fill(1));
      values.push(Object.fromEntries(Array.from({ length: size }, (_, i) => [`k${i}`, i])));
    }
    for (const value of values) expect(decoded(value)).toEqual(value);
  });

  test("maps as objects or as Maps", () => {
    const value = new Map<unknown, unknown>([
      [1, "a"],
      ["b", new Map([[300, null]])],
    ]);
    expect(decoded(value)).toEqual({ 1: "a", b: { 300: null } });
    expect(decodeMsgpackMaps(encodeMsgpack(value))).toEqual({ ok: true, value });
  });

  test("an undefined property is left out, an undefined element is null", () => {
    expect(decoded({ a: undefined, b: [undefined, 1] })).toEqual({ b: [null, 1] });
  });

  test("equal values in equal key order give equal bytes, without shared state between calls", () => {
    const first = encodeMsgpack({ a: 1, b: { c: [2.5, "x"] } });
    for (let i = 0; i < 100; i++) encodeMsgpack({ [`other${i}`]: { b: i }, a: i });
    expect(encodeMsgpack({ a: 1, b: { c: [2.5, "x"] } })).toEqual(first);
    expect(first).toEqual(
      Uint8Array.from([...HEX.matchAll(/../g)].map((byte) => Number.parseInt(byte[0], 16))),
    );
  });

  test("bytes are plain Uint8Arrays in memory of their own", () => {
    const bytes = encodeMsgpack([Uint8Array.of(1, 2, 3), Buffer.from([4])]);
    expect(bytes.constructor).toBe(Uint8Array);
    expect(bytes.buffer.byteLength).toBe(bytes.length);
    const result = decodeMsgpack(Buffer.from(bytes));
    const [a, b] = (result.ok ? result.value : []) as Uint8Array[];
    expect([a?.constructor, b?.constructor]).toEqual([Uint8Array, Uint8Array]);
    bytes.fill(0);
    expect(a).toEqual(Uint8Array.of(1, 2, 3));
    expect(a?.buffer.byteLength).toBe(3);
  });
});

/** { a: 1, b: { c: [2.5, "x"] } } by the msgpack specification. */
const HEX = "82a16101a16281a16392cb4004000000000000a178";

describe("garbage", () => {
  test.each([
    ["nothing", [], "cut off"],
    ["a cut string", [0xa5, 0x61], "cut off"],
    ["a cut length", [0xda, 0x01], "length is cut off"],
    ["a string of 4 GiB", [0xdb, 0xff, 0xff, 0xff, 0xff], "cut off"],
    ["an array of 4 billion", [0xdd, 0xff, 0xff, 0xff, 0xff], "more members than bytes"],
    ["a map of 4 billion", [0xdf, 0xff, 0xff, 0xff, 0xff, 1], "more members than bytes"],
    ["two values", [1, 2], "1 bytes follow"],
    ["a byte of no type", [0xc1], "0xc1"],
    ["an extension", [0xd4, 0x72, 0x40], "0xd4"],
    ["an extension of a record", [0xc7, 0x01, 0x72, 0x00], "0xc7"],
    ["deep nesting", new Array(MSGPACK_MAX_DEPTH + 2).fill(0x91), "nested deeper"],
  ])("%s is refused", (_, bytes, reason) => {
    const result = decodeMsgpack(Uint8Array.from(bytes));
    expect(result.ok ? "" : result.error).toContain(reason);
  });

  test("more than a frame is refused", () => {
    expect(decodeMsgpack(new Uint8Array(FRAME_MAX_BYTES + 1)).ok).toBe(false);
  });

  test("random and damaged bytes never throw, and what passes the scan decodes", () => {
    const random = new Random(17);
    let passed = 0;
    for (let i = 0; i < 5_000; i++) {
      const bytes = random.chance(0.5)
        ? random.bytes(random.below(24))
        : encodeMsgpack(randomJson(random, 4));
      for (let k = random.below(3); k > 0 && bytes.length > 0; k--)
        bytes[random.below(bytes.length)] = random.u32();
      const result = decodeMsgpack(bytes);
      expect(result.ok).toBe(scanMsgpack(bytes) === undefined);
      if (result.ok) passed++;
    }
    expect(passed).toBeGreaterThan(500);
  });
});
