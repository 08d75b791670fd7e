import { expect, test } from "bun:test";
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
