/**
 * Elections (Raft paper, 5.2; pre-vote and leases as in the thesis, 9.6 and 4.2.3).
 *
 *   follower ──timeout──► pre-candidate ──majority would vote──► candidate ──majority──► leader
 *      ▲                       │ refused, or a leader is heard       │ newer term
 *      └───────────────────────┴─────────────────────────────────────┘
 */
import { becomeLeader } from "./leader.ts";
import { isVoter, members } from "./membership.ts";
import { countVotes } from "./quorum.ts";
import { isRepairing } from "./repair.ts";
import { becomeFollower } from "./role.ts";
import type { RaftState } from "./state.ts";
import type { PeerId, RaftMessage } from "./types.ts";

/** Shortest wait after the leader's connection broke, before its followers ask around. */
const PEER_LOST_WAIT_MS = 10;

/** Asks whether an election could be won; changes no term, so a cut-off member disturbs nobody. */
export function preCampaign(raft: RaftState): void {
  raft.armElection();
  if (!mayCampaign(raft)) return;
  becomeFollower(raft, raft.term, null);
  raft.role = "pre-candidate";
  raft.votes.set(raft.self, true);
  const { lastIndex, lastTerm } = raft.log;
  askVoters(raft, { kind: "pre-vote", term: raft.term + 1, lastIndex, lastTerm });
  tally(raft);
}

/** Opens a new term. `transfer` tells the voters that the leader wants it. */
export function campaign(raft: RaftState, transfer: boolean): void {
  raft.armElection();
  if (!mayCampaign(raft)) return;
  becomeFollower(raft, raft.term, null);
  raft.role = "candidate";
  raft.setHardState({ term: raft.term + 1, votedFor: raft.self });
  const { lastIndex, lastTerm } = raft.log;
  askVoters(raft, { kind: "vote", term: raft.term, lastIndex, lastTerm, transfer });
}

/** The own vote counts from the moment it is on disk. */
export function ownVoteDurable(raft: RaftState): void {
  if (raft.role !== "candidate" || !raft.durability.hardStateDurable || raft.votes.has(raft.self)) return;
  raft.votes.set(raft.self, true);
  tally(raft);
}

export function onPreVote(raft: RaftState, from: PeerId, request: RaftMessage & { kind: "pre-vote" }): void {
  const granted =
    !inLease(raft) && !isRepairing(raft) && mayVoteIn(raft, request.term, from) && holdsEnough(raft, request);
  raft.send(from, { kind: "pre-vote-reply", term: granted ? request.term : raft.term, granted });
}

export function onPreVoteReply(
  raft: RaftState,
  from: PeerId,
  reply: RaftMessage & { kind: "pre-vote-reply" },
): void {
  if (raft.role !== "pre-candidate") return;
  if (reply.granted && reply.term !== raft.term + 1) return;
  raft.votes.set(from, reply.granted);
  tally(raft);
}

export function onVote(raft: RaftState, from: PeerId, request: RaftMessage & { kind: "vote" }): void {
  const granted = !isRepairing(raft) && mayVoteIn(raft, request.term, from) && holdsEnough(raft, request);
  if (granted) {
    raft.setHardState({ term: raft.term, votedFor: from });
    raft.armElection();
  }
  raft.send(from, { kind: "vote-reply", term: raft.term, granted });
}

export function onVoteReply(
  raft: RaftState,
  from: PeerId,
  reply: RaftMessage & { kind: "vote-reply" },
): void {
  if (raft.role !== "candidate") return;
  raft.votes.set(from, reply.granted);
  tally(raft);
}

/** The leader hands over: no pre-vote, no waiting. */
export function onTimeoutNow(raft: RaftState, from: PeerId): void {
  if (raft.role === "follower" && raft.leader === from) campaign(raft, true);
}

/** True while a leader is known to be alive; then votes are refused. */
export function inLease(raft: RaftState): boolean {
  return raft.role === "leader" || (raft.leader !== null && raft.nowMs < raft.leaseUntilMs);
}

/** The leader's process seems to be gone: its lease ends now. A mistake costs one refused pre-vote. */
export function leaderLost(raft: RaftState): void {
  raft.leaseUntilMs = raft.nowMs;
  const waitMs = raft.random.between(
    PEER_LOST_WAIT_MS,
    PEER_LOST_WAIT_MS + Math.ceil(raft.electionTimeoutMs / 4),
  );
  raft.electionAtMs = Math.min(raft.electionAtMs, raft.nowMs + waitMs);
}

/** The election timeout passed. */
export function tickElection(raft: RaftState): void {
  if (raft.nowMs < raft.electionAtMs) return;
  const lateMs = raft.nowMs - raft.electionAtMs;
  if (lateMs > raft.electionTimeoutMs / 2 && !raft.forgiven && raft.others.length > 0) {
    // This process stood still, so it cannot tell whether the leader did: read what waits first.
    raft.forgiven = true;
    raft.electionAtMs = raft.nowMs + raft.random.between(raft.heartbeatMs, 2 * raft.heartbeatMs);
    return;
  }
  preCampaign(raft);
}

function mayCampaign(raft: RaftState): boolean {
  return raft.canLead && raft.install?.done !== true && !isRepairing(raft);
}

function mayVoteIn(raft: RaftState, term: number, candidate: PeerId): boolean {
  if (term > raft.term) return true;
  if (term < raft.term) return false;
  const { votedFor } = raft.hardState;
  return votedFor === candidate || (votedFor === null && raft.leader === null);
}

/**
 * No vote for a log that lacks entries of the own (Raft paper, 5.4.1). A
 * member that is no voter of its own membership is asked by one with another:
 * an election that needs its vote can then only be won by itself.
 */
function holdsEnough(
  raft: RaftState,
  { lastIndex, lastTerm }: { readonly lastIndex: number; readonly lastTerm: number },
): boolean {
  if (raft.log.isUpToDate(lastIndex, lastTerm)) return true;
  if (!raft.outlastsCandidate && !isVoter(raft.membership, raft.self)) {
    raft.outlastsCandidate = true;
    raft.armElection();
  }
  return false;
}

function askVoters(raft: RaftState, message: RaftMessage): void {
  const { learners } = raft.membership;
  for (const peer of members(raft.membership)) {
    if (peer !== raft.self && !learners.includes(peer)) raft.send(peer, message);
  }
}

function tally(raft: RaftState): void {
  const result = countVotes(raft.membership, (peer) => raft.votes.get(peer));
  if (result === "pending") return;
  if (result === "lost") becomeFollower(raft, raft.term, null);
  else if (raft.role === "pre-candidate") campaign(raft, false);
  else becomeLeader(raft);
}
