/**
 * The computer a member runs on: its clocks, and whether the member's process
 * lives. What was meant for a process that died is void; what reaches a paused
 * one (SIGSTOP, a long collection of garbage) waits for it.
 */
import type { Random } from "../../src/base/random.ts";
import type { Instant } from "../../src/base/time.ts";
import type { World } from "../sim/world.ts";

/** Monotonic clocks have any origin: each life of a process gets another one. */
const CLOCK_ORIGIN_MAX_MS = 1_000_000;
const WALL_JUMP_MAX_MS = 86_400_000;

export class Machine {
  readonly #world: World;
  readonly #random: Random;
  /** Monotonic milliseconds that pass in one of the world's. */
  #rate: number;
  #wallOffsetMs = 0;
  #originMs = 0;
  #startedMs = 0;
  #life = 0;
  #alive = false;
  #held: (() => void)[] | null = null;

  constructor(world: World, driftMax: number) {
    this.#world = world;
    this.#random = world.fork();
    this.#rate = 1 + driftMax * (2 * this.#random.fraction() - 1);
  }

  get alive(): boolean {
    return this.#alive;
  }

  get answers(): boolean {
    return this.#alive && this.#held === null;
  }

  /** Counts lives; a number that changed means another process. */
  get life(): number {
    return this.#life;
  }

  get now(): Instant {
    const monotonicMs = this.#originMs + (this.#world.nowMs - this.#startedMs) * this.#rate;
    return { monotonicMs, wallMs: this.#world.now.wallMs + this.#wallOffsetMs };
  }

  start(): void {
    this.#life++;
    this.#alive = true;
    this.#originMs = this.#random.below(CLOCK_ORIGIN_MAX_MS);
    this.#startedMs = this.#world.nowMs;
  }

  kill(): void {
    this.#life++;
    this.#alive = false;
    this.#held = null;
  }

  pause(): void {
    if (this.#alive) this.#held ??= [];
  }

  /** Runs what waited, `between` after each. */
  resume(between: () => void): void {
    const held = this.#held;
    this.#held = null;
    for (const event of held ?? []) {
      event();
      between();
    }
  }

  /** The monotonic clock runs as fast as the world's from now on. */
  steadyClock(): void {
    this.#originMs = this.now.monotonicMs;
    this.#startedMs = this.#world.nowMs;
    this.#rate = 1;
  }

  jumpWallClock(): void {
    this.#wallOffsetMs += this.#random.between(-WALL_JUMP_MAX_MS, WALL_JUMP_MAX_MS);
  }

  /** Runs `event` after a delay of the process's own clock, if it still lives then. */
  after(delayMs: number, event: () => void): void {
    this.#world.after(delayMs / this.#rate, this.guard(event));
  }

  /** `event` for this life only; while the process is paused it is held back. */
  guard(event: () => void): () => void {
    const life = this.#life;
    const guarded = (): void => {
      if (life !== this.#life) return;
      if (this.#held === null) event();
      else this.#held.push(guarded);
    };
    return guarded;
  }
}
