/** What who does not know a script yet is told by it. */
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support/source-text.ts";

function run(script: string, ...words: string[]) {
  const done = Bun.spawnSync([process.execPath, join(ROOT, "scripts", script), ...words]);
  return { status: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
}

test("scripts/test.ts says what there is", () => {
  const { status, stdout, stderr } = run("test.ts", "--help");
  expect([status, stderr]).toEqual([0, ""]);
  for (const text of ["simulator", "--first-seed N", "Examples:", "scripts/test types lint tests"]) {
    expect(stdout).toContain(text);
  }
});

test("scripts/test.ts builds the binary for the parts that run it", () => {
  const parts = (...words: string[]): string[] =>
    run("test.ts", "--list", ...words)
      .stdout.trim()
      .split("\n")
      .map((line) => line.split(" ")[0] ?? "");
  expect(parts("e2e")).toEqual(["build", "e2e"]);
  expect(parts("types", "clients")).toEqual(["types", "build", "clients"]);
  expect(parts("types", "vm")).toEqual(["types", "vm"]);
  expect(parts()).toHaveLength(8);
});

test("scripts/test.ts refuses what it does not know, in one line", () => {
  const cases: [string[], string][] = [
    [["nonsense"], 'Cannot run part "nonsense": there are types, lint, '],
    [["--sees", "3"], "Cannot run the tests: Unknown option '--sees'"],
    [["--seeds", "many"], "Cannot read --seeds or --first-seed"],
  ];
  for (const [words, text] of cases) {
    const { status, stdout, stderr } = run("test.ts", ...words);
    expect([status, stdout, stderr.trimEnd().split("\n").length]).toEqual([2, "", 1]);
    expect(stderr).toContain(text);
  }
});

test("scripts/bench.ts names every benchmark with what it measures, and shows the options of each", () => {
  const { status, stdout, stderr } = run("bench.ts", "--help");
  expect([status, stderr]).toEqual([0, ""]);
  const files = readdirSync(join(ROOT, "scripts/bench")).map((name) => name.replace(".ts", ""));
  for (const name of files.filter((each) => each !== "lib" && each !== "load")) {
    expect(stdout).toMatch(new RegExp(`^  ${name} +[A-Z].{20}`, "m"));
  }
  expect(stdout).toContain("Examples:");
  expect(run("bench.ts", "raft", "--help").stdout).toContain("Options: `--rounds N` (default 3)");
});

test("scripts/bench.ts refuses what it does not know, in one line", () => {
  const cases: [string[], string][] = [
    [[], "Cannot run a benchmark: its name is missing; see bun scripts/bench.ts --help"],
    [["nonsense"], 'there is none called "nonsense", but allocator, checks, codec'],
    [["lib"], 'there is none called "lib"'],
    [["raft", "--round", "2"], '"raft": it has no option "--round", but --rounds, --seconds, --clients'],
    [["codec", "--quick"], '"codec": it has no option "--quick", and no others'],
  ];
  for (const [words, text] of cases) {
    const { status, stdout, stderr } = run("bench.ts", ...words);
    expect([status, stdout, stderr.trimEnd().split("\n").length]).toEqual([2, "", 1]);
    expect(stderr).toContain(text);
  }
});
