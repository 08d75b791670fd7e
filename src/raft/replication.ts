/** Leader: sends entries to followers, reads their answers, commits. */
import {
  APPEND_MAX_BYTES,
  RAFT_CATCH_UP_APPEND_MAX_BYTES,
  RAFT_CATCH_UP_INFLIGHT_MAX_BYTES,
} from "../base/limits.ts";
import type { Progress } from "./progress.ts";
import { quorumIndex } from "./quorum.ts";
import { acknowledgeRound, startWaitingReads } from "./read-index.ts";
import { closeTransfer, startTransfer } from "./snapshot-send.ts";
import type { RaftState } from "./state.ts";
import { checkTransfer } from "./transfer.ts";
import type { LogEntry, PeerId, RaftMessage } from "./types.ts";

export function broadcastAppend(raft: RaftState): void {
  for (const progress of raft.progress.values()) sendAppends(raft, progress);
}

/** Sends what the follower's window takes. */
export function sendAppends(raft: RaftState, progress: Progress): void {
  while (mayContinue(raft, progress)) {
    const { nextIndex } = progress;
    const prevTerm = raft.log.termAt(nextIndex - 1);
    if (prevTerm === undefined) {
      if (progress.active) startTransfer(raft, progress);
      return;
    }
    const wantsData = nextIndex <= raft.log.lastIndex;
    if (!wantsData && progress.state === "replicate") return;
    if (wantsData && nextIndex < raft.log.memoryFirst) {
      readFromDisk(raft, progress);
      return;
    }
    sendEntries(
      raft,
      progress,
      prevTerm,
      wantsData ? raft.log.slice(nextIndex, appendMaxBytes(raft, progress)) : [],
    );
  }
}

/** Entries that `readFromDisk` asked for. */
export function entriesRead(raft: RaftState, peer: PeerId, entries: readonly LogEntry[]): void {
  const progress = raft.progress.get(peer);
  if (progress === undefined || !progress.reading) return;
  progress.reading = false;
  const first = entries[0];
  // A rejection moved `nextIndex`, or compaction came first: the next heartbeat asks again.
  if (first === undefined || first.index !== progress.nextIndex || !mayContinue(raft, progress)) return;
  const prevTerm = raft.log.termAt(first.index - 1);
  const stillOurs = entries.every((entry) => raft.log.termAt(entry.index) === entry.term);
  if (prevTerm === undefined || !stillOurs) return;
  sendEntries(raft, progress, prevTerm, entries);
  sendAppends(raft, progress);
}

export function onAppendOk(raft: RaftState, from: PeerId, reply: RaftMessage & { kind: "append-ok" }): void {
  const progress = raft.progress.get(from);
  if (progress === undefined || reply.matchIndex > raft.log.lastIndex) return;
  progress.active = true;
  const news = progress.acknowledge(reply.matchIndex);
  if (progress.state === "probe" && progress.matchIndex + 1 >= progress.nextIndex) progress.becomeReplicate();
  else if (progress.transfer !== null && progress.matchIndex >= raft.log.snapshotIndex) {
    closeTransfer(raft, progress);
    progress.becomeReplicate();
  }
  if (news) advanceCommit(raft);
  checkTransfer(raft, progress);
  sendAppends(raft, progress);
}

export function onAppendRejected(
  raft: RaftState,
  from: PeerId,
  reply: RaftMessage & { kind: "append-rejected" },
): void {
  const progress = raft.progress.get(from);
  if (progress === undefined) return;
  progress.active = true;
  // Its end may be an entry that was replaced before its disk brought it back: it holds less than that.
  const agreed = raft.log.lastWithTermAtMost(reply.hintIndex, reply.hintTerm);
  const held = Math.min(agreed, reply.prevIndex - 1);
  if (reply.lost === true) progress.forgetMatch(held);
  // An old answer: what it refused was acknowledged, replaced or given up since.
  if (reply.prevIndex <= progress.matchIndex || progress.state === "snapshot") return;
  if (reply.window !== undefined && reply.window !== progress.window) return;
  if (progress.state === "probe" && reply.prevIndex !== progress.nextIndex - 1) return;
  if (progress.state === "replicate") progress.becomeProbe();
  progress.nextIndex = Math.max(progress.matchIndex, held) + 1;
  progress.paused = false;
  sendAppends(raft, progress);
}

export function onHeartbeatReply(
  raft: RaftState,
  from: PeerId,
  reply: RaftMessage & { kind: "heartbeat-reply" },
): void {
  const progress = raft.progress.get(from);
  if (progress === undefined) return;
  progress.active = true;
  progress.featureLevel = reply.featureLevel ?? 1;
  acknowledgeRound(raft, from, reply.round);
  pokeFollower(raft, progress);
}

/** A follower is alive: whatever is missing goes out (again). */
function pokeFollower(raft: RaftState, progress: Progress): void {
  progress.paused = false;
  if (progress.state === "replicate" && progress.matchIndex < raft.log.lastIndex) {
    // If a message was lost, the follower refuses this one and is probed.
    const prevTerm = raft.log.termAt(progress.nextIndex - 1);
    if (prevTerm === undefined) progress.becomeProbe();
    else if (progress.nextIndex > raft.log.lastIndex || windowFull(raft, progress))
      sendEntries(raft, progress, prevTerm, []);
  }
  sendAppends(raft, progress);
}

/** Commits what a quorum holds, if it is of the own term (Raft paper, figure 8). */
export function advanceCommit(raft: RaftState): void {
  if (raft.role !== "leader") return;
  const index = quorumIndex(raft.membership, raft.matchOf);
  if (index <= raft.log.commitIndex || raft.log.termAt(index) !== raft.term) return;
  const first = !raft.termCommitted;
  raft.commitTo(index);
  if (first) startWaitingReads(raft);
}

function mayContinue(raft: RaftState, progress: Progress): boolean {
  if (raft.role !== "leader" || progress.state === "snapshot" || progress.reading) return false;
  return progress.state === "probe" ? !progress.paused : !windowFull(raft, progress);
}

/** The next entry is committed without this follower: it catches up, and what others wait for goes first. */
function catchesUp(raft: RaftState, progress: Progress): boolean {
  return progress.nextIndex <= raft.log.commitIndex;
}

function windowFull(raft: RaftState, progress: Progress): boolean {
  if (progress.full) return true;
  return catchesUp(raft, progress) && progress.bytesInFlight >= RAFT_CATCH_UP_INFLIGHT_MAX_BYTES;
}

function appendMaxBytes(raft: RaftState, progress: Progress): number {
  return catchesUp(raft, progress) ? RAFT_CATCH_UP_APPEND_MAX_BYTES : APPEND_MAX_BYTES;
}

function sendEntries(
  raft: RaftState,
  progress: Progress,
  prevTerm: number,
  entries: readonly LogEntry[],
): void {
  raft.send(progress.id, {
    kind: "append",
    term: raft.term,
    prevIndex: progress.nextIndex - 1,
    prevTerm,
    entries,
    commit: raft.log.commitIndex,
    window: progress.window,
  });
  if (progress.state === "probe") {
    progress.paused = true;
    return;
  }
  const last = entries.at(-1);
  if (last === undefined) return;
  let bytes = 0;
  for (const entry of entries) bytes += entry.data.length;
  progress.sent(last.index, bytes);
}

function readFromDisk(raft: RaftState, progress: Progress): void {
  progress.reading = true;
  raft.emit({
    kind: "read-entries",
    peer: progress.id,
    from: progress.nextIndex,
    to: raft.log.memoryFirst - 1,
    maxBytes: appendMaxBytes(raft, progress),
  });
}
