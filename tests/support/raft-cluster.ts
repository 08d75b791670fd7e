/**
 * A seeded simulation of the raft core alone: nodes with disks that finish
 * writes late and lose unsynced ones in a crash, and a network that delays,
 * drops, repeats and cuts. Every promise of raft is checked as it is made.
 */
import { assert } from "../../src/base/assert.ts";
import { Random } from "../../src/base/random.ts";
import { RaftNode } from "../../src/raft/node.ts";
import type { StoreWrite } from "../../src/raft/store.ts";
import type {
  LogEntry,
  MembershipChange,
  PeerId,
  RaftEffect,
  RaftInput,
  SnapshotChunk,
  StateRecord,
} from "../../src/raft/types.ts";
import { DiskImage } from "./disk-image.ts";
import { RaftChecker } from "./raft-checker.ts";

export interface ClusterOptions {
  readonly nodes: number;
  /** Feature level of nodes that start; a restart may bring a newer build. */
  readonly featureLevel?: number;
  readonly dropPercent: number;
  readonly duplicatePercent: number;
  readonly delayMaxMs: number;
  readonly diskMaxMs: number;
  readonly keepEntries: number;
  readonly memoryMaxBytes: number;
}

type DiskChange = { readonly write: StoreWrite } | { readonly stage: SnapshotChunk };

interface PendingWrite {
  readonly change: DiskChange;
  readonly sync: boolean;
  completed: boolean;
}

export interface Member {
  readonly id: PeerId;
  /** Voters of the new cluster; none: it waits to be taken in. */
  readonly peers: readonly PeerId[];
  node: RaftNode | null;
  /** What a crash leaves for certain. */
  durable: DiskImage;
  /** All writes issued. */
  live: DiskImage;
  pending: PendingWrite[];
  readonly inbox: RaftInput[];
  /** Raised by a crash: events of an earlier life are void. */
  life: number;
  diskFreeAtMs: number;
  tickAtMs: number;
  reader: { id: number; appliedIndex: number; records: StateRecord[] } | null;
}

const CHUNK_RECORDS = 3;

export class RaftCluster {
  readonly members: Member[] = [];
  readonly checker = new RaftChecker();
  readonly random: Random;
  options: ClusterOptions;
  nowMs = 0;
  /** "from>to" of links that are cut. */
  readonly cut = new Set<string>();
  /** Reads under way: ref -> newest committed index when it was asked for. */
  readonly #reads = new Map<number, number>();
  #nextRef = 1;
  #events: { readonly atMs: number; readonly order: number; readonly run: () => void }[] = [];
  #order = 0;

  constructor(seed: number, options: ClusterOptions) {
    this.random = new Random(seed);
    this.options = options;
    const peers = Array.from({ length: options.nodes }, (_, n) => `n${n + 1}`);
    for (const id of peers) this.members.push(newMember(id, peers));
    for (const member of this.members) this.start(member);
  }

  /** Starts one more node with an empty disk and an id that was never used. */
  join(): Member {
    const member = newMember(`n${this.members.length + 1}`, []);
    this.members.push(member);
    this.start(member);
    return member;
  }

