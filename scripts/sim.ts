/**
 * The simulator by hand: one seed again, or a swarm of them.
 *
 *     bun scripts/sim.ts --seed 7 --trace     replay seed 7 and show what happens
 *     bun scripts/sim.ts --seeds 5000         5,000 seeds from a random one on; from --seed N if it is given
 *     bun scripts/sim.ts --minutes 60         as many as an hour holds
 */
import { describeOptions } from "../tests/sim/options.ts";
import { type BlockResult, describeTotals, type SeedBlock, splitSeeds } from "../tests/sim/seed-block.ts";
import { SeedPool } from "../tests/sim/seed-pool.ts";
import { addTotals, noTotals, simulate } from "../tests/sim/simulate.ts";
import { readFlags, refuse, refuseBoth } from "./flags.ts";

const BLOCK_SEEDS = 50;
/** Blocks asked for at a time while the clock decides the end. */
const WAVE_BLOCKS = 40;

function replay(seed: number, trace: boolean): number {
  const run = simulate(seed, trace ? (line) => console.log(line) : undefined);
  console.log(`seed ${seed}\n  ${describeOptions(run.options)}`);
  console.log(`trace hash ${run.traceHash}, ${run.totals.events} events`);
  if (run.failure !== undefined && !trace) console.log(run.history.join("\n"));
  console.log(run.failure ?? "every promise was kept");
  return run.failure === undefined ? 0 : 1;
}

async function swarm(firstSeed: number, seeds: number, untilMs: number): Promise<number> {
  const started = performance.now();
  const totals = noTotals();
  let failed = 0;
  const take = ({ block, totals: some, seconds, failures }: BlockResult): void => {
    addTotals(totals, some);
    failed += failures.length;
    console.log(`from ${block.firstSeed}: ${describeTotals(some, seconds)}`);
    for (const failure of failures) console.log(failure);
  };
  for (let done = 0; done < seeds && performance.now() < untilMs; ) {
    const count = Math.min(seeds - done, WAVE_BLOCKS * BLOCK_SEEDS);
    await runWave(splitSeeds(firstSeed + done, count, BLOCK_SEEDS), take);
    done += count;
  }
  const seconds = (performance.now() - started) / 1000;
  console.log(`${describeTotals(totals, seconds)}, ${(totals.seeds / seconds).toFixed(1)} seeds/s`);
  const outcomes = Object.entries(totals.outcomes).sort(([a], [b]) => (a < b ? -1 : 1));
  console.log(outcomes.map(([what, count]) => `${what}: ${count}`).join(", "));
  console.log(failed === 0 ? "every promise was kept" : `${failed} seeds failed`);
  return failed === 0 ? 0 : 1;
}

async function runWave(blocks: readonly SeedBlock[], take: (result: BlockResult) => void): Promise<void> {
  const pool = new SeedPool();
  try {
    for (const result of pool.start(blocks)) take(await result);
  } finally {
    pool.close();
  }
}

function wholeNumber(text: string | undefined): number | undefined {
  const value = Number(text);
  return text === undefined || !Number.isSafeInteger(value) || value < 0 ? undefined : value;
}

async function main(): Promise<number> {
  const script = import.meta.path;
  const { values } = readFlags(script, {
    options: {
      seed: { type: "string" },
      seeds: { type: "string" },
      minutes: { type: "string" },
      trace: { type: "boolean" },
    },
  });
  refuseBoth(script, values, "seeds", "minutes");
  for (const many of ["seeds", "minutes"]) refuseBoth(script, values, "trace", many);
  const whole = (name: "seed" | "seeds" | "minutes"): number | undefined => {
    const number = wholeNumber(values[name]);
    if (values[name] === undefined || number !== undefined) return number;
    return refuse(script, `--${name} is '${values[name]}', not a whole number`);
  };
  const [seed, seeds, minutes] = [whole("seed"), whole("seeds"), whole("minutes")];
  if (seed === undefined && seeds === undefined && minutes === undefined) {
    return refuse(script, "nothing to do: give --seed N, --seeds N or --minutes M");
  }
  if (minutes === undefined && seeds === undefined && seed !== undefined) {
    return replay(seed, values.trace === true);
  }
  const firstSeed = seed ?? Math.floor(Math.random() * 2 ** 31);
  const untilMs = minutes === undefined ? Number.POSITIVE_INFINITY : performance.now() + minutes * 60_000;
  return await swarm(firstSeed, seeds ?? Number.MAX_SAFE_INTEGER - firstSeed, untilMs);
}

process.exitCode = await main();
