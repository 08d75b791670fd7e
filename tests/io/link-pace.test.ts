/** Links share the time of a turn, and each keeps its order. */
import { describe, expect, test } from "bun:test";
import { LINK_UNREAD_MAX_BYTES, LINKS_TURN_MS } from "../../src/base/limits.ts";
import { LinkPace, type PaceDrivers, Unread } from "../../src/io/link-pace.ts";

/** Each piece of work takes a millisecond; turns come when the test says so. */
class Turns implements PaceDrivers {
  ms = 0;
  #planned: (() => void)[] = [];

  nowMs(): number {
    return this.ms;
  }

  later(run: () => void): void {
    this.#planned.push(run);
  }

  /** False: no turn was wanted. */
  turn(): boolean {
    const planned = this.#planned;
    this.#planned = [];
    for (const run of planned) run();
    return planned.length > 0;
  }
}

class Bench {
  readonly turns = new Turns();
  readonly pace = new LinkPace(this.turns);
  readonly handled: string[] = [];
  readonly rests: boolean[] = [];

  unread(name: string, pace: LinkPace | undefined = this.pace): Unread {
    const handle = (chunk: Uint8Array): void => {
      this.turns.ms++;
      this.handled.push(`${name}${chunk[0]}`);
    };
    return new Unread(pace, handle, (rests) => this.rests.push(rests));
  }

  /** What the next turn handled. */
  turn(): string[] {
    this.handled.length = 0;
    this.turns.turn();
    return [...this.handled];
  }
}

const chunk = (first: number, bytes = 1): Uint8Array => new Uint8Array(bytes).fill(first);

describe("links", () => {
  test("wait for the next turn when the time of this one is used, in the order they came", () => {
    const bench = new Bench();
    const links = Array.from({ length: 2 * LINKS_TURN_MS }, (_, i) => bench.unread(`${i}-`));
    for (const link of links) link.push(chunk(1));
    expect(bench.handled).toEqual(links.slice(0, LINKS_TURN_MS).map((_, i) => `${i}-1`));
    // Another piece of one that is done waits behind the others, one of those that wait behind its own first.
    links[0]?.push(chunk(2));
    links.at(-1)?.push(chunk(2));
    expect(bench.turn()).toEqual(links.slice(LINKS_TURN_MS).map((_, i) => `${i + LINKS_TURN_MS}-1`));
    expect(bench.turn()).toEqual(["0-2", `${links.length - 1}-2`]);
    expect(bench.turns.turn()).toBe(false);
  });

  test("plan no turn while little is to do, and then one at a time", () => {
    const bench = new Bench();
    const link = bench.unread("a");
    for (let i = 0; i < LINKS_TURN_MS; i++) link.push(chunk(i));
    expect(bench.turns.turn()).toBe(false);
    link.push(chunk(9));
    expect(bench.handled.length).toBe(LINKS_TURN_MS);
    expect(bench.turn()).toEqual(["a9"]);
    link.push(chunk(10));
    expect(bench.handled).toEqual(["a9", "a10"]);
  });

  test("in a hurry, or without a pace, wait for nothing", () => {
    const bench = new Bench();
    bench.turns.ms = 0;
    const [busy, urgent] = [bench.unread("busy"), bench.unread("urgent")];
    for (let i = 0; i <= LINKS_TURN_MS; i++) busy.push(chunk(i));
    urgent.push(chunk(1));
    // What waits already keeps its place.
    urgent.hurry();
    urgent.push(chunk(2));
    bench.handled.length = 0;
    const plain = new Unread(
      undefined,
      (bytes) => bench.handled.push(`plain${bytes[0]}`),
      () => {},
    );
    plain.push(chunk(1));
    expect(bench.handled).toEqual(["plain1"]);
    expect(bench.turn()).toEqual([`busy${LINKS_TURN_MS}`, "urgent1", "urgent2"]);
    bench.turns.ms = 0;
    for (let i = 0; i < 3 * LINKS_TURN_MS; i++) urgent.push(chunk(3));
    expect(bench.handled.filter((name) => name === "urgent3").length).toBe(3 * LINKS_TURN_MS);
  });

  test("let their senders wait when too much waits here", () => {
    const bench = new Bench();
    const [busy, link] = [bench.unread("busy"), bench.unread("a")];
    for (let i = 0; i < LINKS_TURN_MS; i++) busy.push(chunk(i));
    link.push(chunk(1, LINK_UNREAD_MAX_BYTES - 1));
    expect(bench.rests).toEqual([]);
    link.push(chunk(2));
    link.push(chunk(3));
    expect(bench.rests).toEqual([true]);
    expect(bench.turn()).toEqual(["a1", "a2", "a3"]);
    expect(bench.rests).toEqual([true, false]);
  });

  test("that are paused handle nothing; their end comes after what came before it", () => {
    const bench = new Bench();
    const [busy, link] = [bench.unread("busy"), bench.unread("a")];
    for (let i = 0; i < LINKS_TURN_MS; i++) busy.push(chunk(i));
    link.push(chunk(1));
    link.pause(true);
    link.atEnd(() => bench.handled.push("end"));
    expect(bench.turn()).toEqual([]);
    link.pause(false);
    expect(bench.turn()).toEqual(["a1", "end"]);
    link.atEnd(() => bench.handled.push("at once"));
    expect(bench.handled).toEqual(["a1", "end", "at once"]);
  });

  test("that are cleared forget what waits, and their end", () => {
    const bench = new Bench();
    const [busy, link] = [bench.unread("busy"), bench.unread("a")];
    for (let i = 0; i < LINKS_TURN_MS; i++) busy.push(chunk(i));
    link.push(chunk(1));
    link.atEnd(() => bench.handled.push("end"));
    link.clear();
    expect(bench.turn()).toEqual([]);
  });
});
