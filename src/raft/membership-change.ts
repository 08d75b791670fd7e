/**
 * Changes of who takes part, one at a time. Learners come and go in one entry,
 * since they do not count. Voters change by joint consensus (thesis, section
 * 4.3): first an entry with both sets, and once a majority of each holds it,
 * one with the new set alone.
 *
 *   {a b c} ──promote d──► {a b c d & a b c} ──committed──► {a b c d}
 *
 * Not the single-step change of the thesis: across a leader change it is wrong
 * unless an entry of the own term is committed first, and it cannot replace a
 * member at once. That commit is asked for here, too: without it, a change that
 * an earlier leader began may still be open.
 */
import { PROMOTE_LAG_MAX_ENTRIES, RAFT_MEMBERS_MAX, RAFT_REMOVED_MAX } from "../base/limits.ts";
import { syncProgress } from "./followers.ts";
import { bootstrapMembership, encodeMembership, isVoter, members } from "./membership.ts";
import { sendHeartbeats } from "./read-index.ts";
import { broadcastAppend } from "./replication.ts";
import { becomeFollower } from "./role.ts";
import type { RaftState } from "./state.ts";
import { bestFollower } from "./transfer.ts";
import type { ChangeRefusal, Membership, MembershipChange, PeerId, RaftInput } from "./types.ts";

/** A blank member opens a cluster and stands for election soon. */
export function foundCluster(raft: RaftState, { members: places }: RaftInput & { kind: "found" }): void {
  if (members(raft.membership).length > 0 || raft.log.lastIndex > 0) return;
  const addresses = Object.fromEntries(places.map(({ id, address }) => [id, address]));
  raft.found(bootstrapMembership(Object.keys(addresses), addresses));
  // Nobody else can stand for election; the links to the others open meanwhile.
  raft.electionAtMs = raft.nowMs + raft.heartbeatMs;
}

export function changeMembership(raft: RaftState, ref: number, change: MembershipChange): void {
  const reason = refusal(raft, change);
  if (reason !== null) {
    raft.emit({ kind: "change-refused", ref, reason });
    return;
  }
  raft.change = { ref };
  appendConfig(raft, changed(raft.membership, change));
}

/** Leader, after every input: the next step of a change whose last one is committed. */
export function settleMembership(raft: RaftState): void {
  if (!isSettled(raft)) return;
  const { membership } = raft;
  if (membership.outgoing.length > 0) {
    appendConfig(raft, withoutOutgoing(membership));
    return;
  }
  dismiss(raft);
  if (raft.change !== null) raft.emit({ kind: "membership-changed", ref: raft.change.ref });
  raft.change = null;
  if (!membership.voters.includes(raft.self)) leaveOffice(raft);
  else keepUpToDate(raft);
}

/** The membership in force is committed, and so is an entry of the own term. */
function isSettled(raft: RaftState): boolean {
  return raft.termCommitted && raft.memberships.index <= raft.log.commitIndex;
}

/** In force from now on (thesis, section 4.1). Those who leave are sent the entry, too. */
function appendConfig(raft: RaftState, membership: Membership): void {
  const before = members(raft.membership);
  raft.appendOwn("config", encodeMembership(membership));
  broadcastAppend(raft);
  const now = new Set(members(membership));
  raft.leaving = before.filter((peer) => !now.has(peer));
  syncProgress(raft);
  broadcastAppend(raft);
}

function changed(membership: Membership, change: MembershipChange): Membership {
  const { voters, learners, addresses } = membership;
  switch (change.kind) {
    case "add-learner": {
      const { id, address } = change.member;
      return {
        ...membership,
        learners: [...learners, id].sort(),
        addresses: { ...addresses, [id]: address },
      };
    }
    case "promote":
      return {
        ...membership,
        voters: [...voters, change.id].sort(),
        outgoing: voters,
        learners: learners.filter((peer) => peer !== change.id),
      };
    case "remove":
      if (learners.includes(change.id)) {
        return forget({ ...membership, learners: learners.filter((peer) => peer !== change.id) });
      }
      return { ...membership, voters: voters.filter((peer) => peer !== change.id), outgoing: voters };
  }
}

