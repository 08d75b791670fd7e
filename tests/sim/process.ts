/**
 * One operating-system process: it starts, dies and may be paused (SIGSTOP, a
 * long collection of garbage). What was meant for a process that died is void;
 * what reaches a paused one waits for it.
 */
import type { Instant } from "../../src/base/time.ts";
import type { World } from "./world.ts";

/** Monotonic clocks have any origin: each life of a process gets another one. */
const CLOCK_ORIGIN_MAX_MS = 1_000_000;

export class Process {
  readonly #world: World;
  /** How far the machine's wall clock is ahead of the world's. */
  readonly #wallSkewMs: number;
  #life = 0;
  #originMs = 0;
  #alive = false;
  #held: (() => void)[] | undefined;

  constructor(world: World, wallSkewMs = 0) {
    this.#world = world;
    this.#wallSkewMs = wallSkewMs;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get paused(): boolean {
    return this.#held !== undefined;
  }

  /** Alive and not paused: somebody who asks gets an answer. */
  get answers(): boolean {
    return this.#alive && this.#held === undefined;
  }

  /** The process's own clocks. */
  get now(): Instant {
    const { monotonicMs, wallMs } = this.#world.now;
    return { monotonicMs: monotonicMs + this.#originMs, wallMs: wallMs + this.#wallSkewMs };
  }

  /** World time of an instant of the process's monotonic clock. */
  worldMs(monotonicMs: number): number {
    return monotonicMs - this.#originMs;
  }

  start(originMs: number): void {
    this.#life++;
    this.#alive = true;
    this.#originMs = originMs % CLOCK_ORIGIN_MAX_MS;
  }

  kill(): void {
    this.#life++;
    this.#alive = false;
    this.#held = undefined;
  }

  pause(): void {
    if (this.#alive) this.#held ??= [];
  }

  resume(): void {
    const held = this.#held;
    this.#held = undefined;
    for (const event of held ?? []) event();
  }

  /** Runs `event` after a delay, if the process still lives then. */
  after(delayMs: number, event: () => void): void {
    const guarded = this.guard(event);
    this.#world.after(delayMs, guarded);
  }

  /** `event` for this life only; while the process is paused it is held back. */
  guard(event: () => void): () => void {
    const life = this.#life;
    const guarded = (): void => {
      if (life !== this.#life || !this.#alive) return;
      if (this.#held === undefined) event();
      else this.#held.push(guarded);
    };
    return guarded;
  }
}
