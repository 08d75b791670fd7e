/**
 * A leader changes the membership only once the one in force is committed, and
 * an entry of its own term too (Ongaro, raft-dev, 2015: without the latter two
 * changes across a leader change can both be committed).
 */

import { decodeMembership } from "../../../src/raft/membership.ts";
import type { LogEntry, Membership, PeerId } from "../../../src/raft/types.ts";
import { Violation } from "../violation.ts";

export class MembershipChanges {
  /** Newest config entry that each member appended in the term it leads. */
  readonly #newest = new Map<PeerId, number>();

  /** A member takes office; `index` is its newest entry. */
  leads(member: PeerId, index: number): void {
    this.#newest.set(member, index);
  }

  /** A leader appended `entry`; `before` is what was in force, `committed` its newest committed entry. */
  appended(
    member: PeerId,
    entry: LogEntry,
    before: Membership,
    committed: { readonly index: number; readonly term: number | undefined },
  ): void {
    // A first leader writes down what is in force already.
    if (Bun.deepEquals(decodeMembership(entry.data), before)) return;
    if (committed.term !== entry.term) {
      throw new Violation(
        `Membership: ${member} changes it at ${entry.index}/${entry.term}, but its newest committed entry is of term ${committed.term}`,
      );
    }
    const previous = this.#newest.get(member) ?? 0;
    if (previous > committed.index) {
      throw new Violation(
        `Membership: ${member} changes it at ${entry.index}, its change at ${previous} is not committed`,
      );
    }
    this.#newest.set(member, entry.index);
  }
}
