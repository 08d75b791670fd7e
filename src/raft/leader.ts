/** Taking office, the leader's timers, and proposals. */
import { AssertionError, assert } from "../base/assert.ts";
import { ENTRY_MAX_BYTES } from "../base/limits.ts";
import { syncProgress } from "./followers.ts";
import { encodeMembership } from "./membership.ts";
import { isQuorum } from "./quorum.ts";
import { sendHeartbeats } from "./read-index.ts";
import { broadcastAppend } from "./replication.ts";
import { becomeFollower } from "./role.ts";
import { tickTransfers } from "./snapshot-send.ts";
import type { RaftState } from "./state.ts";
import { startLeadershipTransfer } from "./transfer.ts";
import type { DropReason } from "./types.ts";

/** Election timeouts without an answer of the own disk, after which another member is to lead. */
const DISK_STALL_ELECTIONS = 4;

const NO_DATA = new Uint8Array(0);

/** Opens office with an empty entry, since only entries of the own term are committed by counting (5.4.2). */
export function becomeLeader(raft: RaftState): void {
  assert(raft.role === "candidate", `Only a candidate becomes leader, not a ${raft.role}`);
  raft.role = "leader";
  raft.leader = raft.self;
  raft.votes.clear();
  raft.install = null;
  raft.progress.clear();
  syncProgress(raft);
  raft.uncommittedBytes = 0;
  for (const entry of raft.log.slice(raft.log.commitIndex + 1, Infinity)) {
    raft.uncommittedBytes += entry.data.length;
  }
  raft.heartbeatAtMs = raft.nowMs + raft.heartbeatMs;
  raft.quorumCheckAtMs = raft.nowMs + raft.electionTimeoutMs;
  raft.roundInFlight = 0;
  raft.termStartIndex = raft.log.lastIndex + 1;
  raft.appendOwn("empty", NO_DATA);
  if (raft.announceMembership && raft.memberships.index === 0) {
    raft.appendOwn("config", encodeMembership(raft.membership));
  }
  broadcastAppend(raft);
}

/** Appends a command, or says why not. */
export function propose(raft: RaftState, ref: number, data: Uint8Array, level: number): void {
  if (data.length > ENTRY_MAX_BYTES) {
    throw new AssertionError(`A command of ${data.length} bytes is above ${ENTRY_MAX_BYTES}`);
  }
  const reason = refusal(raft, data.length, level);
  if (reason !== null) {
    raft.emit({ kind: "dropped", ref, reason });
    return;
  }
  const { index, term } = raft.appendOwn("command", data);
  raft.proposals.set(index, ref);
  raft.emit({ kind: "proposed", ref, index, term });
  broadcastAppend(raft);
}

export function tickLeader(raft: RaftState): void {
  if (raft.transfer !== null && raft.nowMs >= raft.transfer.untilMs) {
    raft.transfer = null;
    raft.emit({ kind: "transfer-failed", reason: "timed-out" });
    if (!raft.eligible) {
      becomeFollower(raft, raft.term, null, "unfit");
      return;
    }
  }
  if (raft.progress.size === 0) return;
  if (raft.nowMs >= raft.quorumCheckAtMs && !checkQuorum(raft)) return;
  tickTransfers(raft);
  yieldIfDiskStalls(raft);
  if (raft.nowMs >= raft.heartbeatAtMs) sendHeartbeats(raft);
}

/** Steps down unless a quorum was heard since the last check (thesis, 6.2); true if it stays. */
function checkQuorum(raft: RaftState): boolean {
  const lateMs = raft.nowMs - raft.quorumCheckAtMs;
  raft.quorumCheckAtMs = raft.nowMs + raft.electionTimeoutMs;
  // After a standstill of this process the answers still wait to be read.
  const stoodStill = lateMs > raft.electionTimeoutMs / 2 && !raft.forgiven;
  const heard = isQuorum(
    raft.membership,
    (peer) => peer === raft.self || raft.progress.get(peer)?.active === true,
  );
  raft.forgiven = stoodStill && !heard;
  if (!heard && !stoodStill) {
    becomeFollower(raft, raft.term, null, "no-quorum");
    return false;
  }
  for (const progress of raft.progress.values()) {
    progress.wasActive = progress.active;
    progress.active = false;
  }
  return true;
}

/** A disk that does not answer slows the whole cluster: somebody else should lead. */
function yieldIfDiskStalls(raft: RaftState): void {
  const sinceMs = Math.max(raft.durability.waitingSinceMs, raft.stalledAtMs);
  if (raft.transfer !== null || raft.nowMs - sinceMs < DISK_STALL_ELECTIONS * raft.electionTimeoutMs) return;
  raft.stalledAtMs = raft.nowMs;
  startLeadershipTransfer(raft, null);
}

function refusal(raft: RaftState, bytes: number, level: number): DropReason | null {
  if (raft.role !== "leader") return "not-leader";
  if (raft.transfer !== null) return "transferring";
  if (level > raft.membership.featureLevel) return "level-too-low";
  if (!raft.eligible) return "overloaded";
  const { uncommittedBytes, uncommittedMaxBytes } = raft;
  return uncommittedBytes > 0 && uncommittedBytes + bytes > uncommittedMaxBytes ? "overloaded" : null;
}
