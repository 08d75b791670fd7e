/**
 * The simulator of the replicated log (tests/vopr/), for long runs and replays.
 *
 *   bun scripts/vopr.ts --seed N [--trace] [--options JSON]   one run, told in full
 *   bun scripts/vopr.ts --seeds N [--first N] [--jobs N]      many runs
 *   bun scripts/vopr.ts --hours H [--jobs N]                  as many as fit the time
 *
 * A failing seed of many is made smaller before it is printed.
 */
import { drawOptions, type VoprOptions } from "../tests/vopr/options.ts";
import { shrink } from "../tests/vopr/shrink.ts";
import { type Outcome, simulate } from "../tests/vopr/simulate.ts";
import { type Failure, sweep } from "../tests/vopr/sweep.ts";
import { readFlags, refuse, refuseBoth } from "./flags.ts";

const SHRINK_MAX_RUNS = 300;
/** Seeds between two looks at the clock. */
const ROUND_SEEDS = 500;
/** Failing seeds that are made smaller; the others are only named. */
const SHRUNK_MAX_SEEDS = 3;

const SCRIPT = import.meta.path;
const { values } = readFlags(SCRIPT, {
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    first: { type: "string" },
    hours: { type: "string" },
    jobs: { type: "string" },
    trace: { type: "boolean" },
    options: { type: "string" },
  },
});
refuseBoth(SCRIPT, values, "seed", "seeds", "hours");
for (const many of ["first", "jobs"]) refuseBoth(SCRIPT, values, "seed", many);
for (const one of ["trace", "options"])
  for (const many of ["seeds", "hours"]) refuseBoth(SCRIPT, values, one, many);
refuseBoth(SCRIPT, values, "first", "hours");

if (values.seed !== undefined) process.exitCode = replay(whole("seed", values.seed));
else if (values.seeds !== undefined) {
  process.exitCode = await many(whole("first", values.first ?? "1"), whole("seeds", values.seeds), 0);
} else if (values.hours !== undefined) {
  const first = crypto.getRandomValues(new Uint32Array(1))[0] ?? 1;
  const hours = Number(values.hours);
  if (!(hours > 0)) refuse(SCRIPT, `--hours is '${values.hours}', not a number above 0`);
  process.exitCode = await many(first, Number.POSITIVE_INFINITY, hours * 3_600_000);
} else refuse(SCRIPT, "nothing to do: give --seed N, --seeds N or --hours H");

function whole(name: string, text: string): number {
  const number = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(number) && number >= 0) return number;
  return refuse(SCRIPT, `--${name} is '${text}', not a whole number`);
}

function replay(seed: number): number {
  const drawn = drawOptions(seed);
  const options: VoprOptions =
    values.options === undefined
      ? drawn
      : { ...drawn, ...(JSON.parse(values.options) as Partial<VoprOptions>) };
  console.log(JSON.stringify(options));
  const print = (line: string): void => console.log(line);
  const outcome = simulate(
    seed,
    options,
    values.trace === true ? { note: print, message: print } : { note: print },
  );
  tell(outcome);
  return outcome.violation === null ? 0 : 1;
}

function tell({ violation, statistics }: Outcome): void {
  console.log(JSON.stringify(statistics));
  console.log(violation === null ? "every promise was kept" : (violation.stack ?? String(violation)));
}

/** `count` seeds, or as many as fit into `forMs`. */
async function many(first: number, count: number, forMs: number): Promise<number> {
  const jobs = whole("jobs", values.jobs ?? "2");
  const startedMs = performance.now();
  const failures: Failure[] = [];
  let done = 0;
  let simulatedMs = 0;
  const goesOn = (): boolean => (forMs > 0 ? performance.now() - startedMs < forMs : done < count);
  while (goesOn()) {
    const round = await sweep(first + done, Math.min(ROUND_SEEDS, count - done), jobs);
    done += Math.min(ROUND_SEEDS, count - done);
    simulatedMs += round.total.simulatedMs;
    for (const failure of round.failures) announce(failure, failures.push(failure));
    const seconds = (performance.now() - startedMs) / 1_000;
    console.log(
      `${done} seeds, ${failures.length} failed, ${(done / seconds).toFixed(1)} seeds/s, ` +
        `${(simulatedMs / 3_600_000).toFixed(1)} h simulated; last ${ROUND_SEEDS}: ${JSON.stringify(round.total)}`,
    );
  }
  return failures.length === 0 ? 0 : 1;
}

function announce({ seed, message }: Failure, nth: number): void {
  console.log(`seed ${seed} failed: ${message}`);
  if (nth > SHRUNK_MAX_SEEDS) return;
  const { options, outcome, runs } = shrink(seed, drawOptions(seed), SHRINK_MAX_RUNS);
  console.log(`made smaller in ${runs} runs:`);
  console.log(`bun scripts/vopr.ts --seed ${seed} --trace --options '${JSON.stringify(options)}'`);
  console.log(outcome.violation?.message ?? "");
}
