/**
 * What a leader believes of one follower.
 *
 *              matching reply                 snapshot installed
 *   probe ───────────────────────► replicate ◄──────── (probe)
 *     ▲  one message at a time         │ pipelined, bounded in bytes and messages
 *     └──────── rejection ─────────────┘
 *     └── log compacted below `next` ──► snapshot
 *
 * Each change of state opens another window of messages. A rejection that
 * belongs to an earlier window is old news: where messages overtake each other,
 * one lost place in the order refuses all that were sent ahead, and each of
 * those refusals would else bring on another window full.
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
  /** Number of the window under way, from 1. */
  window = 1;
  /** After a rejection one, then more with each that is acknowledged. */
  #inFlightMaxMessages = RAFT_INFLIGHT_MAX_MESSAGES;
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
      this.bytesInFlight >= RAFT_INFLIGHT_MAX_BYTES || this.#inFlight.length >= this.#inFlightMaxMessages
    );
  }

  becomeProbe(): void {
    this.state = "probe";
    this.nextIndex = this.matchIndex + 1;
    this.paused = false;
    this.#inFlightMaxMessages = 1;
    this.#openWindow();
  }

  becomeReplicate(): void {
    this.state = "replicate";
    this.nextIndex = this.matchIndex + 1;
    this.paused = false;
    this.#openWindow();
  }

  becomeSnapshot(): void {
    this.state = "snapshot";
    this.paused = false;
    this.#openWindow();
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
    if (drop === this.#inFlight.length) this.#inFlight.length = 0;
    else if (drop > 0) this.#inFlight.splice(0, drop);
    this.#inFlightMaxMessages = Math.min(RAFT_INFLIGHT_MAX_MESSAGES, this.#inFlightMaxMessages + drop);
    this.nextIndex = Math.max(this.nextIndex, matchIndex + 1);
    if (matchIndex <= this.matchIndex) return false;
    this.matchIndex = matchIndex;
    return true;
  }

  /** The follower's disk lost what is above `index`. */
  forgetMatch(index: number): void {
    this.matchIndex = Math.min(this.matchIndex, index);
  }

  #openWindow(): void {
    this.window++;
    this.#inFlight = [];
    this.bytesInFlight = 0;
  }
}
