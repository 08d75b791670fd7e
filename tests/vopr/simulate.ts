/**
 * One run: a safety phase in which anything may happen, then a healing phase
 * in which faults are over and the cluster must go on within bounded time; at
 * the end the clients' histories are judged.
 */
import { members as membersOf } from "../../src/raft/membership.ts";
import { checkLinearizability, describeHistory } from "../support/linearizability.ts";
import { Client } from "./client.ts";
import { Cluster } from "./cluster.ts";
import { Faults } from "./faults.ts";
import type { VoprOptions } from "./options.ts";
import { Violation } from "./violation.ts";

/** The healed cluster must have answered everybody and agree by then. */
const HEALS_WITHIN_MS = 20_000;
const HISTORY_SHOWN_MAX_OPERATIONS = 80;

/** What a run was made of; a run in which nothing happens proves nothing. */
export interface Statistics {
  readonly simulatedMs: number;
  readonly terms: number;
  readonly committed: number;
  readonly acknowledged: number;
  readonly operations: number;
  readonly takeovers: number;
  readonly membershipChanges: number;
  readonly restarts: number;
  readonly refused: number;
  readonly undecided: number;
  readonly traceHash: string;
}

export interface Outcome {
  /** Null: every promise was kept. */
  readonly violation: Error | null;
  readonly statistics: Statistics;
  /** The last lines of what happened. */
  readonly notes: readonly string[];
}

export interface Watcher {
  readonly note?: (line: string) => void;
  readonly message?: (line: string) => void;
}

export function simulate(seed: number, options: VoprOptions, watcher: Watcher = {}): Outcome {
  const cluster = new Cluster(seed, options);
  cluster.world.onNote = watcher.note;
  const { message } = watcher;
  if (message !== undefined) {
    cluster.onMessage = (text) => message(`${(cluster.world.nowMs / 1000).toFixed(4).padStart(9)}  ${text}`);
  }
  let violation: Error | null = null;
  let undecided = 0;
  try {
    undecided = run(cluster);
  } catch (error) {
    violation = error instanceof Error ? error : new Error(String(error));
  }
  return { violation, statistics: statisticsOf(cluster, undecided), notes: cluster.world.history };
}

/** Returns the number of histories too hard to judge. */
function run(cluster: Cluster): number {
  const { options, members, clients, world } = cluster;
  const faults = new Faults(cluster);
  for (const member of members) member.start();
  for (const client of clients) client.work();
  faults.start();
  cluster.runUntil(options.safetyMs);
  cluster.working = false;
  faults.heal();
  const deadlineMs = world.nowMs + HEALS_WITHIN_MS;
  cluster.runUntil(deadlineMs, () => clients.every((client) => client.idle));
  probe(cluster, deadlineMs);
  cluster.runUntil(deadlineMs, () => agreed(cluster));
  if (!agreed(cluster)) throw new Violation(`Convergence: members still differ\n${describeMembers(cluster)}`);
  cluster.checkers.commands.allKept(cluster.checkers.commits.entries);
  return judge(cluster);
}

/** A new client's write and read of each register must succeed. */
function probe(cluster: Cluster, deadlineMs: number): void {
  const client = new Client(cluster, "probe");
  for (let key = 0; key < cluster.options.keys; key++) {
    for (const kind of ["write", "read"] as const) {
      let answered = false;
      const again = (value: number | null): void => {
        if (value === null) client[kind](`${key}`, again);
        else answered = true;
      };
      client[kind](`${key}`, again);
      cluster.runUntil(deadlineMs, () => answered);
      if (!answered) {
        throw new Violation(
          `Convergence: a ${kind} of register ${key} gets no answer ${HEALS_WITHIN_MS} ms after healing\n${describeMembers(cluster)}`,
        );
      }
    }
  }
}

/** All members of the membership in force whose disk lets them take part show the newest state. */
function agreed(cluster: Cluster): boolean {
  const { commits } = cluster.checkers;
  const membership = cluster.leader()?.membership;
  if (membership === undefined) return false;
  return membersOf(membership).every((id) => {
    const member = cluster.members.find((candidate) => candidate.id === id);
    if (member === undefined || member.refused || member.destroyed) return true;
    const status = member.node?.status();
    if (status?.appliedIndex !== commits.index || status.damage !== null) return false;
    commits.reached(id, commits.index, member.state.digest);
    return Bun.deepEquals(status.membership, membership);
  });
}

function judge({ history }: Cluster): number {
  const verdict = checkLinearizability(history);
  if (verdict.kind !== "refuted") return verdict.kind === "undecided" ? 1 : 0;
  const shown = verdict.operations.slice(0, HISTORY_SHOWN_MAX_OPERATIONS);
  throw new Violation(`Linearisability: register ${verdict.key} is refuted\n${describeHistory(shown)}`);
}

function describeMembers({ members, checkers }: Cluster): string {
  const lines = members.map(({ id, node, refused, machine }) => {
    if (node === null)
      return `${id} ${refused ? "refused its disk" : machine.alive ? "is starting" : "is down"}`;
    const { role, term, leader, commitIndex, appliedIndex, lastIndex, durableIndex } = node.status();
    return `${id} ${role} term ${term} leader ${leader} last ${lastIndex} durable ${durableIndex} commit ${commitIndex} applied ${appliedIndex}`;
  });
  return [`committed ${checkers.commits.index}`, ...lines].join("\n");
}

function statisticsOf(cluster: Cluster, undecided: number): Statistics {
  const { checkers, world, history, members } = cluster;
  return {
    simulatedMs: world.nowMs,
    terms: checkers.elections.terms,
    committed: checkers.commits.index,
    acknowledged: checkers.commands.acknowledged,
    operations: history.length,
    takeovers: checkers.takeovers,
    membershipChanges: cluster.changes,
    restarts: checkers.restarts - members.length,
    refused: members.filter(({ refused }) => refused).length,
    undecided,
    traceHash: world.traceHash,
  };
}
