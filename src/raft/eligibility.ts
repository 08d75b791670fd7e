/**
 * A member that should not lead although it could: its disk is full, or its
 * state differs from the others'. It hands leadership over; if nobody takes
 * it within an election timeout, it steps down all the same. Alone in its
 * cluster it goes on leading, for reads, and refuses proposals.
 */
import type { RaftState } from "./state.ts";
import { startLeadershipTransfer } from "./transfer.ts";

export function setEligible(raft: RaftState, eligible: boolean): void {
  if (raft.eligible === eligible) return;
  raft.eligible = eligible;
  if (!eligible && raft.role === "leader" && raft.progress.size > 0) startLeadershipTransfer(raft, null);
}
