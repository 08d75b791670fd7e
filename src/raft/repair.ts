/**
 * A member whose disk lost entries it once acknowledged. It takes part as a
 * follower, but its log may lack committed entries, so it neither votes nor
 * campaigns until a leader has brought all of them back (Alagappan and
 * others, "Protocol-Aware Recovery", FAST 2018).
 */
import type { RaftState } from "./state.ts";
import { holdsAllAgain } from "./store.ts";

/** True while votes of this member could elect a leader that lacks committed entries. */
export function isRepairing(raft: RaftState): boolean {
  const { damage } = raft;
  if (damage === null) return false;
  if (!holdsAllAgain(damage, raft.log.lastIndex, raft.log.lastTerm)) return true;
  raft.damage = null;
  return false;
}
