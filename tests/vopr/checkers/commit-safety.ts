/**
 * What is committed: the same entry at each index on every member (state
 * machine safety), on the disks of a quorum before anybody applies it, in the
 * log of every later leader (leader completeness), and the same state after it
 * (Raft paper, figure 3).
 */
import type { LogEntry, Membership, PeerId } from "../../../src/raft/types.ts";
import type { LogShadow } from "../log-shadow.ts";
import { Violation } from "../violation.ts";

export class CommitSafety {
  readonly #holds: (member: PeerId, index: number, term: number) => boolean;
  readonly #committed: LogEntry[] = [];
  /** Term in which the entry of the same place was committed. */
  readonly #committedIn: number[] = [];
  readonly #digests = new Map<number, number>();

  /** `holds`: the entry is on the member's disk. */
  constructor(holds: (member: PeerId, index: number, term: number) => boolean) {
    this.#holds = holds;
  }

  /** All committed entries, from index 1. */
  get entries(): readonly LogEntry[] {
    return this.#committed;
  }

  get index(): number {
    return this.#committed.length;
  }

  /** Before the entry is applied; true if no member applied it earlier. `term` is the member's. */
  applies(member: PeerId, entry: LogEntry, membership: Membership, term: number): boolean {
    const place = `${entry.index}/${entry.term}`;
    const known = this.#committed[entry.index - 1];
    if (known !== undefined) {
      if (known.term !== entry.term || Buffer.compare(known.data, entry.data) !== 0) {
        throw new Violation(
          `State machine safety: ${member} applies ${place}, elsewhere it was ${known.index}/${known.term}`,
        );
      }
      return false;
    }
    if (entry.index !== this.index + 1) {
      throw new Violation(
        `State machine safety: ${member} applies ${place}, but only ${this.index} were applied before`,
      );
    }
    this.#heldByQuorum(member, entry, membership);
    this.#committed.push(entry);
    this.#committedIn.push(term);
    return true;
  }

  /** A leader counts copies of entries of its own term only (Raft paper, figure 8). */
  counts(member: PeerId, last: LogEntry, term: number): void {
    if (last.term === term) return;
    throw new Violation(
      `Commitment: ${member}, leader of term ${term}, commits up to ${last.index}, which is of term ${last.term}`,
    );
  }

  /** After an entry was applied, and for a state read from disk or taken over. */
  reached(member: PeerId, index: number, digest: number): void {
    const known = this.#digests.get(index);
    if (known === undefined) this.#digests.set(index, digest);
    else if (known !== digest) {
      throw new Violation(
        `State machine safety: ${member} has state ${digest} at index ${index}, elsewhere it is ${known}`,
      );
    }
    if (index > this.index) {
      throw new Violation(
        `State machine safety: ${member} holds a state at ${index}, only ${this.index} is committed`,
      );
    }
  }

  /**
   * Leader completeness: what was committed in an earlier term is in the log
   * of a leader of `term`, even if it learns of its election late.
   */
  leads(member: PeerId, term: number, log: LogShadow): void {
    for (let index = log.baseIndex; index <= this.index; index++) {
      const committed = this.#committed[index - 1];
      if (committed === undefined || (this.#committedIn[index - 1] ?? 0) >= term) continue;
      if (log.termAt(index) === committed.term) continue;
      throw new Violation(
        `Leader completeness: ${member} leads term ${term} with ${log.termAt(index) ?? "nothing"} at ${index}, committed was ${committed.term}`,
      );
    }
  }

  #heldByQuorum(member: PeerId, { index, term }: LogEntry, { voters, outgoing }: Membership): void {
    const holds = (peer: PeerId): boolean => this.#holds(peer, index, term);
    for (const set of [voters, outgoing]) {
      const holders = set.filter(holds);
      if (set.length === 0 || holders.length * 2 > set.length) continue;
      throw new Violation(
        `Commitment: ${member} applies ${index}/${term}, which is on the disks of [${holders.join(", ")}] of [${set.join(", ")}] only`,
      );
    }
  }
}
