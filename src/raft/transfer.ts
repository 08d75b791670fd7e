/**
 * Leadership transfer (thesis, 3.10): stop taking proposals, bring the target
 * up to date, tell it to campaign at once. Given up after one election timeout.
 */
import type { Progress } from "./progress.ts";
import type { RaftState } from "./state.ts";
import type { PeerId } from "./types.ts";

export function startLeadershipTransfer(raft: RaftState, to: PeerId | null): void {
  if (raft.role !== "leader") {
    raft.emit({ kind: "transfer-failed", reason: "not-leader" });
    return;
  }
  const target = to === null ? bestFollower(raft) : raft.progress.get(to);
  if (target === undefined || !mayTakeOver(raft, target)) {
    raft.emit({ kind: "transfer-failed", reason: "no-target" });
    return;
  }
  raft.transfer = { to: target.id, untilMs: raft.nowMs + raft.electionTimeoutMs, ordered: false };
  checkTransfer(raft, target);
}

/** Orders the election once the target holds the whole log. */
export function checkTransfer(raft: RaftState, progress: Progress): void {
  const { transfer } = raft;
  if (transfer === null || transfer.to !== progress.id || transfer.ordered) return;
  if (progress.matchIndex < raft.log.lastIndex) return;
  transfer.ordered = true;
  raft.send(progress.id, { kind: "timeout-now", term: raft.term });
}

/** A voter also after the change under way, if there is one. */
function mayTakeOver(raft: RaftState, { id }: Progress): boolean {
  return raft.membership.voters.includes(id);
}

/** The follower that can take over soonest. */
export function bestFollower(raft: RaftState): Progress | undefined {
  let best: Progress | undefined;
  for (const progress of raft.progress.values()) {
    if (!mayTakeOver(raft, progress)) continue;
    if (best === undefined || rank(progress) > rank(best)) best = progress;
  }
  return best;
}

/** Alive first, then by what it holds. */
function rank(progress: Progress): number {
  return progress.matchIndex + (progress.heard ? 0.5 : 0);
}
