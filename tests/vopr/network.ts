/** Datagrams between members, and clients and members: late, lost, repeated, out of order, cut off. */
import type { Random } from "../../src/base/random.ts";
import type { World } from "../sim/world.ts";
import type { NetworkOptions } from "./options.ts";

/** "from>to". */
export type Path = `${string}>${string}`;

const FAULTLESS: NetworkOptions = {
  lossPercent: 0,
  repeatPercent: 0,
  latencyMinMs: 0.1,
  latencyMeanMs: 1,
  reorders: false,
  encoded: false,
};

export class Network {
  readonly #world: World;
  readonly #random: Random;
  #options: NetworkOptions;
  /** Cuts in force; overlapping ones are counted. */
  readonly #cuts = new Map<Path, number>();
  /** Messages of a clogged path arrive after this time. */
  readonly #cloggedUntilMs = new Map<Path, number>();
  /** Latest arrival so far on paths that keep the order. */
  readonly #lastArrivalMs = new Map<Path, number>();

  constructor(world: World, options: NetworkOptions) {
    this.#world = world;
    this.#random = world.fork();
    this.#options = options;
  }

  get encoded(): boolean {
    return this.#options.encoded;
  }

  cut(paths: readonly Path[]): void {
    for (const path of paths) this.#cuts.set(path, (this.#cuts.get(path) ?? 0) + 1);
  }

  mend(paths: readonly Path[]): void {
    for (const path of paths) {
      const count = this.#cuts.get(path) ?? 0;
      if (count > 1) this.#cuts.set(path, count - 1);
      else this.#cuts.delete(path);
    }
  }

  isCut(path: Path): boolean {
    return this.#cuts.has(path);
  }

  /** Holds back what is sent on a path from now on. */
  clog(path: Path, forMs: number): void {
    this.#cloggedUntilMs.set(path, this.#world.nowMs + forMs);
  }

  /** From now on everything gets through, soon. */
  heal(): void {
    this.#options = FAULTLESS;
    this.#cuts.clear();
    this.#cloggedUntilMs.clear();
  }

  send(path: Path, deliver: () => void): void {
    const { repeatPercent } = this.#options;
    this.sendOnce(path, deliver);
    if (repeatPercent > 0 && this.#random.below(100) < repeatPercent) this.sendOnce(path, deliver);
  }

  /** May be lost, but never comes twice. */
  sendOnce(path: Path, deliver: () => void): void {
    const { lossPercent } = this.#options;
    if (this.#cuts.size > 0 && this.#cuts.has(path)) return;
    if (lossPercent > 0 && this.#random.below(100) < lossPercent) return;
    this.#carry(path, deliver);
  }

  #carry(path: Path, deliver: () => void): void {
    const { latencyMinMs, latencyMeanMs, reorders } = this.#options;
    // Exponential: mostly short, now and then long.
    const latencyMs = latencyMinMs - latencyMeanMs * Math.log(1 - this.#random.fraction());
    let arrivalMs = Math.max(this.#world.nowMs, this.#cloggedUntilMs.get(path) ?? 0) + latencyMs;
    if (!reorders) {
      arrivalMs = Math.max(arrivalMs, this.#lastArrivalMs.get(path) ?? 0);
      this.#lastArrivalMs.set(path, arrivalMs);
    }
    this.#world.after(arrivalMs - this.#world.nowMs, () => {
      if (!this.#cuts.has(path)) deliver();
    });
  }
}
