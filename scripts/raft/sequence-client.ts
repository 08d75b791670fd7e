/**
 * A client that writes growing numbers to a note of its own, one after the
 * other, on whatever master leads, and remembers the newest one that was
 * acknowledged.
 */
import type { NoteAnswer } from "../../src/io/note-link.ts";
import { type LinkPlace, NoteClient } from "./note-client.ts";

const RETRY_MS = 2;
/** Longest wait for one answer: a stopped master keeps its links open. */
const ANSWER_TIMEOUT_MS = 1_000;

export class SequenceClient {
  readonly key: string;
  /** Newest number that was acknowledged. */
  acknowledged = 0;
  acknowledgements = 0;
  readonly #places: readonly LinkPlace[];
  readonly #links: (NoteClient | undefined)[];
  #at = 0;
  #next = 1;
  #stopped = false;

  constructor(key: string, places: readonly LinkPlace[]) {
    this.key = key;
    this.#places = places;
    this.#links = places.map(() => undefined);
  }

  /** Writes until `stop`. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      const number = this.#next++;
      const status = await this.#put(number);
      if (status !== 200) {
        this.#at = (this.#at + 1) % this.#places.length;
        await Bun.sleep(RETRY_MS);
        continue;
      }
      this.acknowledged = number;
      this.acknowledgements++;
    }
    for (const link of this.#links) link?.close();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** 0: no answer; the number may have been stored. */
  async #put(number: number): Promise<number> {
    try {
      const link = await this.#link();
      const answer = await withTimeout(link.put(this.key, new TextEncoder().encode(String(number))));
      return answer?.status ?? 0;
    } catch {
      return 0;
    }
  }

  async #link(): Promise<NoteClient> {
    const known = this.#links[this.#at];
    if (known !== undefined && !known.ended) return known;
    const place = this.#places[this.#at];
    if (place === undefined) throw new Error("There are no masters");
    const link = await NoteClient.connect(place);
    this.#links[this.#at] = link;
    return link;
  }
}

/** The answer, or undefined when none comes in time. */
async function withTimeout(answer: Promise<NoteAnswer>): Promise<NoteAnswer | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ANSWER_TIMEOUT_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
