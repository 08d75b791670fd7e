/** The promises of raft (Raft paper, figure 3), checked from outside while a simulation runs. */
import { assert } from "../../src/base/assert.ts";
import type { LogEntry, PeerId } from "../../src/raft/types.ts";
import type { DiskImage } from "./disk-image.ts";

export class RaftChecker {
  committedIndex = 0;
  elections = 0;
  installs = 0;
  readsServed = 0;
  /** Membership changes that ended well. */
  changes = 0;
  readonly #leaderOf = new Map<number, PeerId>();
  readonly #committed = new Map<number, LogEntry>();
  /** Digest of the whole history up to each index. */
  readonly #digests = new Map<number, Uint8Array>();
  readonly #appliedBy = new Map<PeerId, { index: number; digest: Uint8Array }>();

  /** A member (re)started with what its disk holds. */
  started(id: PeerId, disk: DiskImage): void {
    const digest = disk.state.get("digest") ?? new Uint8Array(0);
    const known = this.#digests.get(disk.appliedIndex);
    assert(
      known === undefined || Buffer.compare(known, digest) === 0,
      `${id} restarted with another history`,
    );
    this.#appliedBy.set(id, { index: disk.appliedIndex, digest });
  }

  installed(id: PeerId, disk: DiskImage): void {
    this.installs++;
    this.started(id, disk);
  }

  /** Election safety, and leader completeness. */
  leads(id: PeerId, term: number, disk: DiskImage): void {
    const other = this.#leaderOf.get(term);
    assert(other === undefined || other === id, `Two leaders in term ${term}: ${other} and ${id}`);
    if (other === undefined) this.elections++;
    this.#leaderOf.set(term, id);
    assert(disk.lastIndex >= this.committedIndex, `Leader ${id} of term ${term} lacks committed entries`);
    for (let index = disk.snapshot.index + 1; index <= this.committedIndex; index++) {
      const held = disk.entry(index);
      const committed = this.#committed.get(index);
      assert(held?.term === committed?.term, `Leader ${id} of term ${term} holds another entry ${index}`);
    }
  }

  /** State machine safety: the same entry at each index, in order, once. Returns the digest to store. */
  applied(id: PeerId, entry: LogEntry): Uint8Array {
    const known = this.#committed.get(entry.index);
    if (known === undefined) this.#committed.set(entry.index, entry);
    else {
      assert(known.term === entry.term, `${id} applied ${entry.index}/${entry.term}, not /${known.term}`);
      assert(Buffer.compare(known.data, entry.data) === 0, `${id} applied other data at ${entry.index}`);
    }
    this.committedIndex = Math.max(this.committedIndex, entry.index);
    const before = this.#appliedBy.get(id);
    assert(before?.index === entry.index - 1, `${id} applied ${entry.index} after ${before?.index}`);
    const text = `${Buffer.from(before.digest).toString("latin1")} ${entry.term} ${Buffer.from(entry.data)}`;
    const digest = Buffer.from(Bun.hash(text).toString(16));
    const expected = this.#digests.get(entry.index);
    assert(expected === undefined || Buffer.compare(expected, digest) === 0, `${id} has another history`);
    this.#digests.set(entry.index, digest);
    this.#appliedBy.set(id, { index: entry.index, digest });
    return digest;
  }

  readServed(index: number, atLeast: number): void {
    this.readsServed++;
    assert(index >= atLeast, `A read at index ${index} misses ${atLeast}, committed before it began`);
  }

  /** Log matching over all pairs of disks. */
  logsMatch(disks: readonly DiskImage[]): void {
    for (const a of disks) {
      for (const b of disks) {
        if (a === b) continue;
        let agreed = false;
        for (let index = Math.min(a.lastIndex, b.lastIndex); index > 0; index--) {
          const left = a.entry(index);
          const right = b.entry(index);
          if (left === undefined || right === undefined) break;
          const same = left.term === right.term;
          assert(!agreed || same, `Logs agree above index ${index} but not there`);
          if (same)
            assert(Buffer.compare(left.data, right.data) === 0, `Entry ${index}/${left.term} differs`);
          agreed = same;
        }
      }
    }
  }
}
