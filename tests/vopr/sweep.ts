/** Runs many seeds, in one process or several, and adds up what they did. */
import { join } from "node:path";
import { drawOptions } from "./options.ts";
import { type Statistics, simulate } from "./simulate.ts";

/** Seeds that a worker process is given at once. */
const PORTION_SEEDS = 250;

export type Totals = Omit<Statistics, "traceHash">;

export interface Failure {
  readonly seed: number;
  /** First line. */
  readonly message: string;
}

export interface Sweep {
  readonly failures: Failure[];
  readonly total: Totals;
}

/** Seeds from `first` on; `progress` is called with the number of seeds done so far. */
export async function sweep(
  first: number,
  count: number,
  processes: number,
  progress: (done: number, failures: readonly Failure[]) => void = () => {},
): Promise<Sweep> {
  const sum: Sweep = { failures: [], total: { ...NOTHING } };
  let next = first;
  let done = 0;
  const work = async (): Promise<void> => {
    while (next < first + count) {
      const from = next;
      const portion = Math.min(PORTION_SEEDS, first + count - from);
      next += portion;
      const part = processes === 1 ? sweepHere(from, portion) : await sweepElsewhere(from, portion);
      sum.failures.push(...part.failures);
      add(sum.total, part.total);
      done += portion;
      progress(done, part.failures);
      await Promise.resolve();
    }
  };
  await Promise.all(Array.from({ length: processes }, work));
  return sum;
}

export function sweepHere(first: number, count: number): Sweep {
  const sum: Sweep = { failures: [], total: { ...NOTHING } };
  for (let seed = first; seed < first + count; seed++) {
    const { violation, statistics } = simulate(seed, drawOptions(seed));
    add(sum.total, statistics);
    if (violation !== null) sum.failures.push({ seed, message: firstLine(violation) });
  }
  return sum;
}

async function sweepElsewhere(first: number, count: number): Promise<Sweep> {
  const script = join(import.meta.dir, "sweep-worker.ts");
  const child = Bun.spawn([process.execPath, script, String(first), String(count)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const output = await new Response(child.stdout).text();
  const code = await child.exited;
  if (code !== 0)
    throw new Error(`Cannot run seeds ${first}..${first + count - 1}: the worker ended with ${code}`);
  return JSON.parse(output) as Sweep;
}

const NOTHING: Readonly<Totals> = {
  simulatedMs: 0,
  terms: 0,
  committed: 0,
  acknowledged: 0,
  operations: 0,
  takeovers: 0,
  membershipChanges: 0,
  restarts: 0,
  refused: 0,
  undecided: 0,
};

function add(total: Totals, part: Totals): void {
  const sum = total as Record<keyof Totals, number>;
  for (const name of Object.keys(NOTHING) as (keyof Totals)[]) sum[name] += part[name];
}

function firstLine(error: Error): string {
  return `${error.name}: ${error.message}`.split("\n")[0] ?? "";
}
