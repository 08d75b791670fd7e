/**
 * The log as the core sees it: terms of all entries (as runs), data of the
 * newest ones. Older data stays on disk and is asked for when a follower needs it.
 *
 *   snapshotIndex <= applied <= handedOut <= commitIndex <= lastIndex
 *   entries in memory: memoryFirst..lastIndex, with memoryFirst <= applied + 1
 */
import { AssertionError, assert } from "../base/assert.ts";
import type { LogEntry, RestoredRaft, TermRun } from "./types.ts";

const NONE: readonly LogEntry[] = [];

export class RaftLog {
  snapshotIndex: number;
  snapshotTerm: number;
  commitIndex: number;
  /** Newest entry given to the state machine. */
  handedOut: number;
  appliedIndex: number;
  lastIndex: number;
  #runs: TermRun[];
  #entries: LogEntry[];
  /** Entries dropped from the front of #entries but not yet cut off the array. */
  #head = 0;
  #memoryBytes = 0;
  /** Of the log as it is now. */
  #lastSlice: { readonly from: number; readonly maxBytes: number; readonly entries: LogEntry[] } | null =
    null;
  readonly #memoryMaxBytes: number;

  constructor(restored: RestoredRaft, memoryMaxBytes: number) {
    const { snapshot, tailEntries, appliedIndex, lastIndex } = restored;
    assert(appliedIndex >= snapshot.index, `Applied ${appliedIndex} is below snapshot ${snapshot.index}`);
    assert(appliedIndex <= lastIndex, `Applied ${appliedIndex} is above the last entry ${lastIndex}`);
    this.snapshotIndex = snapshot.index;
    this.snapshotTerm = snapshot.term;
    this.commitIndex = appliedIndex;
    this.handedOut = appliedIndex;
    this.appliedIndex = appliedIndex;
    this.lastIndex = lastIndex;
    this.#runs = [...restored.termRuns];
    this.#entries = [...tailEntries];
    this.#memoryMaxBytes = memoryMaxBytes;
    for (const entry of tailEntries) this.#memoryBytes += entry.data.length;
    const first = tailEntries[0];
    assert((first?.index ?? lastIndex + 1) <= appliedIndex + 1, "The restored tail misses unapplied entries");
    assert((tailEntries.at(-1)?.index ?? lastIndex) === lastIndex, "The restored tail ends before the log");
    this.#evict();
  }

  get lastTerm(): number {
    return this.#runs[this.#runs.length - 1]?.term ?? this.snapshotTerm;
  }

  /** First index whose data is in memory; `lastIndex + 1` if none is. */
  get memoryFirst(): number {
    return this.#entries[this.#head]?.index ?? this.lastIndex + 1;
  }

  /** Undefined for an index that is compacted or beyond the end. */
  termAt(index: number): number | undefined {
    if (index === this.snapshotIndex) return this.snapshotTerm;
    if (index < this.snapshotIndex || index > this.lastIndex) return undefined;
    return this.#runs[this.#runAt(index)]?.term;
  }

