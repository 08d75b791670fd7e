/**
 * Classic mistakes in a replicated log, each as a small change of the sources.
 * scripts/planted-bugs.ts plants one at a time in a copy and looks whether the
 * simulator finds it; docs/planted-bugs.md has the outcome.
 */

export interface PlantedBug {
  readonly name: string;
  /** Below the root of the repository. */
  readonly file: string;
  /** Occurs once in the file. */
  readonly right: string;
  readonly wrong: string;
  /** One that tells it, where chance takes too long. */
  readonly seed?: number;
}

const raft = (file: string): string => `src/raft/${file}.ts`;

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: "a vote leaves before it is on disk",
    file: raft("state"),
    right: `    case "vote-reply":\n    case "append-ok":\n      return "all";`,
    wrong: `    case "append-ok":\n      return "all";\n    case "vote-reply":\n      return "nothing";`,
  },
  {
    name: "entries are confirmed before they are on disk",
    file: raft("state"),
    right: `    case "append-ok":\n      return "all";`,
    wrong: `      return "all";\n    case "append-ok":\n      return "term";`,
  },
  {
    name: "a leader counts its own entries before they are on disk",
    file: raft("state"),
    right: "peer === this.self ? this.durability.durableIndex :",
    wrong: "peer === this.self ? this.log.lastIndex :",
  },
  {
    name: "a vote for a log that is shorter",
    file: raft("log"),
    right: "(lastTerm === this.lastTerm && lastIndex >= this.lastIndex)",
    wrong: "lastTerm === this.lastTerm",
  },
  {
    name: "a vote, not the question before it, for a log that lacks entries",
    file: raft("election"),
    right:
      "!isRepairing(raft) && mayVoteIn(raft, request.term, from) && holdsEnough(raft, request);\n  if (granted) {",
    wrong: "!isRepairing(raft) && mayVoteIn(raft, request.term, from);\n  if (granted) {",
  },
  {
    name: "a learner with the newest log leaves the election to voters that cannot win it",
    file: raft("election"),
    right: "    raft.outlastsCandidate = true;",
    wrong: "    raft.outlastsCandidate = false;",
    seed: 8009457,
  },
  {
    name: "an entry of an older term is committed by counting",
    file: raft("replication"),
    right: "if (index <= raft.log.commitIndex || raft.log.termAt(index) !== raft.term) return;",
    wrong: "if (index <= raft.log.commitIndex) return;",
  },
  {
    name: "any append cuts off what follows it",
    file: raft("follower"),
    right: "  addEntries(raft, entries);",
    wrong: `  if (raft.log.lastIndex > prevIndex && raft.log.commitIndex <= prevIndex) raft.truncateFrom(prevIndex + 1);
  addEntries(raft, entries);`,
  },
  {
    name: "an append confirms the end of the log, not what it held",
    file: raft("follower"),
    right: "  const matchIndex = prevIndex + entries.length;",
    wrong: "  const matchIndex = raft.log.lastIndex;",
  },
  {
    name: "a heartbeat commits all that is in the log",
    file: raft("read-index"),
    right: "const commit = Math.min(raft.log.commitIndex, progress.matchIndex);",
    wrong: "const commit = raft.log.commitIndex;",
  },
  {
    name: "a deposed leader serves reads without asking anybody",
    file: raft("read-index"),
    right:
      "  if (!isQuorum(raft.membership, (peer) => peer === raft.self || raft.roundAcks.has(peer))) return;",
    wrong: "",
  },
  {
    name: "a new leader serves reads before an entry of its term is committed",
    file: raft("read-index"),
    right: "    const safeIndex = Math.max(index, raft.termStartIndex);",
    wrong: "    const safeIndex = index;",
  },
  {
    name: "answers to reads of before a restart count",
    file: raft("read-index"),
    right: "raft.nextContext ?? raft.random.u32() * CONTEXTS_PER_PROCESS",
    wrong: "raft.nextContext ?? 1",
    seed: 3764181460,
  },
  {
    name: "the membership changes before an entry of the own term is committed",
    file: raft("membership-change"),
    right: `  if (!raft.termCommitted) return "unsettled";
  const { membership } = raft;
  if (!isSettled(raft) || membership.outgoing.length > 0) return "change-under-way";`,
    wrong: `  const { membership } = raft;
  if (raft.memberships.index > raft.log.commitIndex || membership.outgoing.length > 0) return "change-under-way";`,
  },
  {
    name: "a second change of the membership before the first is committed",
    file: raft("membership-change"),
    right: `  if (!isSettled(raft) || membership.outgoing.length > 0) return "change-under-way";`,
    wrong: "",
  },
  {
    name: "in a joint membership the new majority decides alone",
    file: raft("quorum"),
    right: "  return Math.min(incoming, setIndex(membership.outgoing, matchOf));",
    wrong: "  return incoming;",
  },
  {
    name: "in a joint membership the new majority elects alone",
    file: raft("quorum"),
    right: `  if (membership.outgoing.length === 0) return incoming;
  const outgoing = countSet(`,
    wrong: `  if (membership.outgoing.length >= 0) return incoming;
  const outgoing = countSet(`,
  },
  {
    name: "a transferred state keeps a log that does not follow it",
    file: raft("log"),
    right: "    const keep = this.termAt(index) === term;",
    wrong: "    const keep = this.lastIndex >= index;",
  },
  {
    name: "a transferred state drops entries that follow it",
    file: raft("log"),
    right: "    const keep = this.termAt(index) === term;",
    wrong: "    const keep = false as boolean;",
  },
  {
    name: "a member with a damaged log votes",
    file: raft("repair"),
    right: "  if (!holdsAllAgain(damage, raft.log.lastIndex, raft.log.lastTerm)) return true;",
    wrong: "  if (damage.lastIndex < 0) return true;",
  },
  {
    name: "a leader counts on what a damaged follower lost",
    file: raft("replication"),
    right: "  if (reply.lost === true) progress.forgetMatch(held);",
    wrong: "",
  },
  {
    name: "a log that ends before what was written last passes for whole",
    file: "src/io/store-recovery.ts",
    right: "  if (bad === null && !missing) return before;",
    wrong: "  if (bad === null || missing) return before;",
  },
  {
    name: "the store answers a write before it is on disk",
    file: "src/io/raft-store-writer.ts",
    right: `      try {
        await this.db.write(operations, true);
      } catch (error) {
        await`,
    wrong: `      queued?.resolve();
      try {
        await this.db.write(operations, true);
      } catch (error) {
        await`,
  },
  {
    name: "a state read while the disk is full passes for as new as what waits for room",
    file: "src/io/raft-store.ts",
    right: "    const reader = await openStateReader(writer.db, onDamage);",
    wrong: `    const read = await openStateReader(writer.db, onDamage);
    const reader = { ...read, appliedIndex: this.#appliedIndex };`,
  },
];
