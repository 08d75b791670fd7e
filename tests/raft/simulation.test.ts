/** Random faults against the core: no promise of raft breaks, and a healed cluster goes on. */
import { expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { type Member, RaftCluster } from "../support/raft-cluster.ts";

const SEEDS = Number(process.env["MESH_SEEDS"] ?? 500);
const FIRST_SEED = Number(process.env["MESH_SEED"] ?? 1);

test(`${SEEDS} seeds of crashes, cuts, loss, repeats and late disks`, () => {
  const seen = { elections: 0, committed: 0, installs: 0, reads: 0, changes: 0 };
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    try {
      const { checker } = simulate(seed);
      seen.elections += checker.elections;
      seen.committed += checker.committedIndex;
      seen.installs += checker.installs;
      seen.reads += checker.readsServed;
      seen.changes += checker.changes;
    } catch (error) {
      const reason = error instanceof Error ? error.stack : String(error);
      throw new Error(`Seed ${seed} failed (replay: MESH_SEED=${seed} MESH_SEEDS=1): ${reason}`);
    }
  }
  if (process.env["MESH_SHOW"] !== undefined) console.log(seen);
  // The faults must leave room for something to happen, or the run proves nothing.
  expect(seen.elections).toBeGreaterThan(SEEDS);
  expect(seen.committed).toBeGreaterThan(SEEDS * 10);
  expect(seen.installs).toBeGreaterThan(0);
  expect(seen.reads).toBeGreaterThan(0);
  expect(seen.changes).toBeGreaterThan(SEEDS);
}, 120_000);

test("a seed replays to the same end", () => {
  const ends = [simulate(7), simulate(7)].map((cluster) => cluster.members.map((m) => m.node?.status()));
  expect(ends[0]).toEqual(ends[1] ?? []);
});

function simulate(seed: number): RaftCluster {
  const random = new Random(seed * 2 + 1);
  const cluster = new RaftCluster(seed, {
    nodes: random.chance(0.7) ? 3 : 5,
    dropPercent: random.pick([0, 0, 5, 20]),
    duplicatePercent: random.pick([0, 5, 30]),
    delayMaxMs: random.pick([2, 10, 60]),
    diskMaxMs: random.pick([0, 5, 40]),
    keepEntries: random.pick([3, 8, 1_000]),
    memoryMaxBytes: random.pick([10, 1_000_000]),
  });
  for (let turn = 0; turn < 60; turn++) {
    disturb(cluster, random);
    cluster.runUntil(cluster.nowMs + random.below(120));
    if (turn % 10 === 0) cluster.checker.logsMatch(cluster.members.map((member) => member.live));
  }
  heal(cluster);
  return cluster;
}

function disturb(cluster: RaftCluster, random: Random): void {
  const member = random.pick(cluster.members);
  const leader = cluster.leader();
  const dice = random.below(100);
  if (leader !== undefined && random.chance(0.15)) {
    change(cluster, random, leader);
  } else if (dice < 40) {
    for (let n = random.below(4); n >= 0; n--) cluster.propose(leader ?? member);
  } else if (dice < 55) cluster.read(member);
  else if (dice < 62) {
    const victim = leader !== undefined && random.chance(0.5) ? leader : member;
    if (victim.node !== null) cluster.crash(victim);
  } else if (dice < 75) {
    for (const other of cluster.members) if (other.node === null) cluster.start(other);
  } else if (dice < 83) {
    cut(cluster, random, leader?.id ?? member.id);
  } else if (dice < 92) cluster.cut.clear();
  else if (dice < 96 && leader !== undefined) cluster.step(leader, { kind: "transfer", to: null });
  else if (leader !== undefined) cluster.step(member, { kind: "peer-lost", peer: leader.id });
}

/** A membership change, sensible or not: refused ones must do no harm either. */
function change(cluster: RaftCluster, random: Random, leader: Member): void {
  const { voters, learners } = leader.node?.status().membership ?? { voters: [], learners: [] };
  const dice = random.below(10);
  if (dice < 3 && cluster.members.length < 12) {
    const { id } = cluster.join();
    cluster.change(leader, { kind: "add-learner", member: { id, address: id } });
  } else if (dice < 7) {
    cluster.change(leader, { kind: "promote", id: random.pick(learners.length > 0 ? learners : voters) });
  } else if (voters.length > 2 || dice === 9) {
    const id = random.pick([...voters, ...learners]);
    cluster.change(leader, { kind: "remove", id });
    // Half an operator's patience: both steps of a replacement at once.
    if (random.chance(0.3)) cluster.change(leader, { kind: "promote", id: random.pick([...learners, id]) });
  }
}

/** Cuts one member off (both ways or one way), or the cluster in two. */
function cut(cluster: RaftCluster, random: Random, leader: string): void {
  const victim = random.chance(0.5) ? leader : random.pick(cluster.members).id;
  const side = new Set([victim]);
  if (random.chance(0.3)) side.add(random.pick(cluster.members).id);
  const shape = random.below(3);
  for (const a of cluster.members) {
    for (const b of cluster.members) {
      if (!side.has(a.id) || side.has(b.id)) continue;
      if (shape !== 1) cluster.cut.add(`${a.id}>${b.id}`);
      if (shape !== 2) cluster.cut.add(`${b.id}>${a.id}`);
    }
  }
}

/** Faults stop: the cluster must elect, commit and agree within bounded time. */
function heal(cluster: RaftCluster): void {
  cluster.cut.clear();
  cluster.options = { ...cluster.options, dropPercent: 0, duplicatePercent: 0, delayMaxMs: 5, diskMaxMs: 5 };
  for (const member of cluster.members) if (member.node === null) cluster.start(member);
  const before = cluster.checker.committedIndex;
  const deadlineMs = cluster.nowMs + 15_000;
  while (!settled(cluster, before)) {
    if (cluster.nowMs > deadlineMs) {
      const states = cluster.members.map((member) => JSON.stringify(member.node?.status()));
      throw new Error(`Not settled ${before}:\n${states.join("\n")}`);
    }
    const leader = cluster.leader();
    if (leader !== undefined && cluster.checker.committedIndex === before) cluster.propose(leader);
    cluster.runUntil(cluster.nowMs + 100);
  }
  cluster.checker.logsMatch(cluster.members.map((member) => member.live));
}

function settled(cluster: RaftCluster, before: number): boolean {
  const leader = cluster.leader()?.node?.status();
  if (leader === undefined || leader.membership.outgoing.length > 0) return false;
  const { voters, learners } = leader.membership;
  const states = [...voters, ...learners].map((id) => cluster.member(id).node?.status());
  return (
    cluster.checker.committedIndex > before &&
    states.every((state) => state?.leader === leader.self) &&
    states.every((state) => state?.appliedIndex === cluster.checker.committedIndex)
  );
}
