/**
 * Thousands of links may bring something in one turn of the event loop, and the runtime hands all of it over
 * at once. What takes longer than links may in a turn waits for the next one, in the order it came.
 */
import { LINK_UNREAD_MAX_BYTES, LINKS_TURN_MS } from "../base/limits.ts";

export interface PaceDrivers {
  /** Grows evenly; from any start. */
  nowMs(): number;
  /** Calls `run` in a later turn of the event loop. */
  later(run: () => void): void;
}

const REAL: PaceDrivers = {
  nowMs: () => performance.now(),
  later: (run) => void setImmediate(run),
};

/** The time that the links of one process share. */
export class LinkPace {
  readonly #drivers: PaceDrivers;
  #waiting: (() => void)[] = [];
  /** Of the time for this turn; counts on while nothing waits, so that no turn has to be planned for it. */
  #usedMs = 0;

  constructor(drivers: PaceDrivers = REAL) {
    this.#drivers = drivers;
  }

  /** Does it now if there is time and nothing waits, in a later turn otherwise. */
  run(work: () => void): void {
    if (this.hasTime) this.#spend(work);
    else this.wait(work);
  }

  /** Hands `value` to `work` now; to be asked for only while there is time. */
  give<T>(work: (value: T) => void, value: T): void {
    const startMs = this.#drivers.nowMs();
    work(value);
    this.#usedMs += this.#drivers.nowMs() - startMs;
  }

  get hasTime(): boolean {
    return this.#usedMs < LINKS_TURN_MS && this.#waiting.length === 0;
  }

  /** Does it in a later turn, behind what waits already. */
  wait(work: () => void): void {
    if (this.#waiting.push(work) === 1) this.#drivers.later(() => this.#turn());
  }

  #spend(work: () => void): void {
    const startMs = this.#drivers.nowMs();
    work();
    this.#usedMs += this.#drivers.nowMs() - startMs;
  }

  #turn(): void {
    this.#usedMs = 0;
    let done = 0;
    while (done < this.#waiting.length && this.#usedMs < LINKS_TURN_MS) {
      this.#spend(this.#waiting[done++] as () => void);
    }
    this.#waiting = this.#waiting.slice(done);
    if (this.#waiting.length > 0) this.#drivers.later(() => this.#turn());
  }
}

/** What came on one link and was not handled yet. */
export class Unread {
  readonly #pace: LinkPace | undefined;
  readonly #handle: (chunk: Uint8Array) => void;
  /** Stops and continues the sender. */
  readonly #rest: (rests: boolean) => void;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #rests = false;
  #planned = false;
  #paused = false;
  #urgent = false;
  #atEnd: (() => void) | undefined;

  /** Without a pace everything is handled at once. */
  constructor(
    pace: LinkPace | undefined,
    handle: (chunk: Uint8Array) => void,
    rest: (rests: boolean) => void,
  ) {
    this.#pace = pace;
    this.#handle = handle;
    this.#rest = rest;
  }

  /** What comes from now on is handled at once. */
  hurry(): void {
    this.#urgent = true;
  }

  push(chunk: Uint8Array): void {
    const pace = this.#pace;
    if (this.#chunks.length === 0 && !this.#planned) {
      if (pace === undefined || this.#urgent) {
        this.#handle(chunk);
        return;
      }
      if (pace.hasTime) {
        pace.give(this.#handle, chunk);
        return;
      }
    }
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= LINK_UNREAD_MAX_BYTES && !this.#rests) {
      this.#rests = true;
      this.#rest(true);
    }
    this.#plan();
  }

  /** While paused nothing of what waits is handled. */
  pause(paused: boolean): void {
    this.#paused = paused;
    if (!paused) this.#plan();
  }

  /** Calls `run` once all is handled: now if nothing waits. */
  atEnd(run: () => void): void {
    this.#atEnd = run;
    if (this.#chunks.length === 0) this.#end();
  }

  clear(): void {
    this.#chunks = [];
    this.#bytes = 0;
    this.#atEnd = undefined;
  }

  #plan(): void {
    if (this.#planned || this.#paused || this.#chunks.length === 0) return;
    this.#planned = true;
    if (this.#pace === undefined) this.#next();
    else this.#pace.wait(() => this.#next());
  }

  #next(): void {
    this.#planned = false;
    if (this.#paused) return;
    const chunk = this.#chunks.shift();
    if (chunk === undefined) return;
    this.#bytes -= chunk.length;
    this.#handle(chunk);
    if (this.#chunks.length > 0) {
      this.#plan();
      return;
    }
    if (this.#rests) {
      this.#rests = false;
      this.#rest(false);
    }
    this.#end();
  }

  #end(): void {
    const run = this.#atEnd;
    this.#atEnd = undefined;
    run?.();
  }
}
