/** What a member tells others about its vote and its log must survive a crash (Raft paper, figure 2). */
import type { PeerId, RaftMessage } from "../../../src/raft/types.ts";
import type { PromisedContent } from "../promised-content.ts";
import { Violation } from "../violation.ts";

/** `log` tells the term of an entry in the member's memory. */
export function checkPromise(
  member: PeerId,
  to: PeerId,
  message: RaftMessage,
  disk: PromisedContent,
  log: { termAt(index: number): number | undefined },
): void {
  if (message.kind === "vote-reply" && message.granted) {
    const { term, votedFor } = disk.hardState;
    // With a newer term on disk no other vote in this one can follow.
    if (term < message.term || (term === message.term && votedFor !== to)) {
      throw new Violation(
        `Durability: ${member} votes for ${to} in term ${message.term}, its disk says ${votedFor} in term ${term}`,
      );
    }
  } else if (message.kind === "append-ok") {
    const entryTerm = log.termAt(message.matchIndex);
    if (entryTerm !== undefined && !disk.holds(message.matchIndex, entryTerm)) {
      throw new Violation(
        `Durability: ${member} confirms entry ${message.matchIndex}/${entryTerm}, which is not on its disk`,
      );
    }
  }
}
