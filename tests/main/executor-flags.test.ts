import { expect, test } from "bun:test";
import { EXECUTOR_FLAGS, readExecutorTimes, readExecutorVariables } from "../../src/main/executor-flags.ts";
import { Flags } from "../../src/main/flags.ts";

const flagsOf = (given: Readonly<Record<string, string>>): Flags =>
  new Flags(EXECUTOR_FLAGS, new Map(Object.entries(given).map(([name, value]) => [name, [value]])), {});
const read = (value: string) => readExecutorVariables(flagsOf({ "executor-environment-variables": value }));

test("variables of all executors", () => {
  expect(readExecutorVariables(flagsOf({}))).toEqual([]);
  expect(read('{"LANG": "C.UTF-8", "A": ""}')).toEqual([
    ["LANG", "C.UTF-8"],
    ["A", ""],
  ]);
  for (const wrong of ["LANG=C", '["A"]', '{"A": 1}', '{"A=B": "x"}', '{"": "x"}', '{"A": "\\u0000"}']) {
    expect(() => read(wrong)).toThrow("a JSON object of texts like");
  }
});

test("times that executors have", () => {
  const flags = flagsOf({ "executor-shutdown-grace-period": "90secs" });
  expect(readExecutorTimes(flags)).toEqual({
    registrationMs: 60_000,
    reregistrationMs: 15_000,
    shutdownGraceMs: 90_000,
  });
});
