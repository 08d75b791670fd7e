/** What who does not know a script yet is told by it. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
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

test("each script that is run by hand says how, and changes nothing", () => {
  const names = readdirSync(join(ROOT, "scripts")).filter((name) => name.endsWith(".ts"));
  const isRun = (name: string): boolean =>
    name !== "flags.ts" && readFileSync(join(ROOT, "scripts", name), "utf8").includes("readFlags(");
  const runnable = names.filter(isRun).sort();
  expect(runnable).toEqual([
    "build.ts",
    "generate-model.ts",
    "planted-bugs.ts",
    "sim.ts",
    "vopr.ts",
    "wrap-comments.ts",
  ]);
  for (const name of runnable) {
    const { status, stdout, stderr } = run(name, "--help");
    expect([name, status, stderr]).toEqual([name, 0, ""]);
    expect(stdout).toContain(`bun scripts/${name}`);
    expect(stdout).not.toContain(" * ");
  }
});

test("scripts refuse what contradicts itself or is not understood, in one line", () => {
  const cases: [string, string[], string][] = [
    ["vopr.ts", [], "nothing to do: give --seed N"],
    ["vopr.ts", ["--seed", "1", "--seeds", "2"], "--seed and --seeds contradict each other"],
    ["vopr.ts", ["--seeds", "1", "--trace"], "--trace and --seeds contradict each other"],
    ["vopr.ts", ["--seed", "x"], "--seed is 'x', not a whole number"],
    ["vopr.ts", ["--hours", "no"], "--hours is 'no', not a number above 0"],
    ["vopr.ts", ["--sees", "1"], "Unknown option '--sees'"],
    ["sim.ts", [], "nothing to do: give --seed N"],
    ["sim.ts", ["--seeds", "1", "--minutes", "2"], "--seeds and --minutes contradict each other"],
    ["sim.ts", ["--seeds", "1", "--trace"], "--trace and --seeds contradict each other"],
    ["sim.ts", ["--seed", "x"], "--seed is 'x', not a whole number"],
    ["planted-bugs.ts", ["--mist", "1"], "Unknown option '--mist'"],
    ["build.ts", ["--target", "all", "--runtime", "x"], "--runtime is of one target, not of all"],
    ["generate-model.ts", ["--dry"], "Unknown option '--dry'"],
    ["wrap-comments.ts", ["--dry"], "Unknown option '--dry'"],
  ];
  for (const [script, words, text] of cases) {
    const { status, stdout, stderr } = run(script, ...words);
    expect([script, status, stdout]).toEqual([script, 2, ""]);
    expect(stderr).toBe(
      `Cannot run scripts/${script}: ${text}${stderr.slice(stderr.indexOf(text) + text.length)}`,
    );
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr).toContain(`; see bun scripts/${script} --help`);
  }
});
