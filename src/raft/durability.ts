/**
 * What is on disk, what is on its way there, and the messages that must wait
 * for it. Writes complete in order; a message that promises something waits
 * for every write issued before it.
 */
import { assert } from "../base/assert.ts";
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

interface Held {
  readonly token: number;
  readonly to: PeerId;
  readonly message: RaftMessage;
}

export class Durability {
  /** Newest entry known to be on disk with the content the log has now. */
  durableIndex: number;
  #issuedToken = 0;
  #doneToken = 0;
  /** Newest write that carries the hard state. */
  #hardToken = 0;
  #writes: Write[] = [];
  #held: Held[] = [];
  // What the step under way has changed.
  #hardState: HardState | null = null;
  #truncateFrom: number | null = null;
  #entries: LogEntry[] = [];
  #damageLastIndex: number | null = null;
  #outbox: { readonly to: PeerId; readonly message: RaftMessage; readonly promises: Promises }[] = [];

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
    this.#outbox.push({ to, message, promises });
  }

  /**
   * Ends a step: one write with all its changes goes first, since entries that
   * the step commits must not reach the disk after their effect; then the
   * messages that may leave.
   */
  flush(effects: RaftEffect[], nowMs: number): void {
    const persist = this.#takeWrite(nowMs);
    if (persist !== null) effects.unshift(persist);
    for (const { to, message, promises } of this.#outbox) {
      const token = promises === "nothing" ? 0 : promises === "term" ? this.#hardToken : this.#issuedToken;
      if (token <= this.#doneToken) effects.push({ kind: "send", to, message });
      else this.#held.push({ token, to, message });
    }
    this.#outbox.length = 0;
  }

  /** Notes that writes up to `token` are on disk; their messages leave. */
  persisted(token: number, effects: RaftEffect[]): void {
    assert(token <= this.#issuedToken, `Write ${token} was never issued (last ${this.#issuedToken})`);
    if (token <= this.#doneToken) return;
    this.#doneToken = token;
    let count = 0;
    while ((this.#writes[count]?.token ?? Infinity) <= token) count++;
    const done = this.#writes.splice(0, count);
    // Entries that the step under way or a later write cuts off do not count: the disk may lose them again.
    let bound = this.#truncateFrom === null ? Number.POSITIVE_INFINITY : this.#truncateFrom - 1;
    for (const write of this.#writes) bound = Math.min(bound, (write.truncateFrom ?? Infinity) - 1);
    for (const write of done.reverse()) {
      if (write.lastIndex !== null) {
        this.durableIndex = Math.max(this.durableIndex, Math.min(write.lastIndex, bound));
      }
      bound = Math.min(bound, (write.truncateFrom ?? Infinity) - 1);
    }
    const held = this.#held;
    if (held.length === 0) return;
    this.#held = held.filter((message) => message.token > token);
    for (const message of held) {
      if (message.token <= token) effects.push({ kind: "send", to: message.to, message: message.message });
    }
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
    return {
      kind: "persist",
      token,
      ...(hardState === null ? {} : { hardState }),
      ...(truncateFrom === null ? {} : { truncateFrom }),
      entries,
      ...(damageLastIndex === null ? {} : { damageLastIndex }),
    };
  }
}
