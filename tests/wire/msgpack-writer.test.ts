import { describe, expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { encodeMsgpack } from "../../src/wire/msgpack.ts";
import { quickMsgpack } from "../../src/wire/msgpack-writer.ts";

/** As msgpackr writes it: a Map is not for the quick way, and neither is what it holds. */
function byLibrary(value: unknown): Uint8Array {
  const around = encodeMsgpack(new Map([["k", value]]));
  // One pair, text of one character, "k".
  expect([...around.subarray(0, 3)]).toEqual([0x81, 0xa1, 0x6b]);
  return around.subarray(3);
}

function same(value: unknown): void {
  const quick = quickMsgpack(value);
  expect(quick).toBeDefined();
  expect(Buffer.compare(quick ?? new Uint8Array(0), byLibrary(value))).toBe(0);
}

/** Around each size at which another tag begins. */
const SIZES = [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 257, 65_535, 65_536, 70_000];

describe("the quick way writes what msgpackr writes", () => {
  test("numbers", () => {
    for (const edge of [0, 0x20, 0x80, 0x100, 0x8000, 0x1_0000, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 63]) {
      for (const near of [edge - 1, edge, edge + 1, edge + 0.5]) {
        same(near);
        same(-near);
      }
    }
    for (const value of [-0, Number.NaN, Infinity, -Infinity, Number.MIN_VALUE, Number.MAX_VALUE])
      same(value);
  });

  test("text, bytes, lists and maps of every size", () => {
    for (const size of SIZES) {
      same("x".repeat(size));
      same(new Uint8Array(size).fill(7));
      same(new Array(size).fill(null));
      same(Object.fromEntries(Array.from({ length: size }, (_, i) => [`key${i}`, i])));
    }
  });

  test("what is not there", () => {
    for (const value of [null, undefined, true, false, [undefined, null], { a: undefined, b: null }])
      same(value);
  });

  test("values at random", () => {
    const random = new Random(Math.floor(Math.random() * 2 ** 32));
    for (let i = 0; i < 2_000; i++) same(randomValue(random, 4));
  });

  test("values larger than the memory that is kept, and the small ones behind them", () => {
    const large = [new Uint8Array(700_000), "y".repeat(700_000), { z: new Uint8Array(70_000) }];
    for (let i = 0; i < 3; i++) {
      same(large);
      same(["small", i]);
    }
  });
});

test("what is not for the quick way is msgpackr's, however deep it is", () => {
  class Own {
    readonly a = 1;
  }
  const others = ["é", "x".repeat(100).concat("é"), `${"x".repeat(99)}\ud800`, new Map(), new Own(), 1n];
  for (const value of others) {
    expect(quickMsgpack(value)).toBeUndefined();
    expect(quickMsgpack([1, { deep: [value] }])).toBeUndefined();
  }
  expect(quickMsgpack({ é: 1 })).toBeUndefined();
  expect(Buffer.compare(encodeMsgpack({ é: ["ü"] }), byLibrary({ é: ["ü"] }))).toBe(0);
  same([1, "after"]);
});

function randomValue(random: Random, depth: number): unknown {
  const size = random.below(20);
  switch (random.below(depth > 0 ? 9 : 7)) {
    case 0:
      return random.below(300) - 150;
    case 1:
      return (random.fraction() - 0.5) * 10 ** random.below(20);
    case 2:
      return Math.floor((random.fraction() - 0.5) * 2 ** random.below(60));
    case 3:
      return String.fromCharCode(...Array.from({ length: random.below(100) }, () => random.below(128)));
    case 4:
      return random.bytes(random.below(600));
    case 5:
      return random.below(2) === 0;
    case 6:
      return random.below(2) === 0 ? null : undefined;
    case 7:
      return Array.from({ length: size }, () => randomValue(random, depth - 1));
    default:
      return Object.fromEntries(
        Array.from({ length: size }, (_, i) => [`k${i}`, randomValue(random, depth - 1)]),
      );
  }
}
