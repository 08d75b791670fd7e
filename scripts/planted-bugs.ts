/**
 * Does the simulator of the replicated log find the mistakes that it is there
 * for? Plants each bug of tests/vopr/planted-bugs.ts alone in a copy of the
 * sources, runs seeds until one fails, and prints a row of a table for each.
 *
 *   bun scripts/planted-bugs.ts [--first N] [--most SEEDS] [--skip BUGS] [words of a name]
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PLANTED_BUGS, type PlantedBug } from "../tests/vopr/planted-bugs.ts";
import { readFlags } from "./flags.ts";

const ROOT = join(import.meta.dir, "..");
const COPIED = ["src", "tests/vopr", "tests/sim", "tests/support", "package.json", "tsconfig.json"];

interface Found {
  readonly seeds: number;
  /** Null: no seed failed. */
  readonly seed: number | null;
  readonly message: string | null;
}

const { values, positionals } = readFlags(import.meta.path, {
  allowPositionals: true,
  options: {
    first: { type: "string", default: "1" },
    most: { type: "string", default: "5000" },
    skip: { type: "string", default: "0" },
  },
});
const wanted = positionals.join(" ");
let missed = 0;
console.log("| Bug | Seeds needed | What told it |\n|---|---|---|");
for (const bug of PLANTED_BUGS.slice(Number(values.skip)).filter(({ name }) => name.includes(wanted))) {
  const { seeds, message } = await seedsNeeded(bug);
  if (message === null) missed++;
  const found = bug.seed === undefined ? seeds : `seed ${bug.seed}`;
  console.log(`| ${bug.name} | ${message === null ? `not in ${seeds}` : found} | ${message ?? ""} |`);
}
process.exitCode = missed === 0 ? 0 : 1;

async function seedsNeeded({ name, file, right, wrong, seed }: PlantedBug): Promise<Found> {
  const copy = mkdtempSync(join(tmpdir(), "mesh-planted-"));
  try {
    for (const part of COPIED) cpSync(join(ROOT, part), join(copy, part), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
    const source = readFileSync(join(copy, file), "utf8");
    if (source.split(right).length !== 2) throw new Error(`Cannot plant "${name}": ${file} was changed`);
    writeFileSync(
      join(copy, file),
      source.replace(right, () => wrong),
    );
    const range = seed === undefined ? [values.first, values.most] : [String(seed), "1"];
    const child = Bun.spawn([process.execPath, "tests/vopr/first-failure.ts", ...range], {
      cwd: copy,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const output = await new Response(child.stdout).text();
    if ((await child.exited) !== 0) throw new Error(`Cannot run "${name}": ${output}`);
    return JSON.parse(output) as Found;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
