/**
 * Requests that wait for an answer, most of them for a commit. One that waits
 * too long is given up: the disk may be full, or a majority away, and clients
 * should hear of that instead of waiting for ever.
 */
import { REQUEST_WAIT_MAX_MS } from "../base/limits.ts";
import type { CallAnswer } from "./port.ts";
import type { AnswerRef, StreamId } from "./types.ts";

/** A request, or a subscription that has not had its first event. */
export type WaitKey = AnswerRef | StreamId;

interface Wait {
  readonly untilMs: number;
  readonly answer: (answer: CallAnswer) => void;
}

export class Waits {
  /** In the order asked, which is that of their ends. */
  readonly #waits = new Map<WaitKey, Wait>();
  /** End of the oldest; undefined: look for it. */
  #nextMs: number | undefined = Number.POSITIVE_INFINITY;

  add(key: WaitKey, nowMs: number, answer: (answer: CallAnswer) => void): void {
    const untilMs = nowMs + REQUEST_WAIT_MAX_MS;
    this.#waits.set(key, { untilMs, answer });
    if (this.#waits.size === 1) this.#nextMs = untilMs;
  }

  /** Nothing, if it was answered or given up before. */
  answer(key: WaitKey, answer: CallAnswer): void {
    const wait = this.#waits.get(key);
    this.done(key);
    wait?.answer(answer);
  }

  /** It has what it waited for. */
  done(key: WaitKey): void {
    if (!this.#waits.delete(key)) return;
    this.#nextMs = this.#waits.size === 0 ? Number.POSITIVE_INFINITY : undefined;
  }

  /** Monotonic time at which the next one is given up; Infinity if none waits. */
  nextMs(): number {
    this.#nextMs ??= this.#waits.values().next().value?.untilMs ?? Number.POSITIVE_INFINITY;
    return this.#nextMs;
  }

  giveUp(nowMs: number, why: () => string): void {
    if (nowMs < this.nextMs()) return;
    for (const [key, { untilMs }] of this.#waits) {
      if (untilMs > nowMs) return;
      this.answer(key, { status: 503, body: why() });
    }
  }

  close(answer: CallAnswer): void {
    for (const key of [...this.#waits.keys()]) this.answer(key, answer);
  }
}
