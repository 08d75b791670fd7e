/** What a master's database holds, as plain values; simulated disks and the memory store share it. */
import { assert } from "../../src/base/assert.ts";
import {
  holdsAllAgain,
  type RestoredStore,
  type StoreIdentity,
  type StoreWrite,
} from "../../src/raft/store.ts";
import type {
  HardState,
  LogDamage,
  LogEntry,
  SnapshotChunk,
  SnapshotMeta,
  StateRecord,
  TermRun,
} from "../../src/raft/types.ts";

export class DiskImage {
  identity: StoreIdentity | null = null;
  hardState: HardState = { term: 0, votedFor: null };
  snapshot: SnapshotMeta = { index: 0, term: 0, membership: new Uint8Array(0) };
  /** Entries above the snapshot, in order. */
  entries: LogEntry[] = [];
  appliedIndex = 0;
  damage: LogDamage | null = null;
  /** Keyed by the key's bytes as latin-1 text, whose order is that of the bytes. */
  state = new Map<string, Uint8Array>();
  #staged: { readonly id: number; readonly records: StateRecord[] } | null = null;

  get lastIndex(): number {
    return this.snapshot.index + this.entries.length;
  }

  clone(): DiskImage {
    const copy = new DiskImage();
    copy.identity = this.identity;
    copy.hardState = this.hardState;
    copy.snapshot = this.snapshot;
    copy.entries = [...this.entries];
    copy.appliedIndex = this.appliedIndex;
    copy.damage = this.damage;
    copy.state = new Map(this.state);
    copy.#staged = this.#staged === null ? null : { ...this.#staged, records: [...this.#staged.records] };
    return copy;
  }

  write(change: StoreWrite): void {
    if (change.identity !== undefined) this.identity = change.identity;
    if (change.hardState !== undefined) this.hardState = change.hardState;
    if (change.truncateFrom !== undefined) {
      assert(change.truncateFrom > this.snapshot.index, "Truncation reaches into the compacted log");
      this.entries.length = Math.min(this.entries.length, change.truncateFrom - 1 - this.snapshot.index);
    }
    for (const entry of change.entries ?? []) {
      assert(entry.index === this.lastIndex + 1, `Entry ${entry.index} does not follow ${this.lastIndex}`);
      this.entries.push(entry);
    }
    const { damageLastIndex } = change;
    if (this.damage !== null && damageLastIndex !== undefined) {
      this.damage = { ...this.damage, lastIndex: Math.min(this.damage.lastIndex, damageLastIndex) };
    }
    for (const [key, value] of change.stateChanges ?? []) {
      if (value === null) this.state.delete(keyText(key));
      else this.state.set(keyText(key), value);
    }
    if (change.appliedIndex !== undefined) this.appliedIndex = change.appliedIndex;
    if (change.compactTo !== undefined) this.#compact(change.compactTo);
    this.#noteRepair();
  }

  /** Damage: the log ends after `index`, which shows an older entry, of `term`, if that is given. */
  forget(index: number, term: number | null): void {
    assert(index >= this.appliedIndex, `Entry ${index} is applied: the log would begin after it`);
    this.damage = { term: this.hardState.term, lastIndex: this.lastIndex, reason: `entry ${index + 1}` };
    this.entries.length = index - this.snapshot.index;
    if (term === null) return;
    const data = new TextEncoder().encode("old");
    this.entries[index - this.snapshot.index - 1] = { index, term, kind: "command", data };
  }

  stage(chunk: SnapshotChunk): void {
    if (chunk.sequence === 0) this.#staged = { id: chunk.id, records: [] };
    assert(this.#staged?.id === chunk.id, `Chunk ${chunk.sequence} belongs to no transfer`);
    this.#staged.records.push(...chunk.records);
    if (!chunk.done) return;
    const { snapshot } = chunk;
    const held = snapshot.index === this.snapshot.index ? this.snapshot : this.entry(snapshot.index);
    this.entries =
      held?.term === snapshot.term ? this.entries.slice(snapshot.index - this.snapshot.index) : [];
    this.snapshot = snapshot;
    this.appliedIndex = snapshot.index;
    this.state = new Map(this.#staged.records.map(([key, value]) => [keyText(key), value]));
    this.#staged = null;
    this.#noteRepair();
  }

  entry(index: number): LogEntry | undefined {
    return this.entries[index - this.snapshot.index - 1];
  }

  slice(from: number, to: number, maxBytes: number): LogEntry[] {
    const out: LogEntry[] = [];
    let bytes = 0;
    for (let index = from; index <= to; index++) {
      const entry = index > this.snapshot.index ? this.entry(index) : undefined;
      if (entry === undefined) break;
      bytes += entry.data.length;
      if (out.length > 0 && bytes > maxBytes) break;
      out.push(entry);
    }
    return out;
  }

  records(): StateRecord[] {
    const keys = [...this.state.keys()].sort();
    return keys.map((key) => [Buffer.from(key, "latin1"), this.state.get(key) as Uint8Array]);
  }

  restored(): RestoredStore {
    const termRuns: TermRun[] = [];
    for (const { index, term } of this.entries)
      if (termRuns.at(-1)?.term !== term) termRuns.push({ index, term });
    return {
      identity: this.identity,
      hardState: this.hardState,
      snapshot: this.snapshot,
      lastIndex: this.lastIndex,
      termRuns,
      tailEntries: [...this.entries],
      configEntries: this.entries.filter((entry) => entry.kind === "config"),
      appliedIndex: this.appliedIndex,
      tornEntries: 0,
      damage: this.damage,
    };
  }

  #noteRepair(): void {
    const lastTerm = this.entries.at(-1)?.term ?? this.snapshot.term;
    if (this.damage !== null && holdsAllAgain(this.damage, this.lastIndex, lastTerm)) this.damage = null;
  }

  #compact(to: SnapshotMeta): void {
    assert(to.index <= this.appliedIndex, `Compaction to ${to.index} is above applied ${this.appliedIndex}`);
    if (to.index < this.snapshot.index) return;
    this.entries.splice(0, to.index - this.snapshot.index);
    this.snapshot = to;
  }
}

export function keyText(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1");
}
