/** What operators and the driver see of a member. */
import { isRepairing } from "./repair.ts";
import type { RaftState } from "./state.ts";
import type { RaftStatus } from "./types.ts";

export function raftStatus(raft: RaftState): RaftStatus {
  const { log, membership } = raft;
  const peers = [...raft.progress.values()].map((progress) => ({
    id: progress.id,
    state: progress.state,
    matchIndex: progress.matchIndex,
    nextIndex: progress.nextIndex,
    bytesInFlight: progress.bytesInFlight,
    active: progress.heard,
    learner: membership.learners.includes(progress.id),
    featureLevel: progress.featureLevel,
  }));
  return {
    self: raft.self,
    role: raft.publicRole,
    term: raft.term,
    leader: raft.leader,
    membership,
    removed: raft.committedMembership.removed,
    firstIndex: log.snapshotIndex + 1,
    lastIndex: log.lastIndex,
    durableIndex: raft.durability.durableIndex,
    commitIndex: log.commitIndex,
    appliedIndex: log.appliedIndex,
    termCommitted: raft.termCommitted,
    damage: isRepairing(raft) ? raft.damage : null,
    transferringTo: raft.transfer?.to ?? null,
    peers,
  };
}
