/** Every promise of the replicated log, each kept by a checker of its own; throws at the first one broken. */
import type { LogEntry, Membership, PeerId, RaftMessage, RestoredRaft } from "../../../src/raft/types.ts";
import type { KvOutcome } from "../kv-machine.ts";
import type { Member } from "../member.ts";
import { Violation } from "../violation.ts";
import { Commands } from "./commands.ts";
import { CommitSafety } from "./commit-safety.ts";
import { checkPromise } from "./durable-promises.ts";
import { ElectionSafety } from "./election-safety.ts";
import { LogMatching } from "./log-matching.ts";
import { MembershipChanges } from "./membership-changes.ts";

export class Checkers {
  readonly elections = new ElectionSafety();
  readonly logMatching = new LogMatching();
  readonly commits: CommitSafety;
  readonly commands = new Commands();
  readonly #changes = new MembershipChanges();
  readonly #memberOf: (id: PeerId) => Member | undefined;
  /** How often members took over a leader's state. */
  takeovers = 0;
  restarts = 0;

  constructor(memberOf: (id: PeerId) => Member | undefined) {
    this.#memberOf = memberOf;
    this.commits = new CommitSafety((id, index, term) => {
      const member = memberOf(id);
      if (member === undefined) return false;
      const { disk, log } = member;
      if (disk.promised.holds(index, term)) return true;
      // What damage brought back counts as far as the member, if it runs, has it in its log.
      return disk.holds(index, term) && (log === null || log.termAt(index) === term);
    });
  }

  restarted(member: Member, restored: RestoredRaft): void {
    this.restarts++;
    if (member.log !== null) this.logMatching.restored(member.id, member.log, restored.tailEntries);
    this.commits.reached(member.id, restored.appliedIndex, member.state.digest);
  }

  tookOver(member: Member, index: number): void {
    this.takeovers++;
    this.commits.reached(member.id, index, member.state.digest);
  }

  sends(member: Member, to: PeerId, message: RaftMessage): void {
    if (message.kind === "vote-reply" && message.granted) this.elections.votes(member.id, to, message.term);
    // An answer that waited for the disk while its term ended: whoever counts it counts what was so then.
    if (message.kind === "append-ok" && message.term < member.term) return;
    if (message.kind === "append-ok") {
      this.#agrees(member, to, message);
      remembers(member);
    }
    if (member.log !== null) checkPromise(member.id, to, message, member.disk, member.log);
  }

  /** Entries go to the disk of a member; `before` is the membership in force until then. */
  appends(member: Member, entries: readonly LogEntry[], before: Membership, commitIndex: number): void {
    if (member.log !== null) this.logMatching.appended(member.id, member.log, entries);
    for (const entry of entries) {
      if (entry.kind !== "config" || entry.term !== member.leadsTerm) continue;
      this.#changes.appended(member.id, entry, before, {
        index: commitIndex,
        term: member.log?.termAt(commitIndex),
      });
    }
  }

  leads(member: Member, term: number): void {
    this.#changes.leads(member.id, 0);
    // The membership of the moment: nothing is appended between the last vote and taking office.
    if (this.elections.leads(member.id, term, member.membership) && member.log !== null) {
      this.commits.leads(member.id, term, member.log);
    }
  }

  applies(member: Member, entry: LogEntry, membership: Membership, term: number): void {
    this.commits.applies(member.id, entry, membership, term);
  }

  applied(member: Member, entry: LogEntry, outcome: KvOutcome | null): void {
    if (outcome?.effective) this.commands.tookEffect(member.id, entry);
    this.commits.reached(member.id, entry.index, member.state.digest);
  }

  /** What a follower confirms to a leader, the leader holds. */
  #agrees(member: Member, to: PeerId, { matchIndex, term }: RaftMessage & { kind: "append-ok" }): void {
    const leader = this.#memberOf(to);
    if (leader?.leadsTerm !== term) return;
    const theirs = leader.log?.termAt(matchIndex);
    const own = member.log?.termAt(matchIndex);
    if (theirs === undefined || own === undefined || theirs === own) return;
    throw new Violation(
      `Log matching: ${member.id} confirms entry ${matchIndex}/${own} to ${to}, which holds ${matchIndex}/${theirs}`,
    );
  }
}

/** The log in memory ends where all that was written to it and taken over says. */
function remembers({ id, node, log }: Member): void {
  const held = node?.status().lastIndex;
  if (held === undefined || log === null || held === log.lastIndex) return;
  throw new Violation(
    `Log matching: the log of ${id} ends with ${held} in memory, with ${log.lastIndex} on disk`,
  );
}
