/**
 * One run: a safety phase in which anything may fail, then healing, then
 * draining. The folder tests/sim/ runs the real cores of masters and agents in
 * one process under a seeded clock, network, disk and kernel:
 *
 *     options.ts     what this run looks like, drawn from its seed
 *     world.ts       virtual time; process.ts, disk.ts, network.ts, kernel.ts: machines
 *     sim-*.ts       masters, agents, frameworks and their executors, and the cluster of them
 *     faults.ts      what goes wrong; *operators.ts: what operators do
 *     *-promises.ts  what must hold at every moment; settling.ts: at the end
 *     owed.ts        what a healed cluster must do at once, without being asked again
 *     seed-pool.ts   many runs on several cores
 *
 * It does not test drivers (sockets, level, the kernel): those have suites of
 * their own, and tests/e2e runs the binary.
 */
import { Faults } from "./faults.ts";
import { Operators } from "./operators.ts";
import { drawOptions, type SimOptions } from "./options.ts";
import { Owed } from "./owed.ts";
import { RequestOperators } from "./request-operators.ts";
import { RoleOperators } from "./role-operators.ts";
import { checkEnds, starved, undrained, unhealed } from "./settling.ts";
import { SimCluster } from "./sim-cluster.ts";
import { Violation } from "./violation.ts";

const HEAL_MAX_MS = 120_000;
/** An update that nobody acknowledged is repeated after 10 s, 20, 40 and so on: the next may be far away. */
const DRAIN_MAX_MS = 240_000;
/** Work that goes on between healing and draining: long enough to pay what was owed. */
const CALM_MS = 3_000;
/** Beyond that: a log that is nearly full takes its time. All in all less than an agent's first retry. */
const OWED_MAX_MS = 5_000;
const LOOK_EVERY_MS = 250;
/** Until what could be offered to a guarantee is offered: the next turns of the leader. */
const STARVED_MAX_MS = 2_000;

/** What happened in one run, or in several. */
export interface SimTotals {
  seeds: number;
  events: number;
  simulatedMs: number;
  terms: number;
  entries: number;
  tasksStarted: number;
  tasksLaunched: number;
  operationsFinished: number;
  /** Answers by what was asked, ends of operations by what they did: "ACCEPT 202". */
  outcomes: Record<string, number>;
  /** Of agents and machines, by operators. */
  changesCommitted: number;
  quotaOffers: number;
}

export interface SimRun {
  readonly seed: number;
  readonly options: SimOptions;
  readonly totals: SimTotals;
  readonly traceHash: string;
  readonly history: readonly string[];
  /** Undefined when every promise was kept. */
  readonly failure: string | undefined;
}

export function simulate(seed: number, onNote?: (line: string) => void): SimRun {
  const options = drawOptions(seed);
  let cluster: SimCluster | undefined;
  let failure: string | undefined;
  try {
    cluster = new SimCluster(seed, options);
    cluster.world.onNote = onNote;
    play(cluster);
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  return {
    seed,
    options,
    totals: totalsOf(cluster),
    traceHash: cluster?.world.traceHash ?? "",
    history: cluster?.world.history ?? [],
    failure,
  };
}

function play(cluster: SimCluster): void {
  const { world, options } = cluster;
  const faults = new Faults(cluster);
  const roleOperators = options.limited ? new RoleOperators(cluster) : undefined;
  faults.start();
  const operators = options.operated ? new Operators(cluster) : undefined;
  operators?.start();
  roleOperators?.start();
  const requestOperators = options.requested ? new RequestOperators(cluster) : undefined;
  requestOperators?.start();
  world.runUntil(options.safetyMs);
  faults.heal();
  operators?.heal();
  roleOperators?.heal();
  requestOperators?.heal();
  for (const framework of cluster.frameworks) framework.rests = true;
  settle(cluster, "healed", HEAL_MAX_MS, unhealed);
  for (const framework of cluster.frameworks) {
    framework.rests = false;
    framework.operations.calm = true;
  }
  settle(cluster, "fair to guarantees", STARVED_MAX_MS, starved);
  const owed = new Owed(cluster);
  world.runUntil(world.nowMs + CALM_MS);
  settle(cluster, "quit of what was owed", OWED_MAX_MS, () => owed.missing());
  world.note("--- draining ---");
  for (const framework of cluster.frameworks) framework.drain();
  settle(cluster, "drained", DRAIN_MAX_MS, undrained);
  checkEnds(cluster);
}

function settle(
  cluster: SimCluster,
  what: string,
  maxMs: number,
  missing: (cluster: SimCluster) => string | undefined,
): void {
  const { world } = cluster;
  const untilMs = world.nowMs + maxMs;
  for (let lack = missing(cluster); lack !== undefined; lack = missing(cluster)) {
    if (world.nowMs > untilMs) throw new Violation(`Not ${what} within ${maxMs / 1000} s: ${lack}`);
    world.runUntil(world.nowMs + LOOK_EVERY_MS);
  }
}

function totalsOf(cluster: SimCluster | undefined): SimTotals {
  return {
    seeds: 1,
    events: cluster?.world.steps ?? 0,
    simulatedMs: cluster?.world.nowMs ?? 0,
    terms: cluster?.checker.raft.terms ?? 0,
    entries: cluster?.checker.raft.highestAppliedIndex ?? 0,
    tasksStarted: cluster?.checker.tasks.starts.size ?? 0,
    outcomes: outcomesOf(cluster),
    operationsFinished:
      cluster?.frameworks.reduce((sum, { operations }) => sum + operations.finished, 0) ?? 0,
    quotaOffers: cluster?.checker.quotas.offers ?? 0,
    tasksLaunched: cluster?.frameworks.reduce((sum, { book }) => sum + book.launched, 0) ?? 0,
    changesCommitted: [...(cluster?.checker.agents.committedChanges.values() ?? [])].reduce(
      (a, b) => a + b,
      0,
    ),
  };
}

function outcomesOf(cluster: SimCluster | undefined): Record<string, number> {
  const outcomes: Record<string, number> = {};
  for (const [what, count] of cluster?.checker.answers ?? []) add(outcomes, what, count);
  for (const { operations } of cluster?.frameworks ?? [])
    for (const [what, count] of operations.ends) add(outcomes, what, count);
  return outcomes;
}

function add(outcomes: Record<string, number>, what: string, count: number): void {
  outcomes[what] = (outcomes[what] ?? 0) + count;
}

export function addTotals(sum: SimTotals, one: SimTotals): void {
  for (const key of Object.keys(sum) as (keyof SimTotals)[]) {
    if (key !== "outcomes") sum[key] += one[key];
  }
  for (const [what, count] of Object.entries(one.outcomes)) add(sum.outcomes, what, count);
}

export function noTotals(): SimTotals {
  return {
    seeds: 0,
    events: 0,
    simulatedMs: 0,
    terms: 0,
    entries: 0,
    tasksStarted: 0,
    tasksLaunched: 0,
    operationsFinished: 0,
    outcomes: {},
    changesCommitted: 0,
    quotaOffers: 0,
  };
}
