/** Decides how much of the applied log is forgotten. */
import { RAFT_LOG_GROWTH_MAX_BYTES } from "../base/limits.ts";
import { activeTransfer } from "./snapshot-send.ts";
import type { RaftState } from "./state.ts";

/**
 * Compacts once the log holds twice what is to be kept, or grew by too many
 * bytes. The kept tail lets a follower that was away briefly catch up from
 * the log.
 */
export function compactIfDue(raft: RaftState): void {
  const { log } = raft;
  let keepFrom = log.appliedIndex - raft.keepEntries;
  if (raft.grownBytes >= RAFT_LOG_GROWTH_MAX_BYTES) {
    keepFrom = Math.max(keepFrom, Math.min(log.appliedIndex, log.memoryFirst - 1));
  } else if (log.appliedIndex - log.snapshotIndex < 2 * raft.keepEntries) return;
  const transfer = activeTransfer(raft)?.transfer;
  // A follower that takes over the state at an index goes on with the entries after it.
  if (transfer) keepFrom = Math.min(keepFrom, transfer.index);
  raft.grownBytes = 0;
  if (keepFrom <= log.snapshotIndex) return;
  const membership = raft.memberships.encodedAt(keepFrom);
  raft.dropBootstrap();
  log.compact(keepFrom);
  raft.memberships.compact(keepFrom);
  raft.emit({ kind: "compact", snapshot: { index: keepFrom, term: log.snapshotTerm, membership } });
}
