/**
 * What a leader believes of one follower.
 *
 *              matching reply                 snapshot installed
 *   probe ───────────────────────► replicate ◄──────── (probe)
 *     ▲  one message at a time         │ pipelined, bounded in bytes
 *     └──────── rejection ─────────────┘
 *     └── log compacted below `next` ──► snapshot
 */
import { assert } from "../base/assert.ts";
import { RAFT_INFLIGHT_MAX_BYTES, RAFT_INFLIGHT_MAX_MESSAGES } from "../base/limits.ts";
import type { PeerId, SnapshotChunk } from "./types.ts";

/** A state transfer under way to one follower. */
export interface Transfer {
  readonly id: number;
  /** Sequence that is being read or waits for its acknowledgement. */
  sequence: number;
  /** The chunk sent last, until acknowledged; null while it is being read. */
  chunk: SnapshotChunk | null;
  /** Index of the transferred state; known with the first chunk. */
  index: number;
  resendAtMs: number;
  resends: number;
}

export class Progress {
  readonly id: PeerId;
  state: "probe" | "replicate" | "snapshot" = "probe";
  /** Newest entry known to be on the follower's disk; goes back only if that disk lost it. */
  matchIndex = 0;
  nextIndex: number;
  /** Heard from since the last check of the quorum. */
  active = false;
  /** The same in the time before that check: with `active` it tells who is there. */
  wasActive = false;
  /** What it can apply; 0 until it said so. */
  featureLevel = 0;
  /** Probe only: a message is out; wait for its answer or the next heartbeat's. */
  paused = false;
  /** Entries for it are being read from disk. */
  reading = false;
  transfer: Transfer | null = null;
  bytesInFlight = 0;
  #inFlight: { readonly lastIndex: number; readonly bytes: number }[] = [];

  constructor(id: PeerId, nextIndex: number) {
    this.id = id;
    this.nextIndex = nextIndex;
  }

  /** Heard from within the last one to two election timeouts. */
  get heard(): boolean {
    return this.active || this.wasActive;
  }

  get full(): boolean {
    return (
      this.bytesInFlight >= RAFT_INFLIGHT_MAX_BYTES || this.#inFlight.length >= RAFT_INFLIGHT_MAX_MESSAGES
    );
  }

  becomeProbe(): void {
    this.state = "probe";
    this.nextIndex = this.matchIndex + 1;
    this.paused = false;
    this.#clearInFlight();
  }

  becomeReplicate(): void {
    this.state = "replicate";
    this.nextIndex = this.matchIndex + 1;
    this.paused = false;
    this.#clearInFlight();
  }

  becomeSnapshot(): void {
    this.state = "snapshot";
    this.paused = false;
    this.#clearInFlight();
  }

  /** Notes entries sent while replicating. */
  sent(lastIndex: number, bytes: number): void {
    assert(this.state === "replicate", "Only a replicating follower is sent ahead");
    this.nextIndex = lastIndex + 1;
    this.#inFlight.push({ lastIndex, bytes });
    this.bytesInFlight += bytes;
  }

  /** Takes an acknowledgement; true if it says something new. */
  acknowledge(matchIndex: number): boolean {
    let drop = 0;
    for (const message of this.#inFlight) {
      if (message.lastIndex > matchIndex) break;
      this.bytesInFlight -= message.bytes;
      drop++;
    }
    if (drop > 0) this.#inFlight.splice(0, drop);
    this.nextIndex = Math.max(this.nextIndex, matchIndex + 1);
    if (matchIndex <= this.matchIndex) return false;
    this.matchIndex = matchIndex;
    return true;
  }

  /** The follower's disk lost what is above `index`. */
  forgetMatch(index: number): void {
    this.matchIndex = Math.min(this.matchIndex, index);
  }

  #clearInFlight(): void {
    this.#inFlight = [];
    this.bytesInFlight = 0;
  }
}
