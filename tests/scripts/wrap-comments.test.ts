import { expect, test } from "bun:test";
import { wrapComments } from "../../scripts/wrap-comments.ts";

const LONG = Array.from({ length: 30 }, (_, at) => `word${at}`).join(" ");

test("wraps doc comments, lines inside them, and line comments", () => {
  for (const comment of [
    `  /** ${LONG} */`,
    `/**\n * ${LONG}\n */`,
    `    // ${LONG}`,
    `/**\n *   ${LONG}\n */`,
  ]) {
    const wrapped = wrapComments(comment);
    for (const line of wrapped.split("\n")) expect(line.length).toBeLessThanOrEqual(110);
    expect(wrapped.match(/word\d+/g)?.join(" ")).toBe(LONG);
    expect(wrapComments(wrapped)).toBe(wrapped);
  }
  expect(wrapComments(`  /** ${LONG} */`)).toMatch(
    /^ {2}\/\*\*\n {3}\* word0 .*\n {3}\* .*\n(?: {3}\* .*\n)* {3}\*\/$/,
  );
});

test("leaves code, addresses and short comments alone", () => {
  for (const line of [
    `const a = "${LONG}";`,
    `a(); // ${LONG}`,
    `// https://e.org/${"a".repeat(120)} b`,
    "// short",
  ]) {
    expect(wrapComments(line)).toBe(line);
  }
});
