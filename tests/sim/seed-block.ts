/** Seeds run one after the other, and what to say of them. */
import { describeOptions } from "./options.ts";
import { addTotals, noTotals, type SimRun, type SimTotals, simulate } from "./simulate.ts";

export interface SeedBlock {
  readonly firstSeed: number;
  readonly seeds: number;
}

export interface BlockResult {
  readonly block: SeedBlock;
  readonly totals: SimTotals;
  readonly seconds: number;
  /** A report for each seed that broke a promise. */
  readonly failures: readonly string[];
}

const HISTORY_LINES = 60;
/** More failures than this tell nothing new. */
const FAILURES_MAX = 3;

export function runBlock(block: SeedBlock): BlockResult {
  const started = performance.now();
  const totals = noTotals();
  const failures: string[] = [];
  for (let seed = block.firstSeed; seed < block.firstSeed + block.seeds; seed++) {
    const run = simulate(seed);
    addTotals(totals, run.totals);
    if (run.failure !== undefined) failures.push(report(run));
    if (failures.length >= FAILURES_MAX) break;
  }
  return { block, totals, seconds: (performance.now() - started) / 1000, failures };
}

export function splitSeeds(firstSeed: number, seeds: number, blockSeeds: number): SeedBlock[] {
  const blocks: SeedBlock[] = [];
  for (let done = 0; done < seeds; done += blockSeeds) {
    blocks.push({ firstSeed: firstSeed + done, seeds: Math.min(blockSeeds, seeds - done) });
  }
  return blocks;
}

/** Everything needed to see the failure again. */
export function report(run: SimRun): string {
  return [
    `seed ${run.seed} failed (trace ${run.traceHash}, commit ${commit()})`,
    `replay: bun scripts/sim.ts --seed ${run.seed} --trace`,
    `  ${describeOptions(run.options)}`,
    ...run.history.slice(-HISTORY_LINES),
    run.failure ?? "",
  ].join("\n");
}

/** One line for a block or for a whole swarm. */
export function describeTotals(totals: SimTotals, seconds: number): string {
  const { seeds, simulatedMs, events, terms, entries, tasksStarted } = totals;
  const hours = (simulatedMs / 3_600_000).toFixed(2);
  return (
    `${seeds} seeds in ${seconds.toFixed(1)} s: ${hours} simulated hours, ${events} events, ` +
    `${terms} terms, ${entries} log entries, ${tasksStarted} tasks`
  );
}

let knownCommit: string | undefined;

function commit(): string {
  knownCommit ??= Bun.spawnSync(["git", "describe", "--always", "--dirty"], { cwd: import.meta.dir })
    .stdout.toString()
    .trim();
  return knownCommit === "" ? "unknown" : knownCommit;
}
