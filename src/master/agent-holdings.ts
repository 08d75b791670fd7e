import type { Holding } from "./memory.ts";

/**
 * What tasks hold on one agent, by `taskKey`. A new leader adopts a million
 * holdings and asks for most of them only when their agents come back, so the
 * adopted ones are sorted in at the first question; ids are shared with the
 * registry's records.
 */
export class AgentHoldings {
  /** Not sorted in yet. */
  #adopted: readonly Holding[] = [];
  readonly #byFramework = new Map<string, Map<string, Holding>>();

  /** Takes over many at once; they replace what is there of the same tasks. */
  adopt(holdings: readonly Holding[]): void {
    this.#sortIn();
    if (this.#byFramework.size === 0) this.#adopted = holdings;
    else for (const holding of holdings) this.#put(holding);
  }

  get(key: string): Holding | undefined {
    this.#sortIn();
    const slash = key.indexOf("/");
    return this.#byFramework.get(key.slice(0, slash))?.get(key.slice(slash + 1));
  }

  add(holding: Holding): void {
    this.#sortIn();
    this.#put(holding);
  }

  /** False if nothing was held. */
  delete(key: string): boolean {
    this.#sortIn();
    const slash = key.indexOf("/");
    const frameworkId = key.slice(0, slash);
    const holdings = this.#byFramework.get(frameworkId);
    if (holdings?.delete(key.slice(slash + 1)) !== true) return false;
    if (holdings.size === 0) this.#byFramework.delete(frameworkId);
    return true;
  }

  get size(): number {
    let size = this.#adopted.length;
    for (const holdings of this.#byFramework.values()) size += holdings.size;
    return size;
  }

  *values(): Iterable<Holding> {
    yield* this.#adopted;
    for (const holdings of this.#byFramework.values()) yield* holdings.values();
  }

  #sortIn(): void {
    if (this.#adopted.length === 0) return;
    const adopted = this.#adopted;
    this.#adopted = [];
    for (const holding of adopted) this.#put(holding);
  }

  #put(holding: Holding): void {
    let holdings = this.#byFramework.get(holding.frameworkId);
    if (holdings === undefined) {
      holdings = new Map();
      this.#byFramework.set(holding.frameworkId, holdings);
    }
    holdings.set(holding.taskId, holding);
  }
}
