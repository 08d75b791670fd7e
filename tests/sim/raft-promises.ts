/**
 * The promises of the replicated log, judged from what masters write and send:
 * one leader a term, the same entry and state at each index, nothing counted
 * as committed that is not on a majority of disks, nothing promised to a peer
 * that a crash could take back (Raft paper, figures 2 and 3).
 */
import type { PeerMessage } from "../../src/master/node.ts";
import type { StoreWrite } from "../../src/raft/store.ts";
import type { LogEntry } from "../../src/raft/types.ts";
import type { DiskImage } from "../support/disk-image.ts";
import type { SimMaster } from "./sim-master.ts";
import { Violation } from "./violation.ts";

export class RaftPromises {
  readonly #masters: () => readonly SimMaster[];
  readonly #onCommit: (entry: LogEntry) => void;
  readonly #leaderOfTerm = new Map<number, string>();
  readonly #committed = new Map<number, LogEntry>();
  /** State digest by applied index: the same on every master, for ever. */
  readonly #digests = new Map<number, string>();
  /** Applied index of each master when it was last looked at. */
  readonly #appliedBy = new Map<string, number>();
  /** Leading masters at their last turn. */
  readonly #leading = new Map<string, { readonly term: number; readonly commitIndex: number }>();
  highestAppliedIndex = 0;

  /** `onCommit` is called for each index once, when the first master applies it. */
  constructor(masters: () => readonly SimMaster[], onCommit: (entry: LogEntry) => void) {
    this.#masters = masters;
    this.#onCommit = onCommit;
  }

  get terms(): number {
    return this.#leaderOfTerm.size;
  }

  started(master: SimMaster): void {
    this.#leading.delete(master.name);
    this.#appliedBy.set(master.name, master.disk.live.appliedIndex);
    this.#readDigest(master, master.disk.live.appliedIndex);
  }

  /** Before the write is issued. */
  writes(master: SimMaster, write: StoreWrite): void {
    const to = write.appliedIndex;
    if (to === undefined) return;
    const written = new Map((write.entries ?? []).map((entry) => [entry.index, entry]));
    for (let index = (this.#appliedBy.get(master.name) ?? 0) + 1; index <= to; index++) {
      const entry = written.get(index) ?? master.disk.live.entry(index);
      if (entry !== undefined && index > master.disk.live.snapshot.index) this.#applied(master, entry);
    }
    this.#appliedBy.set(master.name, to);
  }

  sends(master: SimMaster, to: string, message: PeerMessage): void {
    const { hardState, lastIndex } = master.disk.durable;
    if (message.kind === "vote-reply" && message.granted) {
      // In a term below the one on disk no other vote can follow.
      const kept = hardState.term === message.term && hardState.votedFor === to;
      if (!kept && hardState.term <= message.term) {
        throw new Violation(`${master.name} votes for ${to} in term ${message.term} before it is on disk`);
      }
    } else if (message.kind === "append-ok" && message.matchIndex > lastIndex) {
      throw new Violation(
        `${master.name} confirms entry ${message.matchIndex}, its disk ends at ${lastIndex}`,
      );
    }
  }

  turned(master: SimMaster): void {
    const { node } = master;
    if (node === undefined) return;
    const { role, term, appliedIndex, commitIndex } = node.raftStatus();
    if (role !== "leader") this.#leading.delete(master.name);
    else {
      this.#checkCommit(master, term, commitIndex);
      const leader = this.#leaderOfTerm.get(term);
      if (leader !== undefined && leader !== master.name) {
        throw new Violation(`Two leaders in term ${term}: ${leader} and ${master.name}`);
      }
      this.#leaderOfTerm.set(term, master.name);
    }
    // A transferred state skips indexes.
    this.#appliedBy.set(master.name, appliedIndex);
    this.#readDigest(master, appliedIndex);
  }

  /** State machine safety: one entry for each index; when first applied, a majority holds it for good. */
  #applied(master: SimMaster, entry: LogEntry): void {
    const { index, term } = entry;
    const known = this.#committed.get(index);
    if (known === undefined) {
      const masters = this.#masters();
      const holders = masters.filter(({ disk }) => holds(disk.durable, entry));
      if (holders.length * 2 <= masters.length) {
        const names = holders.map(({ name }) => name).join(", ");
        throw new Violation(`${master.name} applies entry ${index}/${term}, on disk only at [${names}]`);
      }
      this.#committed.set(index, entry);
      this.#onCommit(entry);
    } else if (known.term !== term || Buffer.compare(known.data, entry.data) !== 0) {
      throw new Violation(
        `${master.name} applies entry ${index}/${term}, another master applied ${index}/${known.term}`,
      );
    }
  }

  /** A leader counts copies of entries of its own term only (Raft paper, figure 8). */
  #checkCommit({ name, disk }: SimMaster, term: number, commitIndex: number): void {
    const before = this.#leading.get(name);
    this.#leading.set(name, { term, commitIndex });
    if (before?.term !== term || before.commitIndex === commitIndex) return;
    const entry = disk.live.entry(commitIndex);
    if (entry === undefined || entry.term === term) return;
    throw new Violation(`${name}, leader of term ${term}, commits entry ${commitIndex}/${entry.term}`);
  }

  #readDigest(master: SimMaster, appliedIndex: number): void {
    if (master.node === undefined) return;
    const digest = master.node.registry.digest();
    const seen = this.#digests.get(appliedIndex);
    if (seen !== undefined && seen !== digest) {
      throw new Violation(
        `${master.name} has state digest ${digest} at index ${appliedIndex}, it was ${seen} before`,
      );
    }
    this.#digests.set(appliedIndex, digest);
    this.highestAppliedIndex = Math.max(this.highestAppliedIndex, appliedIndex);
  }
}

function holds(disk: DiskImage, { index, term }: LogEntry): boolean {
  return disk.snapshot.index >= index || disk.entry(index)?.term === term;
}
