/**
 * The shape of one run, drawn from its seed: each run has its own cluster,
 * network, disks and kinds of faults, so that rare mixtures come up too
 * (swarm testing: Groce et al., ISSTA 2012).
 */
import { Random } from "../../src/base/random.ts";
import { DAY_MS } from "../../src/base/time.ts";
import type { NetworkOptions } from "./network.ts";
import type { FrameworkPlan } from "./sim-framework.ts";

export const FAULT_KINDS = [
  "master-crash",
  "all-masters-crash",
  "agent-crash",
  "agent-reboot",
  "agent-replaced",
  "agent-leaves",
  "framework-crash",
  "isolate",
  "one-way",
  "halves",
  "bridge",
  "master-pause",
  "agent-pause",
  "framework-pause",
  "master-slow-disk",
  "agent-slow-disk",
  "transfer",
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

export interface AgentPlan {
  readonly cpus: number;
  readonly memMib: number;
  /** Offered beyond what there is. */
  readonly revocableCpus: number;
}

export interface SimOptions {
  readonly masters: number;
  readonly agents: readonly AgentPlan[];
  readonly frameworks: readonly FrameworkPlan[];
  readonly network: NetworkOptions;
  readonly diskMaxMs: number;
  readonly turnMaxMs: number;
  readonly heartbeatMs: number;
  readonly electionTimeoutMs: number;
  /** Log entries kept behind the applied index: few make compaction and state transfer common. */
  readonly keepEntries: number;
  /** Entry bytes in memory: few make reads from disk common. */
  readonly logMemoryMaxBytes: number;
  /** Entry bytes proposed and not committed: few make the log full. */
  readonly uncommittedMaxBytes: number | undefined;
  readonly offerTimeoutMs: number | undefined;
  /** Of MasterSettings: frameworks of a few tasks are removed as those of many are. */
  readonly tasksEndedAtOnce: number;
  /** Wall clocks are wrong by at most this. */
  readonly wallSkewMaxMs: number;
  /** A framework's calls share one connection; otherwise they overtake each other. */
  readonly callsInOrder: boolean;
  readonly staleChance: number;
  /** Length of the safety phase. */
  readonly safetyMs: number;
  readonly faults: readonly FaultKind[];
  /** Mean time between two faults. */
  readonly faultMeanMs: number;
  /** Whether operators drain, deactivate and maintain agents, and how often. */
  readonly operated: boolean;
  readonly operatorMeanMs: number;
  /** For how long agents that left are remembered. */
  readonly rememberAgentsMs: number;
  /** Whether operators set weights and quota, and how often. */
  readonly limited: boolean;
  readonly quotaMeanMs: number;
  /** Whether operators change resources, kill tasks and keep notes, and how often. */
  readonly requested: boolean;
  readonly requestMeanMs: number;
}

export function drawOptions(seed: number): SimOptions {
  const random = new Random(seed * 2 + 1);
  const safetyMs = random.between(20, 60) * 1_000;
  const taskRunsMs = random.pick([
    [5, 50, 500],
    [5, 50, 500, 3_000, 15_000],
    [3_000, 15_000, 60_000],
  ]);
  // Apart, so that what it draws changes nothing else of a seed's history.
  const more = new Random(seed * 2 + 1_000_003);
  const faults = FAULT_KINDS.filter(() => random.chance(0.4));
  return {
    masters: random.pick([1, 3, 3, 3, 3, 5]),
    agents: Array.from({ length: random.between(1, 3) }, () => ({
      cpus: random.pick([0.3, 1, 2]),
      memMib: random.pick([96, 512, 1_024]),
      revocableCpus: more.pick([0, 0, 0.5]),
    })),
    frameworks: Array.from({ length: random.between(1, 3) }, (_, n) => ({
      name: `f${n + 1}`,
      role: random.pick(["*", "a", "a/b"]),
      tasks: random.between(2, random.pick([8, 15, 40])),
      partitionAware: random.chance(0.5),
      killingState: random.chance(0.5),
      failoverTimeoutSeconds: random.pick([0, 5, 30, 600, 600]),
      tearsDownAtMs: random.chance(0.1) ? random.below(safetyMs) : undefined,
      taskRunsMs,
      reusesIds: random.chance(0.5),
      operates: random.chance(0.5),
      picky: more.chance(0.25),
      groups: more.chance(0.4),
      shares: more.chance(0.5),
      revocable: more.chance(0.5),
      whimsical: more.chance(0.5),
      executors: more.chance(0.4),
    })).map((plan) => ({
      ...plan,
      operates: plan.operates && plan.role !== "*",
      // Statuses name the container, which tasks of an executor share: it does not tell runs of one id apart.
      reusesIds: plan.reusesIds && !plan.executors,
    })),
    network: {
      dropPercent: random.pick([0, 0, 2, 10, 25]),
      duplicatePercent: random.pick([0, 5, 30]),
      delayMaxMs: random.pick([1, 5, 40]),
      encoded: random.chance(0.1),
    },
    diskMaxMs: random.pick([0, 2, 10, 40]),
    turnMaxMs: random.pick([0, 0.5, 3]),
    heartbeatMs: 150,
    electionTimeoutMs: random.pick([500, 700]),
    keepEntries: random.pick([2, 10, 1_000, 1_000]),
    logMemoryMaxBytes: random.pick([500, 1_000_000]),
    uncommittedMaxBytes: random.chance(0.1) ? random.pick([200, 1_000]) : undefined,
    offerTimeoutMs: random.pick([undefined, 3_000]),
    wallSkewMaxMs: random.pick([0, 0, 1_000, 60_000]),
    callsInOrder: random.chance(0.7),
    staleChance: random.pick([0, 0.05]),
    safetyMs,
    faults,
    faultMeanMs: random.pick([700, 2_000, 6_000]),
    ...drawOperators(seed),
    ...drawQuota(seed),
    ...drawRequests(seed),
    ...drawRemovals(seed),
  };
}

/** Of a generator of its own: runs without operators stay as they were before there were any. */
function drawOperators(seed: number): Pick<SimOptions, "operated" | "operatorMeanMs" | "rememberAgentsMs"> {
  const random = new Random(seed * 2 + 2 ** 40);
  const operated = random.chance(0.4);
  const operatorMeanMs = random.pick([500, 2_000, 8_000]);
  return { operated, operatorMeanMs, rememberAgentsMs: random.pick([DAY_MS, operated ? 12_000 : DAY_MS]) };
}

/** Of a generator of its own: runs without quota stay as they were before there was any. */
function drawQuota(seed: number): Pick<SimOptions, "limited" | "quotaMeanMs"> {
  const random = new Random(seed * 2 + 2 ** 41);
  return { limited: random.chance(0.4), quotaMeanMs: random.pick([400, 2_000, 8_000]) };
}

/** Of a generator of its own, as those above. */
function drawRemovals(seed: number): Pick<SimOptions, "tasksEndedAtOnce"> {
  return { tasksEndedAtOnce: new Random(seed * 2 + 2 ** 43).pick([1, 2, 100]) };
}

function drawRequests(seed: number): Pick<SimOptions, "requested" | "requestMeanMs"> {
  const random = new Random(seed * 2 + 2 ** 42);
  return { requested: random.chance(0.5), requestMeanMs: random.pick([200, 1_000, 4_000]) };
}

/** One line for the reader of a failed run. */
export function describeOptions(options: SimOptions): string {
  const { agents, frameworks, faults, ...rest } = options;
  const plans = frameworks.map(
    ({ name, role, tasks, partitionAware, killingState, failoverTimeoutSeconds, tearsDownAtMs, reusesIds }) =>
      `${name}(${role} ${tasks} tasks${partitionAware ? " aware" : ""}${killingState ? " killing" : ""}${reusesIds ? " reuse" : ""}` +
      ` failover ${failoverTimeoutSeconds} s${tearsDownAtMs === undefined ? "" : ` down at ${tearsDownAtMs}`})`,
  );
  return [
    JSON.stringify(rest),
    `agents ${agents.map(({ cpus, memMib }) => `${cpus}/${memMib}`).join(" ")}`,
    `frameworks ${plans.join(" ")}`,
    `faults ${faults.join(" ") || "none"}`,
  ].join("\n  ");
}
