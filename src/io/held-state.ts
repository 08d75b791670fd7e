/**
 * Changes of the state that wait to be written together. They follow from
 * entries of the log, so a crash loses nothing but the work of applying these
 * again. Until then a key that changes often is written once, and the synced
 * writes, which somebody waits for, carry entries alone.
 */
import type { LevelOperation } from "./level.ts";

export class HeldState {
  /** By key; in the order of the last change. */
  readonly #operations = new Map<string, LevelOperation>();
  /** Of the entry whose effect the changes complete; null when nothing waits. */
  appliedIndex: number | null = null;
  bytes = 0;

  put(operation: LevelOperation): void {
    const name = Buffer.from(operation.key).toString("latin1");
    this.bytes += sizeOf(operation) - sizeOf(this.#operations.get(name));
    this.#operations.set(name, operation);
  }

  /** All that waits; nothing does then. */
  take(): LevelOperation[] {
    const operations = [...this.#operations.values()];
    this.#operations.clear();
    this.appliedIndex = null;
    this.bytes = 0;
    return operations;
  }
}

function sizeOf(operation: LevelOperation | undefined): number {
  if (operation === undefined) return 0;
  return operation.key.length + (operation.type === "put" ? operation.value.length : 0);
}
