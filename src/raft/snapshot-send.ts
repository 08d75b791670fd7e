/**
 * Leader: sends its state to a follower whose next entry is compacted. One
 * follower at a time, one chunk at a time; each chunk is repeated until
 * acknowledged, and a follower that stays silent is given up until it answers
 * a heartbeat again.
 */
import type { Progress } from "./progress.ts";
import type { RaftState } from "./state.ts";
import type { PeerId, RaftInput, RaftMessage } from "./types.ts";

/** Repeats of one chunk before the transfer is given up. */
const RESENDS_MAX = 20;
/** Attempts of one term that get an id of their own. */
const IDS_PER_TERM = 65_536;

/** Starts a transfer unless another one is under way; true if `progress` is now in one. */
export function startTransfer(raft: RaftState, progress: Progress): boolean {
  if (activeTransfer(raft) !== null) return false;
  raft.nextSnapshotId = (raft.nextSnapshotId + 1) % IDS_PER_TERM;
  const id = raft.term * IDS_PER_TERM + raft.nextSnapshotId;
  progress.becomeSnapshot();
  raft.mayTransfer = true;
  progress.transfer = { id, sequence: 0, chunk: null, index: 0, resendAtMs: Infinity, resends: 0 };
  raft.emit({ kind: "read-snapshot", to: progress.id, id, sequence: 0 });
  return true;
}

/** The follower that is being sent the state. */
export function activeTransfer(raft: RaftState): Progress | null {
  if (!raft.mayTransfer) return null;
  for (const progress of raft.progress.values()) if (progress.transfer !== null) return progress;
  raft.mayTransfer = false;
  return null;
}

/** Ends a transfer, done or not; the follower is probed next. */
export function closeTransfer(raft: RaftState, progress: Progress): void {
  if (progress.transfer === null) return;
  raft.emit({ kind: "close-snapshot", to: progress.id, id: progress.transfer.id });
  progress.transfer = null;
  progress.becomeProbe();
}

export function snapshotRead(raft: RaftState, input: RaftInput & { kind: "snapshot-read" }): void {
  const progress = raft.progress.get(input.to);
  const transfer = progress?.transfer;
  if (progress === undefined || !transfer || transfer.id !== input.id) return;
  if (transfer.sequence !== input.sequence || transfer.chunk !== null) return;
  const term = raft.log.termAt(input.appliedIndex);
  if (term === undefined) {
    // The log was compacted past the iteration before the first chunk came: start again later.
    closeTransfer(raft, progress);
    return;
  }
  transfer.index = input.appliedIndex;
  transfer.chunk = {
    id: input.id,
    sequence: input.sequence,
    snapshot: { index: input.appliedIndex, term, membership: raft.memberships.encodedAt(input.appliedIndex) },
    records: input.records,
    done: input.done,
  };
  transfer.resends = 0;
  sendChunk(raft, progress);
}

export function snapshotFailed(raft: RaftState, to: PeerId, id: number): void {
  const progress = raft.progress.get(to);
  if (progress?.transfer?.id === id) closeTransfer(raft, progress);
}

export function onSnapshotReply(
  raft: RaftState,
  from: PeerId,
  reply: RaftMessage & { kind: "snapshot-reply" },
): void {
  const progress = raft.progress.get(from);
  if (progress === undefined) return;
  progress.active = true;
  const transfer = progress.transfer;
  if (transfer === null || transfer.id !== reply.id) return;
  if (reply.wanted < 0) {
    closeTransfer(raft, progress);
    return;
  }
  if (reply.wanted !== transfer.sequence + 1 || transfer.chunk === null || transfer.chunk.done) return;
  transfer.sequence++;
  transfer.chunk = null;
  transfer.resendAtMs = Infinity;
  raft.emit({ kind: "read-snapshot", to: from, id: transfer.id, sequence: transfer.sequence });
}

/** Repeats chunks whose answer is overdue. */
export function tickTransfers(raft: RaftState): void {
  const progress = activeTransfer(raft);
  if (progress?.transfer == null || raft.nowMs < progress.transfer.resendAtMs) return;
  if (++progress.transfer.resends > RESENDS_MAX) closeTransfer(raft, progress);
  else sendChunk(raft, progress);
}

function sendChunk(raft: RaftState, progress: Progress): void {
  const transfer = progress.transfer;
  if (transfer?.chunk == null) return;
  transfer.resendAtMs = raft.nowMs + 2 * raft.electionTimeoutMs;
  raft.send(progress.id, { kind: "snapshot-chunk", term: raft.term, chunk: transfer.chunk });
}
