/**
 * A member whose disk lost entries it once acknowledged. It takes part as a
 * follower, but its log may lack committed entries, so it neither votes nor
 * campaigns until a leader has brought all of them back (Alagappan and
 * others, "Protocol-Aware Recovery", FAST 2018).
 */
import type { RaftState } from "./state.ts";
import type { LogDamage } from "./types.ts";

/**
 * True once a log that ends so holds everything the damage can have hidden:
 *
 * - an entry of a term above `damage.term` came from a leader that was elected
 *   without this member's lost entries counting, and whose log held all that
 *   was committed (leader completeness, Raft paper 5.4.3);
 * - in the same term, the leader's own log again reaches as far as this one did.
 */
export function holdsAllAgain(damage: LogDamage, lastIndex: number, lastTerm: number): boolean {
  return lastTerm > damage.term || (lastTerm === damage.term && lastIndex >= damage.lastIndex);
}

/** True while votes of this member could elect a leader that lacks committed entries. */
export function isRepairing(raft: RaftState): boolean {
  const { damage } = raft;
  if (damage === null) return false;
  if (!holdsAllAgain(damage, raft.log.lastIndex, raft.log.lastTerm)) return true;
  raft.damage = null;
  return false;
}
