/**
 * Linearisable reads without a log entry (thesis, 6.4): note the commit index,
 * prove by one round of heartbeats that nobody else leads, then the read may
 * be served once that index is applied. Many reads share one round.
 */
import { RAFT_READS_MAX } from "../base/limits.ts";
import { isQuorum } from "./quorum.ts";
import type { RaftState, WaitingRead } from "./state.ts";
import type { PeerId, RaftMessage } from "./types.ts";

/** Far more than have answers on the way; with 32 random bits before them a safe integer. */
const CONTEXTS_PER_PROCESS = 2 ** 20;

/** A read of this member's driver. */
export function readIndex(raft: RaftState, ref: number): void {
  if (raft.role === "leader") {
    addRead(raft, { kind: "own", ref });
    return;
  }
  if (raft.leader === null || raft.forwardedReads.size >= RAFT_READS_MAX) {
    raft.emit({ kind: "dropped", ref, reason: raft.leader === null ? "not-leader" : "overloaded" });
    return;
  }
  const context = nextContext(raft);
  raft.forwardedReads.set(context, { ref, untilMs: raft.nowMs + 2 * raft.electionTimeoutMs });
  raft.send(raft.leader, { kind: "read-index", term: raft.term, context });
}

/**
 * Begins somewhere at random: an answer to this member's process of before a
 * restart names an index that is too old for a read of now.
 */
export function nextContext(raft: RaftState): number {
  const context = raft.nextContext ?? raft.random.u32() * CONTEXTS_PER_PROCESS;
  raft.nextContext = context + 1;
  return context;
}

/** A read forwarded by a follower. */
export function onReadIndex(
  raft: RaftState,
  from: PeerId,
  message: RaftMessage & { kind: "read-index" },
): void {
  if (raft.role === "leader") addRead(raft, { kind: "peer", peer: from, context: message.context });
  else {
    raft.send(from, { kind: "read-index-reply", term: raft.term, context: message.context, index: null });
  }
}

export function onReadIndexReply(raft: RaftState, reply: RaftMessage & { kind: "read-index-reply" }): void {
  const read = raft.forwardedReads.get(reply.context);
  if (read === undefined) return;
  raft.forwardedReads.delete(reply.context);
  if (reply.index === null) raft.emit({ kind: "dropped", ref: read.ref, reason: "not-leader" });
  else raft.emit({ kind: "read-ready", ref: read.ref, index: reply.index });
}

/** Forwarded reads whose answer was lost. */
export function tickForwardedReads(raft: RaftState): void {
  for (const [context, { ref, untilMs }] of raft.forwardedReads) {
    // Ascending deadlines: the map keeps the order of arrival.
    if (raft.nowMs < untilMs) return;
    raft.forwardedReads.delete(context);
    raft.emit({ kind: "dropped", ref, reason: "not-leader" });
  }
}

/** Heartbeats carry the newest round, so that a lost one is made up for by the next. */
export function sendHeartbeats(raft: RaftState): void {
  raft.heartbeatAtMs = raft.nowMs + raft.heartbeatMs;
  for (const progress of raft.progress.values()) {
    const commit = Math.min(raft.log.commitIndex, progress.matchIndex);
    raft.send(progress.id, { kind: "heartbeat", term: raft.term, commit, round: raft.round });
  }
}

/** A follower answered the heartbeat of `round`. */
export function acknowledgeRound(raft: RaftState, from: PeerId, round: number): void {
  if (raft.roundInFlight === 0 || round < raft.roundInFlight) return;
  raft.roundAcks.add(from);
  finishRound(raft);
}

/** The own term's first entry is committed: reads that came before may start. */
export function startWaitingReads(raft: RaftState): void {
  if (raft.roundInFlight === 0 && raft.reads.length > 0) startRound(raft);
}

function addRead(raft: RaftState, origin: WaitingRead["origin"]): void {
  if (raft.reads.length >= RAFT_READS_MAX) {
    if (origin.kind === "own") raft.emit({ kind: "dropped", ref: origin.ref, reason: "overloaded" });
    else refuse(raft, origin.peer, origin.context);
    return;
  }
  raft.reads.push({ round: 0, index: raft.log.commitIndex, origin });
  if (raft.termCommitted && raft.roundInFlight === 0) startRound(raft);
}

/** All reads that wait now are proved by the round that starts now. */
function startRound(raft: RaftState): void {
  raft.round++;
  raft.roundInFlight = raft.round;
  raft.roundAcks.clear();
  for (const read of raft.reads) read.round = raft.round;
  sendHeartbeats(raft);
  finishRound(raft);
}

function finishRound(raft: RaftState): void {
  if (!isQuorum(raft.membership, (peer) => peer === raft.self || raft.roundAcks.has(peer))) return;
  const proved = raft.roundInFlight;
  raft.roundInFlight = 0;
  const ready = raft.reads.filter((read) => read.round > 0 && read.round <= proved);
  raft.reads = raft.reads.filter((read) => read.round === 0);
  for (const { origin, index } of ready) {
    // What was committed when the term began counts too, even if the read came before.
    const safeIndex = Math.max(index, raft.termStartIndex);
    if (origin.kind === "own") raft.emit({ kind: "read-ready", ref: origin.ref, index: safeIndex });
    else {
      const { peer, context } = origin;
      const { lastIndex } = raft.log;
      raft.send(peer, { kind: "read-index-reply", term: raft.term, context, index: safeIndex, lastIndex });
    }
  }
  if (raft.reads.length > 0) startRound(raft);
}

function refuse(raft: RaftState, peer: PeerId, context: number): void {
  raft.send(peer, { kind: "read-index-reply", term: raft.term, context, index: null });
}
