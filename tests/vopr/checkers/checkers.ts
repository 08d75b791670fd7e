/** Every promise of the replicated log, each kept by a checker of its own; throws at the first one broken. */
import type { LogEntry, Membership, PeerId, RaftMessage, RestoredRaft } from "../../../src/raft/types.ts";
import type { KvOutcome } from "../kv-machine.ts";
import type { Member } from "../member.ts";
import { Commands } from "./commands.ts";
import { CommitSafety } from "./commit-safety.ts";
import { checkPromise } from "./durable-promises.ts";
import { ElectionSafety } from "./election-safety.ts";
import { LogMatching } from "./log-matching.ts";

export class Checkers {
  readonly elections = new ElectionSafety();
  readonly logMatching = new LogMatching();
  readonly commits: CommitSafety;
  readonly commands = new Commands();
  /** How often members took over a leader's state. */
  takeovers = 0;
  restarts = 0;

  constructor(memberOf: (id: PeerId) => Member | undefined) {
    this.commits = new CommitSafety((id) => memberOf(id)?.disk.promised);
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
    if (member.log !== null) checkPromise(member.id, to, message, member.disk.promised, member.log);
  }

  leads(member: Member, term: number): void {
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
}
