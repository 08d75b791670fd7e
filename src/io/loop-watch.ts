/**
 * How long turns of this process's event loop take: nothing else is served meanwhile. A timer that should
 * fire after a few milliseconds fires late by as much as the turn in its way had left; that it waits for a
 * processor counts, too. It runs only while there is work, so that an idle process sleeps: single turns,
 * as heartbeats need, are measured to their own end and cause no timer.
 */

/** Distance of two looks: turns are measured too short by this at most. */
const LOOK_MS = 5;
/** Work that pauses for as long is over; half of what lies between two heartbeats of masters. */
const PAUSE_MS = 35;
/** A leader of seven masters has as many turns between two pauses when there is nothing to do. */
const SINGLE_TURNS_MAX = 8;
/** Upper ends of the histogram's classes; the last class has none. */
const UP_TO_MS = [5, 10, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1_000, 2_000, 5_000] as const;
/** The longest turn is that of the last minute, in parts of a few seconds. */
const PARTS = 12;
const PART_MS = 5_000;

/** The clock and timers it takes from its surroundings. */
export interface LoopClock {
  nowMs(): number;
  /** Processor time of this thread. */
  cpuMs(): number;
  after(delayMs: number, run: () => void): void;
  /** Calls back when all that this turn is to do is done. */
  atTurnEnd(run: () => void): void;
}

/** Processor time of this thread. */
export function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

const CLOCK: LoopClock = {
  nowMs: () => performance.now(),
  cpuMs: threadCpuMs,
  after: (delayMs, run) => void setTimeout(run, delayMs).unref(),
  atTurnEnd: (run) => void setImmediate(run),
};

export class LoopWatch {
  readonly #clock: LoopClock;
  readonly #turns = new Turns();
  /** The part of the same turns that was work: the rest waited for a processor, a disk, other processes. */
  readonly #work = new Turns();
  #looking = false;
  #touched = false;
  #endedAtMs = Number.NEGATIVE_INFINITY;
  /** Since the last pause. */
  #singleTurns = 0;
  /** Work that began may have parts in later turns. */
  #goesOn = false;

  constructor(clock: LoopClock = CLOCK) {
    this.#clock = clock;
  }

  /** There is work in this turn: to be called whenever some begins, after it was planned; cheap. */
  touch(): void {
    this.#touched = true;
    if (this.#looking) return;
    this.#looking = true;
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#endedAtMs > PAUSE_MS) this.#singleTurns = 0;
    if (this.#singleTurns < SINGLE_TURNS_MAX && !this.#goesOn) this.#lookAtTurn(nowMs);
    else this.#look(nowMs);
  }

  /** As {@link touch}, of work that may go on in later turns: a request, whose body is still to come. */
  touchLonger(): void {
    this.#goesOn = true;
    this.touch();
  }

  metrics(): Readonly<Record<string, number>> {
    const nowMs = this.#clock.nowMs();
    return {
      ...this.#turns.metrics("mesh/event_loop/turns", nowMs),
      ...this.#work.metrics("mesh/event_loop/work", nowMs),
    };
  }

  #lookAtTurn(nowMs: number): void {
    this.#singleTurns++;
    const beforeMs = this.#clock.cpuMs();
    this.#clock.atTurnEnd(() => {
      const endedMs = this.#add(nowMs, beforeMs);
      if (this.#goesOn) this.#look(endedMs);
      else this.#end(endedMs);
    });
  }

  #look(nowMs: number): void {
    this.#touched = false;
    this.#goesOn = false;
    const beforeMs = this.#clock.cpuMs();
    this.#clock.after(LOOK_MS, () => {
      const lookedMs = this.#add(nowMs + LOOK_MS, beforeMs);
      if (this.#touched) this.#look(lookedMs);
      else this.#end(lookedMs);
    });
  }

  #end(nowMs: number): void {
    this.#looking = false;
    this.#endedAtMs = nowMs;
  }

  /** A turn lasts since `sinceMs`, or had no part after it; the time now. */
  #add(sinceMs: number, cpuBeforeMs: number): number {
    const nowMs = this.#clock.nowMs();
    const ms = Math.max(0, nowMs - sinceMs);
    this.#turns.add(nowMs, ms);
    this.#work.add(nowMs, Math.min(ms, this.#clock.cpuMs() - cpuBeforeMs));
    return nowMs;
  }
}

/** Lengths of turns: a histogram since the start, and the longest of the last minute. */
class Turns {
  readonly #counts: number[] = new Array(UP_TO_MS.length + 1).fill(0);
  readonly #longestMs: number[] = new Array(PARTS).fill(0);
  #part = 0;

  add(nowMs: number, ms: number): void {
    const found = UP_TO_MS.findIndex((upToMs) => ms <= upToMs);
    const at = found < 0 ? UP_TO_MS.length : found;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#turnPart(nowMs);
    const slot = this.#part % PARTS;
    this.#longestMs[slot] = Math.max(this.#longestMs[slot] ?? 0, ms);
  }

  /** Each class counts those below it, too. */
  metrics(name: string, nowMs: number): Record<string, number> {
    this.#turnPart(nowMs);
    const metrics: Record<string, number> = { [`${name}/longest_ms`]: Math.max(...this.#longestMs) };
    let count = 0;
    UP_TO_MS.forEach((ms, i) => {
      count += this.#counts[i] ?? 0;
      metrics[`${name}/up_to_${ms}_ms`] = count;
    });
    metrics[`${name}/all`] = count + (this.#counts[UP_TO_MS.length] ?? 0);
    return metrics;
  }

  /** Empties the parts of the minute that began since the last look. */
  #turnPart(nowMs: number): void {
    const part = Math.floor(nowMs / PART_MS);
    for (let passed = Math.max(this.#part + 1, part - PARTS + 1); passed <= part; passed++) {
      this.#longestMs[passed % PARTS] = 0;
    }
    this.#part = Math.max(this.#part, part);
  }
}
