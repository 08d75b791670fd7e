/**
 * Runs every check and test of the project, part by part, and ends with the
 * line `N passed, N failed`. A failed part does not stop the next ones; a part
 * that ran no test has failed. `scripts/test` is the way to call it.
 */
import { readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { runBunTests } from "./bun-tests.ts";
import { installNeeds } from "./needs.ts";

const ROOT = resolve(import.meta.dir, "..");
const BUN = process.execPath;

/** Seeds the simulator runs when --seeds does not say otherwise. */
const DEFAULT_SEEDS = 2_000;

interface Part {
  readonly name: string;
  readonly about: string;
  readonly commands: readonly (readonly string[])[];
  /** Folders and files below tests/ that `bun test` runs; a part has these or `commands`. */
  readonly tests?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Its tests run dist/mesh: it is built with this part, whichever were named. */
  readonly runsBinary?: true;
}

interface Outcome {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  readonly failures: readonly string[];
}

/** Runs of the replicated log alone for each run of a whole cluster. */
const VOPR_SEEDS = 5_000;

/** Folders of tests/ with a part of their own, or without tests. */
const APART = ["sim", "vopr", "e2e", "vm", "clients", "fixtures"];

function parts(seeds: number, firstSeed: number, voprFirstSeed: number): Part[] {
  const others = readdirSync(join(ROOT, "tests"), { withFileTypes: true })
    .filter((entry) => (entry.isDirectory() ? !APART.includes(entry.name) : entry.name.endsWith(".test.ts")))
    .map((entry) => entry.name)
    .sort();
  return [
    { name: "types", about: "the type checker", commands: [[BUN, "x", "tsc", "--noEmit"]] },
    { name: "lint", about: "format and lint", commands: [[BUN, "x", "biome", "ci", "."]] },
    {
      name: "tests",
      about: "unit, scenario, conformance, layer and style tests",
      commands: [],
      tests: others,
    },
    { name: "build", about: "the binary dist/mesh", commands: [[BUN, "scripts/build.ts"]] },
    {
      name: "simulator",
      about: `${seeds} seeds from ${firstSeed} on; the replicated log alone: ${VOPR_SEEDS} from ${voprFirstSeed} on`,
      commands: [],
      tests: ["sim", "vopr"],
      environment: {
        MESH_SEEDS: String(seeds),
        MESH_VOPR_SEEDS: String(VOPR_SEEDS),
        MESH_SEED: String(firstSeed),
        MESH_VOPR_SEED: String(voprFirstSeed),
      },
    },
    { name: "e2e", about: "whole clusters of the binary", commands: [], tests: ["e2e"], runsBinary: true },
    { name: "vm", about: "isolation under a kernel with cgroups v2", commands: [], tests: ["vm"] },
    {
      name: "clients",
      about: "frameworks written for Mesos",
      commands: [],
      tests: ["clients"],
      runsBinary: true,
    },
  ];
}

async function run(command: readonly string[], environment: Part["environment"] = {}): Promise<number> {
  const child = Bun.spawn([...command], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "inherit", "inherit"],
  });
  return await child.exited;
}

async function runPart(part: Part): Promise<Outcome> {
  console.log(`\n=== ${part.name}: ${part.about} ===`);
  const started = performance.now();
  const total = { passed: 0, failed: 0, skipped: 0, failures: [] as string[] };
  // An old binary must not stand in for one that could not be built.
  if (part.name === "build") rmSync(join(ROOT, "dist/mesh"), { force: true });
  for (const command of part.commands) {
    if ((await run(command)) === 0) total.passed++;
    else {
      total.failed++;
      total.failures.push(command.slice(1).join(" "));
    }
  }
  if (part.tests !== undefined)
    Object.assign(total, await runBunTests(join(ROOT, "tests"), part.tests, part.environment));
  const outcome = { name: part.name, ...total, seconds: (performance.now() - started) / 1000 };
  console.log(describe(outcome));
  return outcome;
}

