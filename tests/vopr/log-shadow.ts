/** The log as a member holds it in memory, followed from outside by what it writes. Terms only. */
import type { RestoredRaft } from "../../src/raft/types.ts";

export class LogShadow {
  baseIndex: number;
  /** Terms of the base and of all entries above it. */
  readonly #terms: number[];

  constructor({ snapshot, lastIndex, termRuns }: RestoredRaft) {
    this.baseIndex = snapshot.index;
    this.#terms = [snapshot.term];
    for (const [n, { index, term }] of termRuns.entries()) {
      const end = termRuns[n + 1]?.index ?? lastIndex + 1;
      for (let at = index; at < end; at++) this.#terms.push(term);
    }
  }

  get lastIndex(): number {
    return this.baseIndex + this.#terms.length - 1;
  }

  termAt(index: number): number | undefined {
    return this.#terms[index - this.baseIndex];
  }

  append(index: number, term: number): void {
    this.#terms[index - this.baseIndex] = term;
  }

  truncateFrom(index: number): void {
    this.#terms.length = Math.min(this.#terms.length, Math.max(1, index - this.baseIndex));
  }

  compact(index: number): void {
    if (index <= this.baseIndex) return;
    this.#terms.splice(0, index - this.baseIndex);
    this.baseIndex = index;
  }

  /** Takes the place of a transferred state; what follows its last entry stays if that entry is the same. */
  install(index: number, term: number): void {
    if (this.termAt(index) === term) this.compact(index);
    else {
      this.#terms.splice(0, this.#terms.length, term);
      this.baseIndex = index;
    }
  }
}
