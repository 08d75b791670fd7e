/** Becoming a follower, and what a leader leaves behind. */
import { closeTransfer } from "./snapshot-send.ts";
import type { RaftState } from "./state.ts";
import type { PeerId, StepDownReason } from "./types.ts";

/** Enters `term` (the present or a newer one) as a follower of `leader`, if known. `why`: if it leads now. */
export function becomeFollower(
  raft: RaftState,
  term: number,
  leader: PeerId | null,
  why: StepDownReason = "newer-term",
): void {
  if (term > raft.term) raft.setHardState({ term, votedFor: null });
  if (raft.role === "leader") {
    raft.steppedDown = raft.transfer === null ? why : "handed-over";
    leaveLeadership(raft);
  }
  if (raft.role !== "follower") {
    raft.role = "follower";
    raft.armElection();
  }
  raft.votes.clear();
  if (raft.leader !== leader) dropForwardedReads(raft);
  raft.leader = leader;
}

/** Reads that wait for a leader's answer end when that leader is gone. */
export function dropForwardedReads(raft: RaftState): void {
  for (const { ref } of raft.forwardedReads.values())
    raft.emit({ kind: "dropped", ref, reason: "not-leader" });
  raft.forwardedReads.clear();
}

function leaveLeadership(raft: RaftState): void {
  for (const ref of raft.proposals.values()) raft.emit({ kind: "dropped", ref, reason: "deposed" });
  raft.proposals.clear();
  for (const { origin } of raft.reads) {
    if (origin.kind === "own") raft.emit({ kind: "dropped", ref: origin.ref, reason: "deposed" });
    else {
      const { peer, context } = origin;
      raft.send(peer, { kind: "read-index-reply", term: raft.term, context, index: null });
    }
  }
  raft.reads = [];
  raft.roundInFlight = 0;
  for (const progress of raft.progress.values()) closeTransfer(raft, progress);
  raft.progress.clear();
  raft.transfer = null;
  if (raft.change !== null) raft.emit({ kind: "change-refused", ref: raft.change.ref, reason: "deposed" });
  raft.change = null;
  raft.leaving = [];
  raft.uncommittedBytes = 0;
}
