/** The state that another master transfers, until it is in force. */
import { present } from "../base/assert.ts";
import type { SnapshotChunk } from "../raft/types.ts";
import { Registry } from "../registry/registry.ts";

export class StagedState {
  #registry: Registry | undefined;
  #done: SnapshotChunk | undefined;

  add(chunk: SnapshotChunk): void {
    if (chunk.sequence === 0) this.#registry = new Registry();
    this.#registry?.loadPart(chunk.records);
    this.#done = chunk.done ? chunk : undefined;
  }

  /** The whole state once its last chunk, named here, is in force on disk. */
  take(id: number, sequence: number): { readonly index: number; readonly registry: Registry } | undefined {
    const last = this.#done;
    if (last === undefined || last.id !== id || last.sequence !== sequence) return undefined;
    const registry = present(this.#registry, "A state that is in force came in chunks");
    registry.loadEnd();
    this.#registry = undefined;
    this.#done = undefined;
    return { index: last.snapshot.index, registry };
  }
}
