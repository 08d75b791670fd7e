import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Flags } from "../../src/main/flags.ts";
import { FRAMEWORK_FLAGS, readFrameworkFlags } from "../../src/main/framework-flags.ts";
import { DEFAULT_SETTINGS } from "../../src/master/settings.ts";

function read(given: Readonly<Record<string, string>>, environment: Readonly<Record<string, string>> = {}) {
  const values = new Map(Object.entries(given).map(([name, value]) => [name, [value]]));
  return readFrameworkFlags(new Flags(FRAMEWORK_FLAGS, values, environment));
}

test("the defaults are those of the master's settings", () => {
  expect(DEFAULT_SETTINGS).toMatchObject(read({}));
});

test("sizes in Mesos' notation, also from its variables", () => {
  const limits = (text: string) =>
    read({ "offer-constraints-re2-max-mem": text }).constraintLimits.maxMemBytes;
  expect(["500", "500B", "8KB", "1MB"].map(limits)).toEqual([500, 500, 8192, 1_048_576]);
  const { constraintLimits, rootSubmissions } = read(
    { "root-submissions": "false" },
    { MESOS_OFFER_CONSTRAINTS_RE2_MAX_PROGRAM_SIZE: "7" },
  );
  expect([constraintLimits.maxProgramSize, rootSubmissions]).toEqual([7, false]);
});

test("what cannot be used is refused", () => {
  expect(() => read({ "offer-constraints-re2-max-mem": "4 kilo" })).toThrow(/'4 kilo': expected bytes/);
  expect(() => read({ "offer-constraints-re2-max-program-size": "0" })).toThrow(/from 1 to/);
});

test("rate limits are Mesos' RateLimits as JSON, also from a file", async () => {
  expect(read({}).rateLimits).toBeUndefined();
  const json = '{"limits":[{"principal":"a","qps":2.5,"capacity":9}],"aggregate_default_qps":1}';
  const limits = { limits: [{ principal: "a", qps: 2.5, capacity: 9 }], aggregate_default_qps: 1 };
  expect(read({ "rate-limits": json }).rateLimits).toEqual(limits);
  const path = `${await mkdtemp(join(tmpdir(), "mesh-flags-"))}/limits.json`;
  await Bun.write(path, json);
  expect(read({ "rate-limits": `file://${path}` }).rateLimits).toEqual(limits);
  await rm(dirname(path), { recursive: true });
  expect(() => read({ "rate-limits": `file://${path}` })).toThrow(/a file that can be read/);
});

test.each([
  ["no JSON", /RateLimits as JSON/],
  ['{"limits":[{"qps":1}]}', /RateLimits as JSON/],
  ['{"limits":[{"principal":"a","qps":0}]}', /each qps above 0/],
  ['{"limits":[{"principal":"a"},{"principal":"a"}]}', /each principal once/],
])("rate limits %s are refused", (value, message) => {
  expect(() => read({ "rate-limits": value })).toThrow(message);
});

test("how much history is kept and shown", () => {
  const { history, unreachableTasksShown } = read({
    "max-completed-frameworks": "0",
    "max-completed-tasks-per-framework": "7",
    "max-unreachable-tasks-per-framework": "9",
  });
  expect(history).toEqual({ completedFrameworks: 0, completedTasksPerFramework: 7 });
  expect(unreachableTasksShown).toBe(9);
  expect(() => read({ "max-completed-tasks-per-framework": "0" })).toThrow(/from 1 to/);
  expect(() => read({ "max-completed-frameworks": "1e9" })).toThrow(/from 0 to/);
});
