/** At most one leader in a term (Raft paper, figure 3). */
import type { PeerId } from "../../../src/raft/types.ts";
import { Violation } from "../violation.ts";

export class ElectionSafety {
  readonly #leaders = new Map<number, PeerId>();

  get terms(): number {
    return this.#leaders.size;
  }

  /** True if this leadership is new. */
  leads(member: PeerId, term: number): boolean {
    const other = this.#leaders.get(term);
    if (other === member) return false;
    if (other !== undefined) {
      throw new Violation(`Election safety: ${other} and ${member} both lead in term ${term}`);
    }
    this.#leaders.set(term, member);
    return true;
  }
}
