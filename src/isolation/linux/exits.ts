import { type FSWatcher, watch } from "node:fs";
import { FILE_EVENT_LOOK_AGAIN_MS } from "../../base/limits.ts";

/**
 * Tells when a file in the events directory appears or changes (inotify). A
 * hint only, as events can be lost when the kernel's queue is full: who waits
 * must look at the file, and look again from time to time.
 */
export class EventFiles {
  readonly #listeners = new Map<string, () => void>();
  readonly #watcher: FSWatcher;
  /** Names of files to be looked at once more, by when. */
  readonly #again = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(directory: string) {
    this.#watcher = watch(directory, (_, name) => {
      if (name === null || !this.#listeners.has(name)) return;
      this.#lookAgain(name);
      this.#listeners.get(name)?.();
    });
  }

  /** One listener for each file name. It is called for a change once or more often. */
  listen(name: string, listener: () => void): void {
    this.#listeners.set(name, listener);
  }

  /** After the last event that was told. */
  #lookAgain(name: string): void {
    clearTimeout(this.#again.get(name));
    const timer = setTimeout(() => {
      this.#again.delete(name);
      this.#listeners.get(name)?.();
    }, FILE_EVENT_LOOK_AGAIN_MS);
    this.#again.set(name, timer);
  }

  forget(name: string): void {
    this.#listeners.delete(name);
    clearTimeout(this.#again.get(name));
    this.#again.delete(name);
  }

  close(): void {
    this.#watcher.close();
    for (const timer of this.#again.values()) clearTimeout(timer);
    this.#again.clear();
  }
}
