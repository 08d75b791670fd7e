/** Whom a leader follows: everyone in the membership in force but itself. */
import { members } from "./membership.ts";
import { Progress } from "./progress.ts";
import { closeTransfer } from "./snapshot-send.ts";
import type { RaftState } from "./state.ts";

/** Makes the followed peers those of the membership in force. */
export function syncProgress(raft: RaftState): void {
  const wanted = new Set(members(raft.membership));
  wanted.delete(raft.self);
  for (const [peer, progress] of raft.progress) {
    if (wanted.has(peer)) continue;
    closeTransfer(raft, progress);
    raft.progress.delete(peer);
  }
  for (const peer of wanted) {
    if (!raft.progress.has(peer)) raft.progress.set(peer, new Progress(peer, raft.log.lastIndex + 1));
  }
}
