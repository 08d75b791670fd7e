/**
 * The disk under a simulated master. Writes take effect at once for readers of
 * the same process and reach the platter late and in order; a crash keeps all
 * that was synced and an unpredictable part of what came after it.
 */
import type { Random } from "../../src/base/random.ts";
import type { StoreWrite } from "../../src/raft/store.ts";
import type { LogEntry, SnapshotChunk, StateRecord } from "../../src/raft/types.ts";
import { DiskImage } from "../support/disk-image.ts";
import type { World } from "./world.ts";

type Change = { readonly write: StoreWrite } | { readonly chunk: SnapshotChunk };

/** Records in one chunk of a state transfer: few, so that transfers take several. */
const CHUNK_RECORDS = 7;
/** Bytes of entries in one read: few, so that a follower that lags needs several. */
const READ_MAX_BYTES = 2_000;
const SLOW_FACTOR = 40;

interface StateIteration {
  readonly id: number;
  readonly appliedIndex: number;
  readonly records: readonly StateRecord[];
}

/** One part of a state iteration. */
export interface StatePart {
  readonly appliedIndex: number;
  readonly records: readonly StateRecord[];
  readonly done: boolean;
}

export class SimDisk {
  /** What a crash leaves for certain. */
  durable = new DiskImage();
  /** What the process that wrote it sees. */
  live = new DiskImage();
  /** Each operation takes many times as long. */
  slow = false;
  readonly #world: World;
  readonly #random: Random;
  readonly #maxMs: number;
  #pending: Change[] = [];
  #freeAtMs = 0;
  /** Raised by a crash: operations under way never complete. */
  #life = 0;
  readonly #iterations = new Map<string, StateIteration>();

  constructor(world: World, random: Random, maxMs: number) {
    this.#world = world;
    this.#random = random;
    this.#maxMs = maxMs;
  }

  /** `done` is called once the write is durable; without `sync` it rides with a later one. */
  write(write: StoreWrite, done: () => void): void {
    const change = { write };
    this.#issue(change);
    if (write.sync) this.#complete(() => this.#synced(change), done);
  }

  /** `done` is called when the chunk is stored; after the last one the new state is durable. */
  stage(chunk: SnapshotChunk, done: () => void): void {
    const change = { chunk };
    this.#issue(change);
    this.#complete(() => (chunk.done ? this.#synced(change) : undefined), done);
  }

  read(from: number, to: number, done: (entries: readonly LogEntry[]) => void): void {
    this.#complete(
      () => {},
      () => done(this.live.slice(from, to, READ_MAX_BYTES)),
    );
  }

  /** Part `sequence` of the state for `to`; part 0 opens a new iteration. Undefined when none is open. */
  readState(to: string, id: number, sequence: number, done: (part: StatePart | undefined) => void): void {
    this.#complete(
      () => {},
      () => {
        if (sequence === 0) {
          const { appliedIndex } = this.live;
          this.#iterations.set(to, { id, appliedIndex, records: this.live.records() });
        }
        const iteration = this.#iterations.get(to);
        if (iteration?.id !== id) {
          done(undefined);
          return;
        }
        const { appliedIndex, records } = iteration;
        const end = (sequence + 1) * CHUNK_RECORDS;
        const part = records.slice(sequence * CHUNK_RECORDS, end);
        done({ appliedIndex, records: part, done: end >= records.length });
      },
    );
  }

  closeState(to: string): void {
    this.#iterations.delete(to);
  }

  /** Loses what was not synced, but perhaps not all of it. */
  crash(): void {
    this.#life++;
    for (const change of this.#pending.slice(0, this.#random.below(this.#pending.length + 1))) {
      apply(this.durable, change);
    }
    this.#pending = [];
    this.#iterations.clear();
    this.live = this.durable.clone();
    this.#freeAtMs = this.#world.nowMs;
  }

  #issue(change: Change): void {
    apply(this.live, change);
    this.#pending.push(change);
  }

  /** Operations are served one after the other. */
  #complete(effect: () => void, done: () => void): void {
    const life = this.#life;
    const takesMs = this.#random.fraction() * this.#maxMs * (this.slow ? SLOW_FACTOR : 1);
    this.#freeAtMs = Math.max(this.#freeAtMs, this.#world.nowMs) + takesMs;
    this.#world.after(this.#freeAtMs - this.#world.nowMs, () => {
      if (life !== this.#life) return;
      effect();
      done();
    });
  }

  #synced(upTo: Change): void {
    const count = this.#pending.indexOf(upTo) + 1;
    for (const change of this.#pending.splice(0, count)) apply(this.durable, change);
  }
}

function apply(image: DiskImage, change: Change): void {
  if ("write" in change) image.write(change.write);
  else image.stage(change.chunk);
}
