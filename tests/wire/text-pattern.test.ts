import { describe, expect, test } from "bun:test";
import { estimateProgram } from "../../src/wire/pattern-size.ts";
import { compilePattern, type PatternLimits } from "../../src/wire/text-pattern.ts";
import { processorMs } from "../support/processor-time.ts";

const LIMITS: PatternLimits = { maxMemBytes: 4096, maxProgramSize: 100 };

function matches(source: string, text: string): boolean {
  const pattern = compilePattern(source, LIMITS);
  if (!pattern.ok) throw new Error(pattern.error);
  return pattern.value.matches(text);
}

function errorOf(source: string, limits = LIMITS): string {
  const pattern = compilePattern(source, limits);
  return pattern.ok ? "" : pattern.error;
}

describe("a regular expression of a framework", () => {
  test("matches the whole text, in the syntax of RE2", () => {
    expect(matches("rack-[0-9]+", "rack-12")).toBe(true);
    expect(matches("rack-[0-9]+", "my-rack-12")).toBe(false);
    expect(matches("rack-[0-9]+", "rack-12b")).toBe(false);
    expect(matches("(?i)RACK|(?P<zone>z\\pL+)", "zürich")).toBe(true);
    expect(matches("", "")).toBe(true);
    expect(matches("a.c", "a\nc")).toBe(false);
  });

  test("what only backtracking engines know is refused, with the reason", () => {
    expect(errorOf("[a-d")).toBe("Failed to construct regex from pattern '[a-d': missing closing ]: `[a-d`");
    expect(errorOf("(a)\\1")).toStartWith("Failed to construct regex from pattern '(a)\\1': ");
    expect(errorOf("(?=a)")).toStartWith("Failed to construct regex from pattern '(?=a)': ");
  });

  test("of exponential kind takes time linear in the text", () => {
    const startMs = processorMs();
    expect(matches("(a*)*b|(a|aa)+", `${"a".repeat(50_000)}c`)).toBe(false);
    expect(processorMs() - startMs).toBeLessThan(2_000);
  });

  test("is bounded as in Mesos: too complex, or too large", () => {
    expect(errorOf("(a+){10}")).toBe("");
    expect(errorOf("192.168.(1[0-9]|3[4-7]|[1-9]|4[2-9]|[1-4][0-9]|5[3-8]|20[4-7]|53[0-5]).1")).toBe("");
    expect(errorOf("(a+){50}")).toMatch(
      /^Regex '\(a\+\)\{50\}' is too complex: program size of \d+ is larger than maximum of 100 allowed$/,
    );
    expect(errorOf("(a+){500}")).toBe(
      "Failed to construct regex from pattern '(a+){500}': pattern too large - compile failed",
    );
    expect(errorOf("(a+){50}", { maxMemBytes: 100_000, maxProgramSize: 1_000 })).toBe("");
    expect(errorOf("abc", { maxMemBytes: 0, maxProgramSize: 100 })).toContain("pattern too large");
  });

  test("that would take long to compile is refused before", () => {
    const startMs = processorMs();
    for (const source of [
      "x".repeat(4_000_000),
      "a{1000}".repeat(585),
      "((((a{30}){30}){30}){30})",
      `[${"\\pL\\PN".repeat(600)}]`,
      "\\pL".repeat(1_300),
      "(?:a?){1000}".repeat(340),
    ]) {
      expect(errorOf(source)).toContain("pattern too large - compile failed");
    }
    expect(processorMs() - startMs).toBeLessThan(200);
  });
});

test("the size is told from the text: repetitions multiply, classes count once", () => {
  expect(estimateProgram("abc")).toBe(3);
  expect(estimateProgram("a{7}b")).toBe(8);
  expect(estimateProgram("(ab){3,5}")).toBe(20);
  expect(estimateProgram("[a{9}[:alpha:]]{2}")).toBe(2);
  expect(estimateProgram("\\{9\\}")).toBe(3);
  expect(estimateProgram("(((")).toBe(0);
  expect(estimateProgram("a{,5}")).toBe(5);
});
