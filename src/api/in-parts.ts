/**
 * Long answers, made in parts: while a turn of the event loop lasts the master hears and answers nobody
 * (docs/decisions/015-short-turns.md). What there is to do for answers shares one slice of time a turn;
 * work that needs more waits for a turn of its own, first come, first served. What fits into one slice
 * never waits.
 *
 * What a reader sees of changes that happen meanwhile: each task, agent and framework is of one moment, the
 * whole is not. Which of them are shown is settled when their list is begun, so that none is left out or
 * shown twice because it changed. A master that stops leading ends an answer it has begun from what it
 * knew as the leader.
 */
import { ANSWER_SLICE_MS } from "../base/limits.ts";
import type { JsonText } from "./json-text.ts";

export interface SliceDrivers {
  /** Grows evenly; from any start. */
  nowMs(): number;
  /** Calls `run` in a later turn of the event loop, after what came in meanwhile. */
  later(run: () => void): void;
}

const REAL: SliceDrivers = {
  nowMs: () => performance.now(),
  later: (run) => void setImmediate(run),
};

/** The time that the answers of one process may take in a turn. */
export class Slices {
  readonly #drivers: SliceDrivers;
  /** End of the slice of this turn; undefined when none is begun. */
  #endMs: number | undefined;
  readonly #waiting: (() => void)[] = [];

  constructor(drivers: SliceDrivers = REAL) {
    this.#drivers = drivers;
  }

  /** Nothing more should be done in this turn. */
  get usedUp(): boolean {
    const nowMs = this.#drivers.nowMs();
    if (this.#endMs === undefined) this.#begin(nowMs);
    return this.#endMs !== undefined && nowMs >= this.#endMs;
  }

  /** Resolves in a later turn, with a new slice. */
  giveWay(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    if (this.#endMs === undefined) this.#begin(this.#drivers.nowMs());
    return promise;
  }

  /** Does something with each of the items. */
  async each<T>(items: Iterable<T>, use: (item: T) => void): Promise<void> {
    for (const item of items) {
      use(item);
      if (this.usedUp) await this.giveWay();
    }
  }

  /** What comes out of work in steps. */
  async finish<T>(steps: Iterator<unknown, T>): Promise<T> {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      if (this.usedUp) await this.giveWay();
    }
  }

  async gather<T>(items: Iterable<T>): Promise<T[]> {
    const all: T[] = [];
    await this.each(items, (item) => all.push(item));
    return all;
  }

  #begin(nowMs: number): void {
    this.#endMs = nowMs + ANSWER_SLICE_MS;
    this.#drivers.later(() => this.#turn());
  }

  #turn(): void {
    this.#endMs = undefined;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#begin(this.#drivers.nowMs());
    next();
  }
}

/** A short body whole, a long one as the UTF-8 of its parts. */
export type Body = string | readonly Uint8Array[];

/** What stands for a member's value: its text, or what writes it. */
export type MemberValue = JsonText | undefined | (() => Promise<void>);

const utf8 = new TextEncoder();

/** Writes one JSON document, from its beginning to its end. */
export class DocumentWriter {
  readonly slices: Slices;
  #text = "";
  readonly #parts: Uint8Array[] = [];

  constructor(slices: Slices) {
    this.slices = slices;
  }

  /** Members that are undefined are left out. Keys are plain names. */
  async object(members: Readonly<Record<string, MemberValue>>): Promise<void> {
    let before = "{";
    for (const key in members) {
      const value = members[key];
      if (value === undefined) continue;
      this.#text += `${before}"${key}":`;
      before = ",";
      if (typeof value === "string") this.#text += value;
      else await value();
    }
    this.#text += before === "{" ? "{}" : "}";
  }

  async list<T>(items: Iterable<T>, encode: (item: T) => JsonText): Promise<void> {
    let before = "[";
    for (const item of items) {
      this.#text += before + encode(item);
      before = ",";
      if (this.slices.usedUp) await this.#giveWay();
    }
    this.#text += before === "[" ? "[]" : "]";
  }

  /** A list of what may be long by itself. */
  async listOfLong<T>(items: Iterable<T>, write: (item: T) => Promise<void>): Promise<void> {
    let before = "[";
    for (const item of items) {
      this.#text += before;
      before = ",";
      await write(item);
      if (this.slices.usedUp) await this.#giveWay();
    }
    this.#text += before === "[" ? "[]" : "]";
  }

  /** The document, once. */
  end(): Body {
    if (this.#parts.length === 0) return this.#text;
    this.#parts.push(utf8.encode(this.#text));
    return this.#parts;
  }

  async #giveWay(): Promise<void> {
    if (this.#text !== "") this.#parts.push(utf8.encode(this.#text));
    this.#text = "";
    await this.slices.giveWay();
  }
}

/** Sorts as Array.sort does, equal items in their order. */
export async function sortInParts<T>(
  slices: Slices,
  items: readonly T[],
  compare: (a: T, b: T) => number,
): Promise<T[]> {
  let runs: T[][] = [];
  for (let at = 0; at < items.length; at += RUN_ITEMS) {
    runs.push(items.slice(at, at + RUN_ITEMS).sort(compare));
    if (slices.usedUp) await slices.giveWay();
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let i = 0; i < runs.length; i += 2) {
      merged.push(await slices.gather(merge(runs[i] ?? [], runs[i + 1] ?? [], compare)));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

/** So many are sorted at once. */
const RUN_ITEMS = 1_000;

function* merge<T>(left: readonly T[], right: readonly T[], compare: (a: T, b: T) => number): Generator<T> {
  let at = 0;
  for (const item of left) {
    for (let other = right[at]; other !== undefined && compare(other, item) < 0; other = right[++at]) {
      yield other;
    }
    yield item;
  }
  while (at < right.length) yield right[at++] as T;
}