function describe(outcome: Outcome): string {
  const skipped = outcome.skipped > 0 ? `, ${outcome.skipped} skipped` : "";
  const counts = `${outcome.passed} passed, ${outcome.failed} failed${skipped}`;
  return `${outcome.name.padEnd(10)} ${counts} in ${outcome.seconds.toFixed(1)} s`;
}

const OPTIONS = {
  seeds: { type: "string" },
  "first-seed": { type: "string" },
  list: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

function usage(all: readonly Part[]): string {
  return [
    "scripts/test [options] [part…]",
    "Sets up and runs every test, or those of the parts named; ends with `N passed, N failed`,",
    "and with status 0 only if nothing failed.",
    "",
    "Parts:",
    ...all.map((part) => `  ${part.name.padEnd(10)} ${part.about}`),
    "",
    "Options:",
    `  --seeds N       whole clusters that the simulator runs (default ${DEFAULT_SEEDS})`,
    "  --first-seed N  the first of them, to repeat a run; by default drawn by lot and printed",
    "  --list          print the parts that would run and end",
    "  -h, --help      print this and end",
    "",
    "Examples:",
    "  scripts/test",
    "  scripts/test types lint tests",
    "  scripts/test simulator --seeds 100 --first-seed 7",
    "  bun test tests/raft        one folder, without the rest",
  ].join("\n");
}

/** The command line; a sentence for one that cannot be understood. */
function readWords() {
  try {
    return parseArgs({ allowPositionals: true, options: OPTIONS });
  } catch (error) {
    return error instanceof Error ? (error.message.split(". ")[0] ?? "") : String(error);
  }
}

async function main(): Promise<number> {
  const words = readWords();
  if (typeof words === "string") {
    console.error(`Cannot run the tests: ${words}; see scripts/test --help`);
    return 2;
  }
  const { values, positionals } = words;
  const seeds = Number(values.seeds ?? DEFAULT_SEEDS);
  const firstSeed = Number(values["first-seed"] ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  if (!Number.isSafeInteger(seeds) || seeds < 1 || !Number.isSafeInteger(firstSeed) || firstSeed < 0) {
    console.error("Cannot read --seeds or --first-seed: give whole numbers, such as --seeds 100");
    return 2;
  }
  // Fresh ones each time, unless a run is to be repeated.
  const voprFirstSeed = Number(
    values["first-seed"] ?? process.env["MESH_VOPR_SEED"] ?? Math.floor(Math.random() * 2 ** 31),
  );
  const all = parts(seeds, firstSeed, voprFirstSeed);
  if (values.help === true) {
    console.log(usage(all));
    return 0;
  }
  const unknown = positionals.filter((name) => !all.some((part) => part.name === name));
  if (unknown.length > 0) {
    const there = all.map((part) => part.name).join(", ");
    console.error(`Cannot run part "${unknown.join('", "')}": there are ${there}; see scripts/test --help`);
    return 2;
  }
  const named = all.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const runsBinary = named.some((part) => part.runsBinary === true);
  const chosen = all.filter((part) => named.includes(part) || (runsBinary && part.name === "build"));
  if (values.list === true) {
    for (const part of chosen) console.log(`${part.name.padEnd(10)} ${part.about}`);
    return 0;
  }
  await installNeeds(chosen.map((part) => part.name));
  const outcomes: Outcome[] = [];
  for (const part of chosen) outcomes.push(await runPart(part));
  console.log("\n=== summary ===");
  for (const outcome of outcomes) console.log(describe(outcome));
  // Said again here: who reads the end of a long log must not search it.
  for (const outcome of outcomes)
    for (const failure of outcome.failures) console.log(`failed in ${outcome.name}: ${failure}`);
  const sum = (pick: (outcome: Outcome) => number): number => outcomes.reduce((n, one) => n + pick(one), 0);
  const failed = sum((outcome) => outcome.failed);
  console.log(`${sum((outcome) => outcome.passed)} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
