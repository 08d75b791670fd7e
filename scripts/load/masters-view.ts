/** What the masters' own metrics and the kernel say of them between two moments. */
import { cpuSeconds } from "../raft/load.ts";
import type { Masters } from "../raft/masters.ts";

/** Of the metrics of src/io/loop-watch.ts. */
const TURNS = "mesh/event_loop/turns/";
const WORK = "mesh/event_loop/work/";
const TURN_WANTED_MS = 50;

type Metrics = Readonly<Record<string, number>>;

interface Moment {
  readonly cpuS: number;
  readonly loadCpuS: number;
  readonly metrics: Metrics | undefined;
}

export interface Passed {
  /** Upper end of the class of the longest turn of any master's event loop; Infinity in the last class. */
  readonly longestTurnMs: number;
  /** The same without what they waited for a processor: what counts on a busy machine. */
  readonly longestWorkMs: number;
  /** Turns above 50 ms, and those of them with more work than that. */
  readonly longTurns: readonly [number, number];
  /** Processor time of each master that lived, in seconds. */
  readonly mastersCpuS: readonly number[];
  readonly loadCpuS: number;
}

export class MastersView {
  readonly #masters: Masters;
  #before: Moment[] = [];

  constructor(masters: Masters) {
    this.#masters = masters;
  }

  /** From here on counts what {@link passed} tells. */
  async begin(): Promise<void> {
    this.#before = await this.#moments();
  }

  async passed(): Promise<Passed> {
    const after = await this.#moments();
    const of = (name: string): Long =>
      after.reduce(
        (all, { metrics }, i) => {
          const before = this.#before[i]?.metrics;
          return before === undefined || metrics === undefined
            ? all
            : longer(all, longest(name, before, metrics));
        },
        { longestMs: 0, above: 0 },
      );
    const [turns, work] = [of(TURNS), of(WORK)];
    const cpu = after.map((moment, i) => {
      return Math.max(0, moment.cpuS - (this.#before[i]?.cpuS ?? 0));
    });
    return {
      longestTurnMs: turns.longestMs,
      longestWorkMs: work.longestMs,
      longTurns: [turns.above, work.above],
      mastersCpuS: cpu.map((seconds) => Math.round(seconds * 100) / 100),
      loadCpuS: Math.round(((after[0]?.loadCpuS ?? 0) - (this.#before[0]?.loadCpuS ?? 0)) * 100) / 100,
    };
  }

  #moments(): Promise<Moment[]> {
    return Promise.all(
      this.#masters.places.map(async ({ port }, i) => {
        const pid = this.#masters.pid(i);
        const loadCpuS = cpuSeconds([process.pid]);
        const metrics = await metricsOf(port);
        return { cpuS: metrics === undefined ? 0 : cpuSeconds([pid]), loadCpuS, metrics };
      }),
    );
  }
}

async function metricsOf(port: number): Promise<Metrics | undefined> {
  try {
    return (await (await fetch(`http://127.0.0.1:${port}/metrics/snapshot`)).json()) as Metrics;
  } catch {
    return undefined; // That master was killed.
  }
}

interface Long {
  readonly longestMs: number;
  readonly above: number;
}

function longer(a: Long, b: Long): Long {
  return { longestMs: Math.max(a.longestMs, b.longestMs), above: a.above + b.above };
}

/** Of the turns between two moments: the class of the longest one, and how many took too long. */
function longest(name: string, before: Metrics, after: Metrics): Long {
  const passed = (what: string): number => (after[name + what] ?? 0) - (before[name + what] ?? 0);
  const all = passed("all");
  const classes = Object.keys(after)
    .flatMap((key) => {
      const [, ms] = key.startsWith(name) ? (/up_to_(\d+)_ms$/.exec(key) ?? []) : [];
      return ms === undefined ? [] : [{ ms: Number(ms), count: passed(`up_to_${ms}_ms`) }];
    })
    .sort((a, b) => a.ms - b.ms);
  const longestMs = classes.find(({ count }) => count === all)?.ms ?? Number.POSITIVE_INFINITY;
  return { longestMs, above: all - passed(`up_to_${TURN_WANTED_MS}_ms`) };
}
