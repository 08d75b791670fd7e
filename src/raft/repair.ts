/**
 * A member whose disk lost entries it once acknowledged. It takes part as a
 * follower, but its log may lack committed entries, so it neither votes nor
 * campaigns until a leader has brought all of them back (Alagappan and
 * others, "Protocol-Aware Recovery", FAST 2018).
 */
import { nextContext } from "./read-index.ts";
import type { RaftState } from "./state.ts";
import { holdsAllAgain } from "./store.ts";
import type { PeerId, RaftMessage } from "./types.ts";

/** True while votes of this member could elect a leader that lacks committed entries. */
export function isRepairing(raft: RaftState): boolean {
  const { damage } = raft;
  if (damage === null) return false;
  if (!holdsAllAgain(damage, raft.log.lastIndex, raft.log.lastTerm)) return true;
  raft.damage = null;
  return false;
}

/**
 * The damage may hide more entries than the leader of its term has: ones of
 * older terms, which that leader replaces. Holding all that this leader has
 * now is enough, since whatever was confirmed to it or to those before it and
 * is committed, or still may be, is in its log. Only it knows how far that
 * goes, and only an answer to a question of this life of the member counts.
 */
export function askForLeadersEnd(raft: RaftState, leader: PeerId): void {
  const { damage, term, log, leadersEnd } = raft;
  if (damage?.term !== term || log.lastTerm !== term) return;
  if (leadersEnd !== null && raft.nowMs < leadersEnd.askAgainAtMs) return;
  const context = nextContext(raft);
  raft.leadersEnd = { context, askAgainAtMs: raft.nowMs + 2 * raft.electionTimeoutMs };
  raft.send(leader, { kind: "read-index", term, context });
}

export function onLeadersEnd(raft: RaftState, reply: RaftMessage & { kind: "read-index-reply" }): void {
  const { damage, term } = raft;
  const { context, lastIndex } = reply;
  if (damage?.term !== term || lastIndex === undefined) return;
  // What is proposed from now on was never counted.
  raft.leadersEnd = { context, askAgainAtMs: Number.POSITIVE_INFINITY };
  if (lastIndex >= damage.lastIndex) return;
  raft.damage = { ...damage, lastIndex };
  raft.durability.boundDamage(lastIndex);
}
