import { describe, expect, test } from "bun:test";
import { encodeMsgpack } from "../../src/wire/msgpack.ts";
import { MsgpackCursor, TextPool } from "../../src/wire/msgpack-cursor.ts";

const at = (value: unknown): MsgpackCursor => new MsgpackCursor().moveTo(encodeMsgpack(value), 0);

describe("values read as the encoder wrote them", () => {
  const edges = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 52];
  const numbers = [...edges, ...edges.map((n) => -n), -32, -33, -128, -129, 0.5, -1.25e300];
  test("numbers", () => {
    for (const number of numbers) expect(at(number).number()).toBe(number === 0 ? 0 : number);
  });

  test("texts of every length form", () => {
    for (const length of [0, 1, 31, 32, 255, 256, 65_535, 65_536]) {
      expect(at("x".repeat(length)).text()).toBe("x".repeat(length));
    }
    expect(at("π ☃ 🙂").text()).toBe("π ☃ 🙂");
  });

  test("bytes of every length form, as copies", () => {
    for (const length of [0, 255, 256, 65_535, 65_536]) {
      const bytes = new Uint8Array(length).fill(7);
      const stored = encodeMsgpack(bytes);
      const read = new MsgpackCursor().moveTo(stored, 0).binary();
      stored.fill(0);
      expect(read).toEqual(bytes);
    }
  });

  test("whatever stands before is stepped over whole", () => {
    const values = [
      null,
      true,
      false,
      ...numbers,
      "",
      "x".repeat(300),
      new Uint8Array(300),
      [],
      [1, [2, "3"]],
    ];
    for (const value of [...values, new Map([[1, new Map([[2, ["x", null]]])]]), new Array(70_000).fill(1)]) {
      const cursor = at([value, "end"]);
      expect(cursor.arrayLength()).toBe(2);
      cursor.skip();
      expect(cursor.text()).toBe("end");
    }
  });

  test("nil is told from other values", () => {
    const cursor = at([null, 5]);
    cursor.arrayLength();
    expect(cursor.nil()).toBe(true);
    expect(cursor.nil()).toBe(false);
    expect(cursor.number()).toBe(5);
  });
});

test("a value of another kind or beyond the end is a broken invariant", () => {
  expect(() => at("x").number()).toThrow("where a number must begin");
  expect(() => at(5).text()).toThrow("where text must begin");
  expect(() => at("x").binary()).toThrow("where bytes must begin");
  expect(() => new MsgpackCursor().moveTo(new Uint8Array(0), 0).number()).toThrow("goes on beyond its end");
});

test("a pool answers the text that is there, known or not", () => {
  const pool = new TextPool();
  const texts = ["a", "b", "agent-S1", "ä", "ä".repeat(100), "x".repeat(128), "x".repeat(129), ""];
  for (let round = 0; round < 3; round++) {
    for (const text of [...texts, ...Array.from({ length: 100 }, (_, n) => `agent-S${n * 331}`)]) {
      const bytes = encodeMsgpack([text, "next"]);
      const cursor = new MsgpackCursor().moveTo(bytes, 1);
      expect(pool.read(cursor, bytes)).toBe(text);
      expect(cursor.text()).toBe("next");
    }
  }
});
