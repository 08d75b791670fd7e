/**
 * Work that several may want at once: it is done once, for all of them, and
 * given up when the last of them does. So much of it is under way at a time.
 */
export class SharedWork<T> {
  readonly #max: number;
  readonly #works = new Map<string, Work<T>>();
  /** Given up, and not yet at their ends. */
  readonly #ending = new Map<string, Promise<unknown>>();
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;

  constructor(max: number) {
    this.#max = max;
  }

  has(key: string): boolean {
    return this.#works.has(key);
  }

  /** Rejects with what `begin` rejects with; resolves to undefined when `signal` aborts before. */
  async join(
    key: string,
    signal: AbortSignal,
    begin: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    if (signal.aborted) return undefined;
    const work = this.#works.get(key) ?? this.#start(key, begin);
    work.waiting++;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const leave = (): void => resolve(undefined);
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([work.result, promise]);
    } finally {
      signal.removeEventListener("abort", leave);
      if (--work.waiting === 0 && this.#works.get(key) === work) {
        this.#giveUp(key, work);
      }
    }
  }

  /** Who comes now begins anew, once this has ended. */
  #giveUp(key: string, work: Work<T>): void {
    this.#works.delete(key);
    work.stop.abort();
    const over = (): void => {
      if (this.#ending.get(key) === ended) this.#ending.delete(key);
    };
    const ended = work.result.then(over, over);
    this.#ending.set(key, ended);
  }

  #start(key: string, begin: (signal: AbortSignal) => Promise<T>): Work<T> {
    const stop = new AbortController();
    const before = this.#ending.get(key);
    const result = this.#run(async () => {
      await before;
      return await begin(stop.signal);
    });
    const work: Work<T> = { stop, result, waiting: 0 };
    this.#works.set(key, work);
    const over = (): void => {
      if (this.#works.get(key) === work) this.#works.delete(key);
    };
    result.then(over, over);
    return work;
  }

  async #run(begin: () => Promise<T>): Promise<T> {
    if (this.#underWay < this.#max) this.#underWay++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await begin();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#underWay--;
      else next();
    }
  }
}

interface Work<T> {
  readonly stop: AbortController;
  readonly result: Promise<T>;
  waiting: number;
}
