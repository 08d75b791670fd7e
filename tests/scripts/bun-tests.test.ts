import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Counts } from "../../scripts/bun-tests.ts";
import { ROOT } from "../support/source-text.ts";

let project = "";

/** Test files of a project of their own, by folder. */
const SUITES: Readonly<Record<string, string>> = {
  good: 'import { test } from "bun:test";\ntest("a", () => {});\ntest("b", () => {});\n',
  bad: 'import { test } from "bun:test";\ntest("a", () => {});\ntest("b", () => { throw new Error("no"); });\n',
  long: 'import { expect, test } from "bun:test";\ntest("l", () => expect(Array(60).fill(7)).toEqual([]));\n',
  late: 'import { test } from "bun:test";\ntest("s", () => Promise.withResolvers<void>().promise, 20);\n',
  skips: 'import { test } from "bun:test";\ntest.skip("a", () => {});\n',
  broken: 'import { nothing } from "./none.ts";\nnothing();\n',
  dies: 'import { test } from "bun:test";\ntest("a", () => {});\ntest("b", () => process.exit(7));\n',
  empty: "",
};

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), "mesh-suites-"));
  for (const [name, text] of Object.entries(SUITES)) {
    mkdirSync(join(project, "tests", name), { recursive: true });
    if (text !== "") writeFileSync(join(project, "tests", name, "x.test.ts"), text);
  }
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

/** Counts in a process of its own, since the runner writes to its own output. */
function count(...names: string[]): Counts {
  const program = `
    import { runBunTests } from ${JSON.stringify(join(ROOT, "scripts/bun-tests.ts"))};
    console.log(JSON.stringify(await runBunTests(${JSON.stringify(join(project, "tests"))}, ${JSON.stringify(names)})));
  `;
  const done = Bun.spawnSync([process.execPath, "-e", program], { cwd: project });
  return JSON.parse(done.stdout.toString().trim().split("\n").at(-1) ?? "") as Counts;
}

test("counts what passed and what failed, and says what it was", () => {
  expect(count("good")).toEqual({ passed: 2, failed: 0, skipped: 0, failures: [] });
  const bad = count("bad");
  expect(bad).toMatchObject({ passed: 1, failed: 1, skipped: 0 });
  expect(bad.failures).toEqual([expect.stringMatching(/^tests\/bad\/x\.test\.ts: b\n {4}Error: no\n/)]);
  expect(count("good", "bad")).toMatchObject({ passed: 3, failed: 1, skipped: 0 });
});

test("shows what was received, as much of it as can be read", () => {
  const [long = ""] = count("long").failures;
  expect(long).toContain("\n    +   7,\n");
  const lines = long.split("\n");
  expect(lines.length).toBe(42);
  expect(lines.at(-1)).toMatch(/^ {4}\(and \d+ more lines\)$/);
  expect(count("late").failures).toEqual(["tests/late/x.test.ts: s\n    test timed out"]);
});

test("takes nothing for a failure", () => {
  expect(count()).toMatchObject({ passed: 0, failed: 1, skipped: 0 });
  expect(count("none")).toMatchObject({ passed: 0, failed: 1, skipped: 0 });
  expect(count("empty")).toMatchObject({ passed: 0, failed: 1, skipped: 0 });
  expect(count("skips")).toMatchObject({ passed: 0, failed: 1, skipped: 1 });
  expect(count("none").failures).toEqual(["tests that are not there"]);
});

test("sees a file that does not load, and a process that dies", () => {
  expect(count("good", "broken")).toMatchObject({ failed: 1 });
  expect(count("dies")).toMatchObject({ passed: 0, failed: 1 });
});
