/**
 * Raft as a pure state machine: what happened goes in, what has to be done
 * comes out. No clock, disk, socket or promise in this folder; store.ts is
 * the port of the disk, and the transport carries messages (types.ts).
 *
 *   tick, message, propose, persisted, ... ──► step(input, now) ──► effects
 *
 *        tick: silence            majority would vote        majority voted
 *   follower ───────► pre-candidate ───────► candidate ───────► leader
 *      ▲                                                          │
 *      └──── newer term, a leader heard, quorum not heard ────────┘
 *
 * The driver carries out effects in the order given, and feeds back the
 * answer of each that asks for one. A follower's promises (votes, "I have
 * these entries") leave only after the `persisted` of every write issued
 * before them; a leader writes its own log while its followers write theirs.
 *
 * Followed: Ongaro and Ousterhout, "In Search of an Understandable Consensus
 * Algorithm" (the Raft paper), and Ongaro's thesis "Consensus: Bridging Theory
 * and Practice".
 */
import { AssertionError, assert } from "../base/assert.ts";
import type { Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";
import { compactIfDue } from "./compaction.ts";
import {
  inLease,
  leaderLost,
  onPreVote,
  onPreVoteReply,
  onTimeoutNow,
  onVote,
  onVoteReply,
  ownVoteDurable,
  tickElection,
} from "./election.ts";
import { setEligible } from "./eligibility.ts";
import { onAppend, onHeartbeat } from "./follower.ts";
import { propose, tickLeader } from "./leader.ts";
import { changeMembership, foundCluster, settleMembership } from "./membership-change.ts";
import { onReadIndex, onReadIndexReply, readIndex, tickForwardedReads } from "./read-index.ts";
import { onLeadersEnd } from "./repair.ts";
import { advanceCommit, entriesRead, onAppendOk, onAppendRejected, onHeartbeatReply } from "./replication.ts";
import { becomeFollower } from "./role.ts";
import { onSnapshotChunk, snapshotStaged } from "./snapshot-install.ts";
import { activeTransfer, onSnapshotReply, snapshotFailed, snapshotRead } from "./snapshot-send.ts";
import { RaftState } from "./state.ts";
import { type RaftStatus, raftStatus } from "./status.ts";
import { startLeadershipTransfer } from "./transfer.ts";
import type { PeerId, RaftConfig, RaftEffect, RaftInput, RaftMessage, RestoredRaft } from "./types.ts";

type InputHandlers = {
  readonly [K in RaftInput["kind"]]: (raft: RaftState, input: Extract<RaftInput, { kind: K }>) => void;
};
type MessageHandlers = {
  readonly [K in RaftMessage["kind"]]: (
    raft: RaftState,
    from: PeerId,
    message: Extract<RaftMessage, { kind: K }>,
  ) => void;
};

export class RaftNode {
  readonly #raft: RaftState;
  #started = false;

  /** `random` is this node's own: nodes of one cluster must not share a seed. */
  constructor(config: RaftConfig, restored: RestoredRaft, random: Random) {
    this.#raft = new RaftState(config, restored, random);
  }

  step(input: RaftInput, now: Instant): readonly RaftEffect[] {
    const raft = this.#raft;
    assert(now.monotonicMs >= raft.nowMs || !this.#started, "Monotonic time went back");
    raft.nowMs = now.monotonicMs;
    if (!this.#started) {
      this.#started = true;
      raft.armElection();
      // Nobody else could lead or object.
      if (raft.canLead && raft.others.length === 0) raft.electionAtMs = raft.nowMs;
    }
    const handle = inputHandlers[input.kind] as (raft: RaftState, input: RaftInput) => void;
    handle(raft, input);
    settleMembership(raft);
    return raft.finish();
  }

  /** Monotonic time of the next tick that is needed; Infinity if none is. */
  nextDeadlineMs(): number {
    const raft = this.#raft;
    if (!this.#started) return Number.NEGATIVE_INFINITY;
    if (raft.role !== "leader") {
      const reads = raft.forwardedReads;
      const readMs = reads.size === 0 ? Infinity : (reads.values().next().value?.untilMs ?? Infinity);
      return raft.canLead ? Math.min(raft.electionAtMs, readMs) : readMs;
    }
    const transferMs = raft.transfer?.untilMs ?? Infinity;
    if (raft.progress.size === 0) return transferMs;
    const resendMs = activeTransfer(raft)?.transfer?.resendAtMs ?? Infinity;
    return Math.min(raft.heartbeatAtMs, raft.quorumCheckAtMs, transferMs, resendMs);
  }

  /** Entries of the log that are not known to be committed. */
  get uncommittedEntries(): number {
    return this.#raft.log.lastIndex - this.#raft.log.commitIndex;
  }

  /** May lead: its disk has room, and its state is the others'. */
  get eligible(): boolean {
    return this.#raft.eligible;
  }

  /** Of the log: what may be written to it. */
  get featureLevel(): number {
    return this.#raft.membership.featureLevel;
  }

  status(): RaftStatus {
    return raftStatus(this.#raft);
  }
}

const inputHandlers: InputHandlers = {
  tick(raft) {
    if (raft.role === "leader") {
      tickLeader(raft);
      return;
    }
    tickForwardedReads(raft);
    if (raft.canLead) tickElection(raft);
  },
  message: (raft, input) => receive(raft, input.from, input.message),
  "peer-lost"(raft, { peer }) {
    if (raft.role === "follower" && raft.leader === peer) leaderLost(raft);
    const progress = raft.progress.get(peer);
    if (progress !== undefined) progress.wasActive = false;
    // What was on its way is lost.
    if (progress?.state === "replicate") progress.becomeProbe();
  },
  propose: (raft, input) => propose(raft, input.ref, input.data, input.level ?? 1),
  found: foundCluster,
  "change-membership": (raft, input) => changeMembership(raft, input.ref, input.change),
  expelled(raft) {
    raft.expelled = true;
    if (raft.role !== "leader") becomeFollower(raft, raft.term, raft.leader);
  },
  persisted(raft, { token }) {
    raft.durability.persisted(token, raft.effects);
    ownVoteDurable(raft);
    advanceCommit(raft);
  },
  applied(raft, { index }) {
    raft.log.applied(index);
    compactIfDue(raft);
  },
  "entries-read": (raft, input) => entriesRead(raft, input.peer, input.entries),
  "read-index": (raft, input) => readIndex(raft, input.ref),
  eligible: (raft, input) => setEligible(raft, input.eligible),
  transfer: (raft, input) => startLeadershipTransfer(raft, input.to),
  "snapshot-read": snapshotRead,
  "snapshot-failed": (raft, input) => snapshotFailed(raft, input.to, input.id),
  "snapshot-staged": snapshotStaged,
};

const messageHandlers: MessageHandlers = {
  "pre-vote": onPreVote,
  "pre-vote-reply": onPreVoteReply,
  vote: onVote,
  "vote-reply": onVoteReply,
  append: onAppend,
  "append-ok": onAppendOk,
  "append-rejected": onAppendRejected,
  heartbeat: onHeartbeat,
  "heartbeat-reply": onHeartbeatReply,
  "timeout-now": onTimeoutNow,
  "read-index": onReadIndex,
  "read-index-reply"(raft, _from, message) {
    if (message.context === raft.leadersEnd?.context) onLeadersEnd(raft, message);
    else onReadIndexReply(raft, message);
  },
  "snapshot-chunk": onSnapshotChunk,
  "snapshot-reply": onSnapshotReply,
};

function receive(raft: RaftState, from: PeerId, message: RaftMessage): void {
  if (from === raft.self) throw new AssertionError(`A message of ${from} came back to itself`);
  if (message.term > raft.term && !adoptTerm(raft, from, message)) return;
  if (message.term < raft.term && !answerOld(raft, from, message)) return;
  const handle = messageHandlers[message.kind] as (
    raft: RaftState,
    from: PeerId,
    message: RaftMessage,
  ) => void;
  handle(raft, from, message);
}

/** A newer term ends whatever this member was; false if the message is to be ignored. */
function adoptTerm(raft: RaftState, from: PeerId, message: RaftMessage): boolean {
  switch (message.kind) {
    case "pre-vote":
      return true;
    case "pre-vote-reply":
      if (message.granted) return true;
      becomeFollower(raft, message.term, null);
      return false;
    case "vote":
      // A leader is alive: a member that came back must not disturb it (thesis, 4.2.3).
      if (!message.transfer && inLease(raft)) return false;
      becomeFollower(raft, message.term, null);
      return true;
    case "append":
    case "heartbeat":
    case "snapshot-chunk":
      becomeFollower(raft, message.term, from);
      return true;
    default:
      becomeFollower(raft, message.term, null);
      return true;
  }
}

/** A message of an older term: tells its sender the present one; true if it is still to be handled. */
function answerOld(raft: RaftState, from: PeerId, message: RaftMessage): boolean {
  switch (message.kind) {
    case "append":
    case "heartbeat":
    case "snapshot-chunk":
      // Makes a deposed leader step down.
      raft.send(from, {
        kind: "heartbeat-reply",
        term: raft.term,
        round: 0,
        featureLevel: raft.featureLevel,
      });
      return false;
    case "vote":
      raft.send(from, { kind: "vote-reply", term: raft.term, granted: false });
      return false;
    case "pre-vote":
      raft.send(from, { kind: "pre-vote-reply", term: raft.term, granted: false });
      return false;
    case "read-index":
      raft.send(from, { kind: "read-index-reply", term: raft.term, context: message.context, index: null });
      return false;
    default:
      return false;
  }
}
