/**
 * At most one leader in a term (Raft paper, figure 3), and each with the votes
 * of a majority of its voters, of both sets while a membership is joint.
 */
import type { Membership, PeerId } from "../../../src/raft/types.ts";
import { Violation } from "../violation.ts";

export class ElectionSafety {
  readonly #leaders = new Map<number, PeerId>();
  /** Who voted for whom, by term: "candidate" -> voters. */
  readonly #votes = new Map<string, Set<PeerId>>();

  get terms(): number {
    return this.#leaders.size;
  }

  votes(voter: PeerId, candidate: PeerId, term: number): void {
    const name = `${candidate} ${term}`;
    const voters = this.#votes.get(name) ?? new Set();
    this.#votes.set(name, voters.add(voter));
  }

  /** True if this leadership is new. */
  leads(member: PeerId, term: number, { voters, outgoing }: Membership): boolean {
    const other = this.#leaders.get(term);
    if (other === member) return false;
    if (other !== undefined) {
      throw new Violation(`Election safety: ${other} and ${member} both lead in term ${term}`);
    }
    const granted = this.#votes.get(`${member} ${term}`) ?? new Set();
    for (const set of [voters, outgoing]) {
      const votes = set.filter((peer) => peer === member || granted.has(peer));
      if (set.length === 0 || votes.length * 2 > set.length) continue;
      throw new Violation(
        `Election safety: ${member} leads term ${term} with the votes of [${votes.join(", ")}] of [${set.join(", ")}]`,
      );
    }
    this.#leaders.set(term, member);
    return true;
  }
}
