/**
 * Work that is too long for one turn, done in parts: a turn above 50 ms would hold up everybody. Each job is
 * a generator that tells after every part how many items it handled; jobs take turns, so that a long one
 * does not hold up the others.
 */
export type Job = Iterator<number, number>;

export class Later {
  readonly #jobs: Job[] = [];

  get pending(): boolean {
    return this.#jobs.length > 0;
  }

  add(job: Job): void {
    this.#jobs.push(job);
  }

  /** Does parts of what there is, until so many items were handled. */
  work(maxItems: number): void {
    for (let items = 0; items < maxItems; ) {
      const job = this.#jobs.shift();
      if (job === undefined) return;
      const part = job.next();
      items += 1 + part.value;
      if (part.done !== true) this.#jobs.push(job);
    }
  }
}

/**
 * Does something with each of the items, with a break after every `perPart` of them. `weigh` says for how
 * many items one was, once it is done.
 */
export function* inParts<T>(
  items: Iterable<T>,
  perPart: number,
  each: (item: T) => void,
  weigh: (item: T) => number = () => 1,
): Generator<number, number> {
  let count = 0;
  for (const item of items) {
    each(item);
    count += weigh(item);
    if (count < perPart) continue;
    yield count;
    count = 0;
  }
  return count;
}

/** The job for as long as somebody wants it. */
export function* whileWanted(isWanted: () => boolean, job: Job): Generator<number, number> {
  while (isWanted()) {
    const part = job.next();
    if (part.done === true) return part.value;
    yield part.value;
  }
  return 0;
}
