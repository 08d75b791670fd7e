/**
 * Files fetched once for several tasks (FET-9; Mesos: slave/containerizer/fetcher.cpp).
 * Those who want the same file at the same time share one download. When the
 * files together are larger than allowed, those used longest ago go, but for
 * files that are being copied. Unlike Mesos' it needs no size beforehand: a file
 * that is too large is handed out once and removed. Begins empty.
 */
import { constants, mkdirSync, rmSync } from "node:fs";
import { chmod, copyFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fail, ok, type Result } from "../base/result.ts";

/** Brings the file to a path where nothing is. */
export type Bring = (path: string, signal: AbortSignal) => Promise<Result<void>>;

interface Entry {
  readonly path: string;
  readonly brought: Promise<Result<void>>;
  readonly abort: AbortController;
  users: number;
  /** Known once it is complete. */
  bytes?: number;
}

export class FetchCache {
  readonly #directory: string;
  readonly #maxBytes: number;
  /** The one used longest ago comes first. */
  readonly #entries = new Map<string, Entry>();
  #count = 0;

  /** @param directory of this process alone; what is in it is removed */
  constructor(directory: string, maxBytes: number) {
    this.#directory = directory;
    this.#maxBytes = maxBytes;
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** Copies the file to `target`, where nothing may be; brings it first unless that was done. */
  async copyTo(target: string, key: string, signal: AbortSignal, bring: Bring): Promise<Result<void>> {
    const entry = this.#entries.get(key) ?? this.#begin(bring);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.users++;
    try {
      const brought = await Promise.race([entry.brought, cancelled(signal)]);
      if (!brought.ok) return brought;
      await copyFile(entry.path, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      await chmod(target, 0o644);
      return ok(undefined);
    } finally {
      entry.users--;
      await this.#leave(key, entry);
    }
  }

  #begin(bring: Bring): Entry {
    const path = join(this.#directory, String(++this.#count));
    const abort = new AbortController();
    const entry: Entry = {
      path,
      abort,
      users: 0,
      brought: bring(path, abort.signal)
        .then(async (result) => {
          if (result.ok) entry.bytes = (await stat(path)).size;
          return result;
        })
        .catch((error: unknown) => fail(error instanceof Error ? error.message : String(error))),
    };
    return entry;
  }

  /** Nobody waits for what is not there yet, and what failed: it goes. Then there may be too much. */
  async #leave(key: string, entry: Entry): Promise<void> {
    if (entry.users === 0 && entry.bytes === undefined && this.#entries.get(key) === entry) {
      this.#entries.delete(key);
      entry.abort.abort();
      await entry.brought;
      await rm(entry.path, { force: true });
    }
    let bytes = 0;
    for (const one of this.#entries.values()) bytes += one.bytes ?? 0;
    for (const [oldKey, old] of this.#entries) {
      if (bytes <= this.#maxBytes) return;
      if (old.users > 0 || old.bytes === undefined) continue;
      this.#entries.delete(oldKey);
      bytes -= old.bytes;
      await rm(old.path, { force: true });
    }
  }
}

function cancelled(signal: AbortSignal): Promise<Result<void>> {
  return new Promise((resolve) => {
    const end = (): void => resolve(fail("cancelled"));
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}
