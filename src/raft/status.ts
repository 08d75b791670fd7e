/** What operators and the driver see of a member. */
import { isRepairing } from "./repair.ts";
import type { RaftState } from "./state.ts";
import type { LogDamage, Membership, PeerId, RaftRole, StepDownReason } from "./types.ts";

export interface PeerStatus {
  readonly id: PeerId;
  readonly state: "probe" | "replicate" | "snapshot";
  readonly matchIndex: number;
  readonly nextIndex: number;
  readonly bytesInFlight: number;
  /** Heard from within the last one to two election timeouts. */
  readonly active: boolean;
  readonly learner: boolean;
  /** What it can apply; 0 until it said so. */
  readonly featureLevel: number;
}

export interface RaftStatus {
  readonly self: PeerId;
  readonly role: RaftRole;
  readonly term: number;
  readonly leader: PeerId | null;
  readonly membership: Membership;
  /** Members whose removal is known to be committed. */
  readonly removed: readonly PeerId[];
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** Newest entry known to be on the own disk. */
  readonly durableIndex: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** A leader's first own entry is committed: reads and membership changes are allowed. */
  readonly termCommitted: boolean;
  /** Not null while the log is being repaired: this member neither votes nor leads. */
  readonly damage: LogDamage | null;
  readonly transferringTo: PeerId | null;
  /** Why this process last ceased to lead; null if it never did. */
  readonly steppedDown: StepDownReason | null;
  /** Empty unless leader. */
  readonly peers: readonly PeerStatus[];
}

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
    steppedDown: raft.steppedDown,
    peers,
  };
}
