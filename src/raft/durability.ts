/**
 * What is on disk, what is on its way there, and the messages that must wait
 * for it. Writes complete in order; a message that promises something waits
 * for every write issued before it.
 */
import { AssertionError } from "../base/assert.ts";
import type { HardState, LogEntry, PeerId, RaftEffect, RaftMessage } from "./types.ts";

/**
 * - `nothing`: makes no promise, leaves at once.
 * - `term`: tells only a term, which must be durable.
 * - `all`: promises a vote or entries.
 */
export type Promises = "nothing" | "term" | "all";

interface Write {
  readonly token: number;
  /** Monotonic time at which it was issued. */
  readonly atMs: number;
  readonly truncateFrom: number | null;
  /** Newest entry written; null if none was. */
  readonly lastIndex: number | null;
}

type Send = Extract<RaftEffect, { kind: "send" }>;
type Persist = Extract<RaftEffect, { kind: "persist" }>;

interface Held {
  readonly token: number;
  readonly send: Send;
}

export class Durability {
  /** Newest entry known to be on disk with the content the log has now. */
  durableIndex: number;
  #issuedToken = 0;
  #doneToken = 0;
  /** Newest write that carries the hard state. */
  #hardToken = 0;
  #writes: Write[] = [];
  readonly #held: Held[] = [];
  // What the step under way has changed.
  #hardState: HardState | null = null;
  #truncateFrom: number | null = null;
  #entries: LogEntry[] = [];
  #damageLastIndex: number | null = null;
  readonly #outbox: Send[] = [];
  /** What each of them promises. */
  readonly #outboxPromises: Promises[] = [];

  constructor(durableIndex: number) {
    this.durableIndex = durableIndex;
  }

  /** True once the hard state in force is on disk. */
  get hardStateDurable(): boolean {
    return this.#hardState === null && this.#doneToken >= this.#hardToken;
  }

  /** Monotonic time since which the disk owes an answer; Infinity if it owes none. */
  get waitingSinceMs(): number {
    return this.#writes[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  boundDamage(lastIndex: number): void {
    this.#damageLastIndex = lastIndex;
  }

  append(entry: LogEntry): void {
    this.#entries.push(entry);
  }

  truncateFrom(index: number): void {
    while ((this.#entries.at(-1)?.index ?? 0) >= index) this.#entries.pop();
    this.#truncateFrom = Math.min(index, this.#truncateFrom ?? index);
    // From now on an older write of these indexes proves nothing (it wrote other content).
    this.durableIndex = Math.min(this.durableIndex, index - 1);
  }

  /** A transferred state replaced the log up to `index`, durably. */
  installed(index: number, keptLater: boolean): void {
    this.durableIndex = keptLater ? Math.max(this.durableIndex, index) : index;
  }

  send(to: PeerId, message: RaftMessage, promises: Promises): void {
    this.#outbox.push({ kind: "send", to, message });
    this.#outboxPromises.push(promises);
  }

  /**
   * Ends a step: one write with all its changes goes first, since entries that
   * the step commits must not reach the disk after their effect; then the
   * messages that may leave.
   */
  flush(effects: RaftEffect[], nowMs: number): void {
    const persist = this.#takeWrite(nowMs);
    if (persist !== null) effects.unshift(persist);
    if (this.#outbox.length === 0) return;
    for (let at = 0; at < this.#outbox.length; at++) {
      const send = this.#outbox[at] as Send;
      const promises = this.#outboxPromises[at];
      const token = promises === "nothing" ? 0 : promises === "term" ? this.#hardToken : this.#issuedToken;
      if (token <= this.#doneToken) effects.push(send);
      else this.#held.push({ token, send });
    }
    this.#outbox.length = 0;
    this.#outboxPromises.length = 0;
  }

  /** Notes that writes up to `token` are on disk; their messages leave. */
  persisted(token: number, effects: RaftEffect[]): void {
    if (token > this.#issuedToken) {
      throw new AssertionError(`Write ${token} was never issued (last ${this.#issuedToken})`);
    }
    if (token <= this.#doneToken) return;
    this.#doneToken = token;
    let count = 0;
    while ((this.#writes[count]?.token ?? Infinity) <= token) count++;
    // Entries that the step under way or a later write cuts off do not count: the disk may lose them again.
    let bound = this.#truncateFrom === null ? Number.POSITIVE_INFINITY : this.#truncateFrom - 1;
    for (let at = count; at < this.#writes.length; at++) {
      bound = Math.min(bound, (this.#writes[at]?.truncateFrom ?? Infinity) - 1);
    }
    for (let at = count - 1; at >= 0; at--) {
      const write = this.#writes[at] as Write;
      if (write.lastIndex !== null) {
        this.durableIndex = Math.max(this.durableIndex, Math.min(write.lastIndex, bound));
      }
      bound = Math.min(bound, (write.truncateFrom ?? Infinity) - 1);
    }
    if (count === this.#writes.length) this.#writes.length = 0;
    else this.#writes.splice(0, count);
    const held = this.#held;
    if (held.length === 0) return;
    let kept = 0;
    for (const waiting of held) {
      if (waiting.token <= token) effects.push(waiting.send);
      else held[kept++] = waiting;
    }
    held.length = kept;
  }

  #takeWrite(nowMs: number): RaftEffect | null {
    const truncateFrom = this.#truncateFrom;
    const hardState = this.#hardState;
    const entries = this.#entries;
    const damageLastIndex = this.#damageLastIndex;
    if ((hardState ?? truncateFrom ?? damageLastIndex) === null && entries.length === 0) return null;
    const token = ++this.#issuedToken;
    if (hardState !== null) this.#hardToken = token;
    this.#writes.push({ token, atMs: nowMs, truncateFrom, lastIndex: entries.at(-1)?.index ?? null });
    this.#hardState = null;
    this.#truncateFrom = null;
    this.#entries = [];
    this.#damageLastIndex = null;
    const persist: { -readonly [K in keyof Persist]: Persist[K] } = { kind: "persist", token, entries };
    if (hardState !== null) persist.hardState = hardState;
    if (truncateFrom !== null) persist.truncateFrom = truncateFrom;
    if (damageLastIndex !== null) persist.damageLastIndex = damageLastIndex;
    return persist;
  }
}