  /** Asks the leader for a change; the outcome is counted. */
  change(leader: Member, change: MembershipChange): void {
    this.step(leader, { kind: "change-membership", ref: this.#nextRef++, change });
  }

  member(id: PeerId): Member {
    const found = this.members.find((member) => member.id === id);
    assert(found !== undefined, `No member ${id}`);
    return found;
  }

  start(member: Member): void {
    assert(member.node === null, `${member.id} runs already`);
    const { keepEntries, memoryMaxBytes } = this.options;
    const featureLevel = this.options.featureLevel ?? 1;
    const config = { self: member.id, peers: member.peers, featureLevel, keepEntries, memoryMaxBytes };
    member.node = new RaftNode(config, member.live.restored(), this.random.fork());
    this.checker.started(member.id, member.live);
    this.step(member, { kind: "tick" });
  }

  /** Loses what was not synced, but perhaps not all of it. */
  crash(member: Member): void {
    member.node = null;
    member.life++;
    member.reader = null;
    const survivors = this.random.below(member.pending.length + 1);
    for (const { change } of member.pending.slice(0, survivors)) applyChange(member.durable, change);
    member.pending = [];
    member.live = member.durable.clone();
    member.diskFreeAtMs = this.nowMs;
  }

  leader(): Member | undefined {
    let best: Member | undefined;
    for (const member of this.members) {
      if (member.node?.status().role !== "leader") continue;
      if (best === undefined || member.node.status().term > (best.node?.status().term ?? 0)) best = member;
    }
    return best;
  }

  propose(member: Member): void {
    const ref = this.#nextRef++;
    this.step(member, { kind: "propose", ref, data: Buffer.from(`c${ref}`) });
  }

  read(member: Member): void {
    const ref = this.#nextRef++;
    this.#reads.set(ref, this.checker.committedIndex);
    this.step(member, { kind: "read-index", ref });
  }

  /** Runs everything that happens until `untilMs`. */
  runUntil(untilMs: number): void {
    while (true) {
      const next = this.#events[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#popEvent();
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
    }
    this.nowMs = untilMs;
  }

  step(member: Member, input: RaftInput): void {
    member.inbox.push(input);
    // An answer given while effects are carried out waits until all of them are.
    if (member.inbox.length > 1) return;
    for (let next = member.inbox[0]; next !== undefined; next = member.inbox[0]) {
      const effects = member.node?.step(next, { monotonicMs: this.nowMs, wallMs: 0 }) ?? [];
      for (const effect of effects) this.#carryOut(member, effect);
      member.inbox.shift();
    }
    this.#armTick(member);
  }

  #carryOut(member: Member, effect: RaftEffect): void {
    switch (effect.kind) {
      case "persist": {
        const { kind: _, token, ...change } = effect;
        this.#write(member, { write: { ...change, sync: true } }, true, { kind: "persisted", token });
        return;
      }
      case "send":
        this.#transmit(member.id, effect.to, effect.message);
        return;
      case "commit":
        this.#apply(member, effect.entries);
        return;
      case "role":
        if (effect.role === "leader") this.checker.leads(member.id, effect.term, member.live);
        return;
      case "read-ready": {
        const atLeast = this.#reads.get(effect.ref);
        assert(atLeast !== undefined, `Read ${effect.ref} ended twice`);
        this.#reads.delete(effect.ref);
        this.checker.readServed(effect.index, atLeast);
        return;
      }
      case "dropped":
        this.#reads.delete(effect.ref);
        return;
      case "read-entries": {
        const entries = member.live.slice(effect.from, effect.to, 20);
        this.#later(member, 1, { kind: "entries-read", peer: effect.peer, entries });
        return;
      }
      case "read-snapshot":
        this.#readSnapshot(member, effect.to, effect.id, effect.sequence);
        return;
      case "stage-snapshot": {
        const { chunk } = effect;
        this.#write(member, { stage: chunk }, chunk.done, {
          kind: "snapshot-staged",
          id: chunk.id,
          sequence: chunk.sequence,
        });
        return;
      }
      case "compact":
        this.#write(member, { write: { compactTo: effect.snapshot, sync: false } }, false, null);
        return;
      case "membership-changed":
        this.checker.changes++;
        return;
      case "outdated":
        assert(false, `${member.id} cannot apply level ${effect.featureLevel}`);
        return;
      case "membership":
      case "change-refused":
      case "transfer-failed":
      case "proposed":
      case "close-snapshot":
        return;
    }
  }

  #apply(member: Member, entries: readonly LogEntry[]): void {
    const changes: [Uint8Array, Uint8Array][] = [];
    for (const entry of entries) {
      const digest = this.checker.applied(member.id, entry);
      changes.push([Buffer.from(`k${entry.index % 10}`), entry.data], [Buffer.from("digest"), digest]);
    }
    const appliedIndex = entries.at(-1)?.index ?? 0;
    this.#write(member, { write: { stateChanges: changes, appliedIndex, sync: false } }, false, null);
    this.step(member, { kind: "applied", index: appliedIndex });
  }

  #readSnapshot(member: Member, to: PeerId, id: number, sequence: number): void {
    if (sequence === 0) {
      member.reader = { id, appliedIndex: member.live.appliedIndex, records: member.live.records() };
    }
    const { reader } = member;
    assert(reader !== null && reader.id === id, "Only one transfer may be open");
    const from = sequence * CHUNK_RECORDS;
    const records = reader.records.slice(from, from + CHUNK_RECORDS);
    const done = from + CHUNK_RECORDS >= reader.records.length;
    const { appliedIndex } = reader;
    this.#later(member, 2, { kind: "snapshot-read", to, id, sequence, appliedIndex, records, done });
  }

  #write(member: Member, change: DiskChange, sync: boolean, answer: RaftInput | null): void {
    applyChange(member.live, change);
    const pending: PendingWrite = { change, sync, completed: false };
    member.pending.push(pending);
    if (!sync && answer === null) return;
    // The disk serves one write after the other.
    const start = Math.max(this.nowMs, member.diskFreeAtMs);
    member.diskFreeAtMs = start + this.random.below(this.options.diskMaxMs + 1);
    const { life } = member;
    this.#at(member.diskFreeAtMs, () => {
      if (member.life !== life) return;
      if (sync) this.#synced(member, pending);
      if (answer === null) return;
      this.step(member, answer);
      if (answer.kind === "snapshot-staged" && sync) this.checker.installed(member.id, member.live);
    });
  }

  #synced(member: Member, upTo: PendingWrite): void {
    const count = member.pending.indexOf(upTo) + 1;
    for (const { change } of member.pending.splice(0, count)) applyChange(member.durable, change);
  }

  #transmit(from: PeerId, to: PeerId, message: (RaftInput & { kind: "message" })["message"]): void {
    const { random, options } = this;
    if (this.cut.has(`${from}>${to}`)) return;
    if (options.dropPercent > 0 && random.below(100) < options.dropPercent) return;
    const copies = options.duplicatePercent > 0 && random.below(100) < options.duplicatePercent ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      this.#at(this.nowMs + 1 + random.below(options.delayMaxMs), () => {
        if (this.cut.has(`${from}>${to}`)) return;
        this.step(this.member(to), { kind: "message", from, message });
      });
    }
  }

  #later(member: Member, delayMs: number, input: RaftInput): void {
    const { life } = member;
    this.#at(this.nowMs + delayMs, () => {
      if (member.life === life) this.step(member, input);
    });
  }

  #armTick(member: Member): void {
    const deadline = member.node?.nextDeadlineMs() ?? Infinity;
    if (deadline === member.tickAtMs || deadline === Infinity) return;
    member.tickAtMs = deadline;
    const { life } = member;
    this.#at(Math.max(deadline, this.nowMs), () => {
      if (member.life !== life || member.tickAtMs !== deadline) return;
      member.tickAtMs = Infinity;
      this.step(member, { kind: "tick" });
    });
  }

  #at(atMs: number, run: () => void): void {
    const heap = this.#events;
    const event = { atMs, order: this.#order++, run };
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #popEvent(): void {
    const heap = this.#events;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    while (true) {
      const left = 2 * at + 1;
      const right = left + 1;
      let child = left;
      const rightEvent = heap[right];
      const leftEvent = heap[left];
      if (leftEvent === undefined) break;
      if (rightEvent !== undefined && isBefore(rightEvent, leftEvent)) child = right;
      const below = heap[child];
      if (below === undefined || !isBefore(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

function newMember(id: PeerId, peers: readonly PeerId[]): Member {
  return {
    id,
    peers,
    node: null,
    durable: new DiskImage(),
    live: new DiskImage(),
    pending: [],
    inbox: [],
    life: 0,
    diskFreeAtMs: 0,
    tickAtMs: Infinity,
    reader: null,
  };
}

function isBefore(a: { atMs: number; order: number }, b: { atMs: number; order: number }): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function applyChange(image: DiskImage, change: DiskChange): void {
  if ("write" in change) image.write(change.write);
  else image.stage(change.stage);
}
