/** Containers that an earlier agent process started: their supervisors are no children of this one. */
import type { Container } from "./container-entry.ts";

/** Looks now and then whether they still live: a supervisor that was killed writes no exit record. */
export class RecoveredContainers {
  readonly #containers = new Set<Container>();
  readonly #intervalMs: number;
  readonly #look: (container: Container) => void;
  #sweep: ReturnType<typeof setInterval> | undefined;

  constructor(intervalMs: number, look: (container: Container) => void) {
    this.#intervalMs = intervalMs;
    this.#look = look;
  }

  add(container: Container): void {
    this.#containers.add(container);
    this.#sweep ??= setInterval(() => this.#containers.forEach(this.#look), this.#intervalMs);
  }

  delete(container: Container): void {
    this.#containers.delete(container);
  }

  has(container: Container): boolean {
    return this.#containers.has(container);
  }

  close(): void {
    clearInterval(this.#sweep);
  }
}