function withoutOutgoing(membership: Membership): Membership {
  return forget({ ...membership, outgoing: [] });
}

/** Takes whoever is no member any more out of the address book and notes the id as used up. */
function forget(membership: Membership): Membership {
  const kept = new Set(members(membership));
  const gone = Object.keys(membership.addresses).filter((peer) => !kept.has(peer));
  return {
    ...membership,
    addresses: Object.fromEntries(Object.entries(membership.addresses).filter(([peer]) => kept.has(peer))),
    removed: [...membership.removed, ...gone].slice(-RAFT_REMOVED_MAX),
  };
}

function refusal(raft: RaftState, change: MembershipChange): ChangeRefusal | null {
  if (raft.role !== "leader") return "not-leader";
  if (raft.transfer !== null) return "transferring";
  if (!raft.termCommitted) return "unsettled";
  const { membership } = raft;
  if (!isSettled(raft) || membership.outgoing.length > 0) return "change-under-way";
  switch (change.kind) {
    case "add-learner":
      return additionRefusal(membership, change.member);
    case "promote":
      return promotionRefusal(raft, change.id);
    case "remove":
      if (!members(membership).includes(change.id)) return "unknown-member";
      return membership.voters.length === 1 && isVoter(membership, change.id) ? "last-voter" : null;
  }
}

function additionRefusal(
  membership: Membership,
  { id, address }: { readonly id: PeerId; readonly address: string },
): ChangeRefusal | null {
  const all = members(membership);
  if (all.includes(id)) return "already-member";
  if (membership.removed.includes(id)) return "was-removed";
  if (Object.values(membership.addresses).includes(address)) return "address-taken";
  return all.length >= RAFT_MEMBERS_MAX ? "too-many" : null;
}

function promotionRefusal(raft: RaftState, id: PeerId): ChangeRefusal | null {
  const { membership } = raft;
  if (isVoter(membership, id)) return "already-voter";
  const progress = raft.progress.get(id);
  if (progress === undefined) return "unknown-member";
  const heard = progress.heard && progress.featureLevel > 0;
  if (progress.state !== "replicate" || !heard) return "lags";
  if (progress.matchIndex + PROMOTE_LAG_MAX_ENTRIES < raft.log.lastIndex) return "lags";
  return progress.featureLevel < membership.featureLevel ? "level-too-low" : null;
}

/** Tells those who left that it is committed, so that they stop standing for election. */
function dismiss(raft: RaftState): void {
  if (raft.leaving.length === 0) return;
  const { index } = raft.memberships;
  const prevTerm = raft.log.termAt(index);
  for (const peer of raft.leaving) {
    if (peer === raft.self || prevTerm === undefined) continue;
    raft.send(peer, {
      kind: "append",
      term: raft.term,
      prevIndex: index,
      prevTerm,
      entries: [],
      commit: index,
    });
  }
  raft.leaving = [];
}

/** No voter (thesis, 4.2.2): tells the others what is committed, and the fittest to take over. */
function leaveOffice(raft: RaftState): void {
  raft.outlastsCandidate = false;
  sendHeartbeats(raft);
  const heir = bestFollower(raft);
  if (heir !== undefined) raft.send(heir.id, { kind: "timeout-now", term: raft.term });
  const stays = raft.membership.learners.includes(raft.self);
  becomeFollower(raft, raft.term, null, stays ? "handed-over" : "removed");
}

/**
 * Once every member said that it can apply a newer level, the log may hold
 * commands of it. And a leader that moved writes down where it is.
 */
function keepUpToDate(raft: RaftState): void {
  const { membership, self } = raft;
  const address = raft.ownAddress ?? membership.addresses[self] ?? self;
  const moved = address !== membership.addresses[self];
  // So it is after nearly every input.
  if (!moved && membership.featureLevel >= raft.featureLevel) return;
  let level = raft.featureLevel;
  for (const progress of raft.progress.values()) level = Math.min(level, progress.featureLevel);
  const featureLevel = Math.max(level, membership.featureLevel);
  if (!moved && featureLevel === membership.featureLevel) return;
  const addresses = { ...membership.addresses, [self]: address };
  appendConfig(raft, { ...membership, featureLevel, addresses });
}