  /** True if a log ending with this entry holds everything ours may have committed (Raft paper, 5.4.1). */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex);
  }

  /**
   * Newest index at or below `index` whose term is at most `term`: all above
   * it cannot agree with a log that has `term` at `index`. Skips a whole term
   * at a time.
   */
  lastWithTermAtMost(index: number, term: number): number {
    const from = Math.min(index, this.lastIndex);
    if (from <= this.snapshotIndex) return from;
    for (let at = this.#runAt(from); at >= 0; at--) {
      const run = this.#runs[at];
      if (run !== undefined && run.term <= term) {
        const next = this.#runs[at + 1];
        return next === undefined ? from : Math.min(from, next.index - 1);
      }
    }
    return this.snapshotTerm <= term ? this.snapshotIndex : Math.max(0, this.snapshotIndex - 1);
  }

  append(entry: LogEntry): void {
    const { index, term } = entry;
    if (index !== this.lastIndex + 1) {
      throw new AssertionError(`Entry ${index} does not follow ${this.lastIndex}`);
    }
    if (term < this.lastTerm) throw new AssertionError(`Term ${term} goes back behind ${this.lastTerm}`);
    if (this.#runs.length === 0 || term !== this.lastTerm) this.#runs.push({ index, term });
    this.#entries.push(entry);
    this.#lastSlice = null;
    this.#memoryBytes += entry.data.length;
    this.lastIndex = entry.index;
    this.#evict();
  }

  truncateFrom(index: number): void {
    assert(index > this.commitIndex, `Truncation from ${index} would lose committed ${this.commitIndex}`);
    while (this.#entries.length > this.#head && (this.#entries.at(-1)?.index ?? 0) >= index) {
      this.#memoryBytes -= this.#entries.pop()?.data.length ?? 0;
    }
    this.#lastSlice = null;
    while ((this.#runs.at(-1)?.index ?? 0) >= index) this.#runs.pop();
    this.lastIndex = index - 1;
  }

  /** Entries in memory from `from` on: at most `maxBytes` of data, but at least one if there is one. */
  slice(from: number, maxBytes: number): readonly LogEntry[] {
    if (from < this.memoryFirst) throw new AssertionError(`Entry ${from} is not in memory`);
    // Each follower is sent the same.
    const last = this.#lastSlice;
    if (last?.from === from && last.maxBytes === maxBytes) return last.entries;
    const out: LogEntry[] = [];
    let bytes = 0;
    for (let at = this.#head + from - this.memoryFirst; at < this.#entries.length; at++) {
      const entry = this.#entries[at] as LogEntry;
      bytes += entry.data.length;
      if (out.length > 0 && bytes > maxBytes) break;
      out.push(entry);
    }
    this.#lastSlice = { from, maxBytes, entries: out };
    return out;
  }

  /** Raises the commit index and returns the entries to apply now. */
  commitTo(index: number): readonly LogEntry[] {
    if (index > this.lastIndex) {
      throw new AssertionError(`Commit ${index} is above the last entry ${this.lastIndex}`);
    }
    if (index <= this.commitIndex) return NONE;
    this.commitIndex = index;
    const count = index - this.handedOut;
    const at = this.#head + this.handedOut + 1 - this.memoryFirst;
    const entries = this.#entries.slice(at, at + count);
    assert(
      entries.length === count && entries[0]?.index === this.handedOut + 1,
      "Unapplied entries left memory",
    );
    this.handedOut = index;
    return entries;
  }

  applied(index: number): void {
    if (index > this.handedOut) {
      throw new AssertionError(`Applied ${index} was never handed out (${this.handedOut})`);
    }
    if (index > this.appliedIndex) this.appliedIndex = index;
    this.#evict();
  }

  /** Forgets entries up to `index`, which must be applied. */
  compact(index: number): void {
    assert(index <= this.appliedIndex, `Compaction to ${index} is above applied ${this.appliedIndex}`);
    const term = this.termAt(index);
    assert(term !== undefined, `Compaction to ${index} is outside the log`);
    this.#dropRuns(index);
    while (this.memoryFirst <= index && this.#head < this.#entries.length) this.#dropFirst();
    this.snapshotIndex = index;
    this.snapshotTerm = term;
    this.#trimHead();
  }

  /** Takes the place of a transferred state; true if the entries after it were kept. */
  install(index: number, term: number): boolean {
    assert(index > this.commitIndex, `Snapshot ${index} is not above commit ${this.commitIndex}`);
    const keep = this.termAt(index) === term;
    if (keep) this.#dropRuns(index);
    else this.#runs = [];
    if (!keep) {
      this.#lastSlice = null;
      this.#entries = [];
      this.#head = 0;
      this.#memoryBytes = 0;
      this.lastIndex = index;
    }
    while (this.#head < this.#entries.length && this.memoryFirst <= index) this.#dropFirst();
    this.#trimHead();
    this.snapshotIndex = index;
    this.snapshotTerm = term;
    this.commitIndex = index;
    this.handedOut = index;
    this.appliedIndex = index;
    return keep;
  }

  /** Position in #runs of the run that holds `index`, which is above the snapshot. */
  #runAt(index: number): number {
    let low = 0;
    let high = this.#runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#runs[middle]?.index ?? 0) <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Cuts runs so that they start above `index`. */
  #dropRuns(index: number): void {
    if (index >= this.lastIndex) {
      this.#runs = [];
      return;
    }
    if (index <= this.snapshotIndex) return;
    const at = this.#runAt(index + 1);
    const run = this.#runs[at];
    assert(run !== undefined, `No term run holds ${index + 1}`);
    this.#runs = [{ index: index + 1, term: run.term }, ...this.#runs.slice(at + 1)];
  }

  /** Applied entries leave memory, oldest first, while it holds too much. */
  #evict(): void {
    while (this.#memoryBytes > this.#memoryMaxBytes && this.memoryFirst <= this.appliedIndex)
      this.#dropFirst();
    this.#trimHead();
  }

  #dropFirst(): void {
    this.#memoryBytes -= this.#entries[this.#head]?.data.length ?? 0;
    this.#head++;
  }

  #trimHead(): void {
    if (this.#head > 1_024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}
