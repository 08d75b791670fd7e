/** What a member tells others about its vote and its log must survive a crash (Raft paper, figure 2). */
import type { PeerId, RaftMessage } from "../../../src/raft/types.ts";
import type { SimDisk } from "../sim-disk.ts";
import { Violation } from "../violation.ts";

/** Answers, which tell the term that the member is in. */
const TELLS_TERM: ReadonlySet<RaftMessage["kind"]> = new Set([
  "pre-vote-reply",
  "vote-reply",
  "append-ok",
  "append-rejected",
  "heartbeat-reply",
  "snapshot-reply",
]);

/** A granted pre-vote names the term that the candidate would open. */
function isOffer(message: RaftMessage): boolean {
  return message.kind === "pre-vote-reply" && message.granted;
}

/** `log` tells the term of an entry in the member's memory. */
export function checkPromise(
  member: PeerId,
  to: PeerId,
  message: RaftMessage,
  disk: SimDisk,
  log: { termAt(index: number): number | undefined },
): void {
  if (TELLS_TERM.has(message.kind) && !isOffer(message) && disk.promised.hardState.term < message.term) {
    throw new Violation(
      `Durability: ${member} answers ${message.kind} in term ${message.term}, its disk says term ${disk.promised.hardState.term}`,
    );
  }
  if (message.kind === "vote-reply" && message.granted) {
    const { term, votedFor } = disk.promised.hardState;
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
