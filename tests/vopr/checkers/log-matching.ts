/**
 * Logs with an entry of the same index and term are the same up to it (Raft
 * paper, figure 3). Held inductively: index and term of an entry tell its
 * content and the term of the entry before it, in whichever log it stands.
 */
import type { LogEntry, PeerId } from "../../../src/raft/types.ts";
import type { LogShadow } from "../log-shadow.ts";
import { Violation } from "../violation.ts";

interface Known {
  readonly previousTerm: number | undefined;
  readonly data: Uint8Array | undefined;
}

export class LogMatching {
  readonly #known = new Map<string, Known>();

  appended(member: PeerId, log: LogShadow, entries: readonly LogEntry[]): void {
    for (const { index, term, data } of entries)
      this.#check(member, index, term, log.termAt(index - 1), data);
  }

  /** Of a log read back from disk the content of newer entries is known, of older ones the term. */
  restored(member: PeerId, log: LogShadow, tail: readonly LogEntry[]): void {
    const content = new Map(tail.map((entry) => [entry.index, entry.data]));
    for (let index = log.baseIndex + 1; index <= log.lastIndex; index++) {
      this.#check(member, index, log.termAt(index) ?? 0, log.termAt(index - 1), content.get(index));
    }
  }

  #check(
    member: PeerId,
    index: number,
    term: number,
    previousTerm: number | undefined,
    data?: Uint8Array,
  ): void {
    const place = `${index}/${term}`;
    const known = this.#known.get(place);
    if (known === undefined) {
      this.#known.set(place, { previousTerm, data });
      return;
    }
    if (
      previousTerm !== undefined &&
      known.previousTerm !== undefined &&
      previousTerm !== known.previousTerm
    ) {
      throw new Violation(
        `Log matching: ${member} holds entry ${place} after one of term ${previousTerm}, elsewhere it follows term ${known.previousTerm}`,
      );
    }
    if (data !== undefined && known.data !== undefined && Buffer.compare(data, known.data) !== 0) {
      throw new Violation(`Log matching: ${member} holds entry ${place} with other content than elsewhere`);
    }
    if (known.data === undefined && data !== undefined) this.#known.set(place, { ...known, data });
  }
}
