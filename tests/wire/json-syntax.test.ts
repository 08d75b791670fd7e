import { expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { describeSyntaxError } from "../../src/wire/json-syntax.ts";

test.each([
  ["", 1, ""],
  ['{"type":"SUBSCR', 1, '"SUBSCR'],
  ['{"type":', 1, ""],
  ['{"a":1,}', 1, "}"],
  ['{\n"a":1,\n"b":x}', 3, "x}"],
  ["[1 2]", 1, "2]"],
  ['{"a" 1}', 1, "1}"],
  ["{a:1}", 1, "a:1}"],
  ['{"a":1}]', 1, "]"],
  ["nul", 1, "nul"],
  ["[1,", 1, ""],
  ['["\\x"]', 1, '"\\x"]'],
  ["01", 1, "1"],
])("%j", (text, line, rest) => {
  expect(() => JSON.parse(text)).toThrow();
  expect(describeSyntaxError(text)).toBe(`syntax error at line ${line} near: ${rest}`);
});

test("ends on any text", () => {
  const random = new Random(5);
  const pieces = ["{", "}", "[", "]", ",", ":", '"', '"a"', "1", "-", "true", " ", "\n", "\\"];
  for (let i = 0; i < 2_000; i++) {
    const text = Array.from({ length: random.below(12) }, () => random.pick(pieces)).join("");
    expect(describeSyntaxError(text)).toStartWith("syntax error at line ");
  }
});
