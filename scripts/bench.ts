/**
 * Runs one benchmark: `bun scripts/bench.ts <name>`, where <name> is a file of
 * scripts/bench/ that exports `bench`, or that measures and prints when it is
 * loaded. Prints its figures, the machine they were
 * measured on, and both as one JSON line at the end. docs/benchmarks.md keeps
 * the figures that count.
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

const name = process.argv[2] ?? "";
if (names().includes(name)) {
  if (LOAD_AT_START > BUSY_SHARE * cpus().length) {
    const load = LOAD_AT_START.toFixed(2);
    console.error(`The machine is busy (load average ${load}): figures will be worse than they could be`);
  }
  const { bench } = (await import(join(FOLDER, `${name}.ts`))) as Benchmark;
  const figures = (await bench?.()) ?? {};
  print(figures);
  print(machine());
  console.log(JSON.stringify({ bench: name, figures, machine: machine() }));
  process.exit(0);
}
console.error(`Cannot run benchmark "${name}": there are ${names().join(", ")}`);
process.exit(2);
