/**
 * Runs one benchmark: `bun scripts/bench.ts <name>`, where <name> is a file of
 * scripts/bench/ that exports `bench`, or that measures and prints when it is
 * loaded. Prints its figures, the machine they were
 * measured on, and both as one JSON line at the end. docs/benchmarks.md keeps
 * the figures that count. The comment at the top of a benchmark is its help.
 */
import { readdirSync, readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";

const FOLDER = join(import.meta.dir, "bench");
/** Files of the folder that benchmarks share. */
const SHARED = ["lib", "load"];

/** Of the last minute. */
const LOAD_AT_START = loadavg()[0] ?? 0;
/** Share of the cores that may be busy already without a warning. */
const BUSY_SHARE = 0.25;

interface Benchmark {
  readonly bench?: () => Promise<Record<string, unknown>>;
}

function names(): string[] {
  return readdirSync(FOLDER)
    .map((name) => name.replace(/\.ts$/, ""))
    .filter((name) => !SHARED.includes(name))
    .sort();
}

/** What the figures depend on. */
function machine(): Record<string, unknown> {
  const { version } = JSON.parse(readFileSync(join(import.meta.dir, "../package.json"), "utf8")) as {
    version: string;
  };
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? "unknown",
    memoryGB: Math.round(totalmem() / 1e9),
    kernel: release(),
    bun: Bun.version,
    mesh: version,
    commit: commit(),
    loadAverageAtStart: Math.round(LOAD_AT_START * 100) / 100,
  };
}

/** Short id of the checked-out commit, with a "+" when files differ from it. */
function commit(): string {
  const git = (...words: string[]): string =>
    Bun.spawnSync(["git", ...words], { cwd: import.meta.dir, stderr: "ignore" })
      .stdout.toString()
      .trim();
  const changed = git("status", "--porcelain", "--untracked-files=no", "..") !== "";
  return `${git("rev-parse", "--short", "HEAD") || "unknown"}${changed ? "+" : ""}`;
}

function print(facts: Readonly<Record<string, unknown>>): void {
  const width = Math.max(0, ...Object.keys(facts).map((name) => name.length));
  for (const [name, value] of Object.entries(facts)) {
    const text = typeof value === "object" ? JSON.stringify(value) : String(value);
    console.log(`${name.padEnd(width)}  ${text}`);
  }
}

/** The text of the comment at the top of a benchmark. */
function aboutOf(name: string): string {
  const source = readFileSync(join(FOLDER, `${name}.ts`), "utf8");
  const comment = source.slice(source.indexOf("/**") + 3, source.indexOf("*/"));
  return comment
    .split("\n")
    .map((line) => line.replace(/^ \* ?/, "").trimEnd())
    .join("\n")
    .trim();
}

/** Its first sentence, on one line. */
function summaryOf(name: string): string {
  const text = aboutOf(name).replaceAll(/\s+/g, " ");
  return /^.*?[.:;](?= |$)/.exec(text)?.[0].replace(/[.:;]$/, "") ?? text;
}

function usage(): string {
  const width = Math.max(...names().map((name) => name.length));
  return [
    "bun scripts/bench.ts NAME [options]",
    "Measures, prints the figures and the machine, and both as one line of JSON at the end.",
    "",
    ...names().map((name) => `  ${name.padEnd(width)}  ${summaryOf(name)}`),
    "",
    "Examples:",
    "  bun scripts/bench.ts codec",
    "  bun scripts/bench.ts raft --help               what it measures, and its options",
    "  bun scripts/bench.ts raft --rounds 2 --seconds 3",
    "",
    "Most need dist/mesh, as `bun scripts/build.ts` builds it.",
  ].join("\n");
}

/** What is wrong with the words after the name; undefined if nothing is. */
function problemOf(name: string, words: readonly string[]): string | undefined {
  const known = new Set([...aboutOf(name).matchAll(/--([a-z-]+)/g)].map(([flag]) => flag));
  const unknown = words.find((word) => word.startsWith("-") && !known.has(word.replace(/=.*/, "")));
  if (unknown === undefined) return undefined;
  return known.size === 0
    ? `it has no option "${unknown}", and no others`
    : `it has no option "${unknown}", but ${[...known].join(", ")}`;
}

async function run(name: string): Promise<void> {
  if (LOAD_AT_START > BUSY_SHARE * cpus().length) {
    const load = LOAD_AT_START.toFixed(2);
    console.error(`The machine is busy (load average ${load}): figures will be worse than they could be`);
  }
  const { bench } = (await import(join(FOLDER, `${name}.ts`))) as Benchmark;
  const figures = (await bench?.()) ?? {};
  print(figures);
  print(machine());
  console.log(JSON.stringify({ bench: name, figures, machine: machine() }));
}

async function main(name: string | undefined, words: readonly string[]): Promise<number> {
  const refuse = (text: string): number => {
    console.error(`Cannot run a benchmark: ${text}`);
    return 2;
  };
  if (name === "--help" || name === "-h") {
    console.log(usage());
    return 0;
  }
  const help = "see bun scripts/bench.ts --help";
  if (name === undefined) return refuse(`its name is missing; ${help}`);
  if (!names().includes(name))
    return refuse(`there is none called "${name}", but ${names().join(", ")}; ${help}`);
  if (words.includes("--help") || words.includes("-h")) {
    console.log(aboutOf(name));
    return 0;
  }
  const problem = problemOf(name, words);
  if (problem !== undefined) return refuse(`"${name}": ${problem}; see bun scripts/bench.ts ${name} --help`);
  await run(name);
  return 0;
}

process.exit(await main(process.argv[2], process.argv.slice(3)));
