import { type FSWatcher, watch } from "node:fs";

/**
 * Tells when a file in the events directory appears or changes (inotify). A
 * hint only, as events can be lost when the kernel's queue is full: who waits
 * must look at the file, and look again from time to time.
 */
export class EventFiles {
  readonly #listeners = new Map<string, () => void>();
  readonly #watcher: FSWatcher;

  constructor(directory: string) {
    this.#watcher = watch(directory, (_, name) => {
      if (name !== null) this.#listeners.get(name)?.();
    });
  }

  /** One listener for each file name. */
  listen(name: string, listener: () => void): void {
    this.#listeners.set(name, listener);
  }

  forget(name: string): void {
    this.#listeners.delete(name);
  }

  close(): void {
    this.#watcher.close();
  }
}
