import { expect, test } from "bun:test";
import { AssertionError } from "../../src/base/assert.ts";
import { Random } from "../../src/base/random.ts";
import { RaftLog } from "../../src/raft/log.ts";
import { command, diskWith } from "../support/raft-solo.ts";

function logOf(terms: readonly number[], memoryMaxBytes = 1e6): RaftLog {
  return new RaftLog(diskWith(terms), memoryMaxBytes);
}

test("knows the term of every entry it has, and of no other", () => {
  const log = logOf([1, 1, 3, 3, 4]);
  expect([0, 1, 2, 3, 4, 5, 6].map((index) => log.termAt(index))).toEqual([0, 1, 1, 3, 3, 4, undefined]);
});

test("back-tracking skips whole terms", () => {
  const log = logOf([1, 1, 3, 3, 4]);
  expect(log.lastWithTermAtMost(5, 3)).toBe(4);
  expect(log.lastWithTermAtMost(5, 2)).toBe(2);
  expect(log.lastWithTermAtMost(9, 9)).toBe(5);
  expect(log.lastWithTermAtMost(1, 9)).toBe(1);
  expect(log.lastWithTermAtMost(4, 0)).toBe(0);
});

test("up to date means a later last term, or the same and no shorter", () => {
  const log = logOf([1, 2]);
  expect([log.isUpToDate(1, 3), log.isUpToDate(2, 2), log.isUpToDate(1, 2), log.isUpToDate(9, 1)]).toEqual([
    ...[true, true, false, false],
  ]);
});

test("entries leave memory only when applied", () => {
  const log = logOf([1, 1, 1, 1], 4);
  expect(log.memoryFirst).toBe(1);
  log.commitTo(3);
  expect(log.memoryFirst).toBe(1);
  log.applied(3);
  expect(log.memoryFirst).toBe(3);
  expect(log.slice(3, 1).map((entry) => entry.index)).toEqual([3]);
  expect(log.termAt(1)).toBe(1);
});

test("committed entries are never truncated, unapplied ones never compacted", () => {
  const log = logOf([1, 1, 1]);
  log.commitTo(2);
  expect(() => log.truncateFrom(2)).toThrow(AssertionError);
  expect(() => log.compact(1)).toThrow(AssertionError);
  log.applied(2);
  log.compact(1);
  expect([log.snapshotIndex, log.termAt(0), log.termAt(1)]).toEqual([1, undefined, 1]);
});

test("agrees with a plain list of terms over random histories", () => {
  const random = new Random(11);
  for (let round = 0; round < 300; round++) {
    const log = logOf([], 8);
    const terms = [0];
    let first = 0;
    let term = 1;
    for (let step = 0; step < 40; step++) {
      const dice = random.below(10);
      if (dice < 5) {
        term += random.below(2);
        log.append(command(terms.length, term));
        terms.push(term);
      } else if (dice < 7 && log.lastIndex > log.commitIndex) {
        const from = random.between(log.commitIndex + 1, log.lastIndex);
        log.truncateFrom(from);
        terms.length = from;
        term++;
      } else if (dice < 9) {
        const entries = log.commitTo(random.between(log.commitIndex, log.lastIndex));
        log.applied(entries.at(-1)?.index ?? log.appliedIndex);
      } else if (log.appliedIndex > first) {
        first = random.between(first, log.appliedIndex);
        log.compact(first);
      }
      const known = terms.map((_, index) => log.termAt(index));
      expect(known).toEqual(terms.map((each, index) => (index < first ? undefined : each)));
      expect(log.lastIndex).toBe(terms.length - 1);
      expect(log.lastTerm).toBe(terms.at(-1) ?? 0);
    }
  }
});
