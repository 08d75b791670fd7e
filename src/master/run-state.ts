/** What the pump writes to the store and reads from it: for the state, an iteration for each receiver. */
import { SNAPSHOT_CHUNK_MAX_BYTES } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import type { NodeEffect, NodeInput, NodeStore } from "./node.ts";

type StateReader = Awaited<ReturnType<NodeStore["readState"]>>;

type EffectOf<K extends NodeEffect["kind"]> = Extract<NodeEffect, { readonly kind: K }>;

export class StateReaders {
  readonly #store: NodeStore;
  readonly #log: Log;
  readonly #readers = new Map<string, StateReader>();

  constructor(store: NodeStore, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  /** The next chunk; sequence 0 begins a new iteration. */
  async read({ to, id, sequence }: EffectOf<"read-snapshot">): Promise<NodeInput> {
    try {
      if (sequence === 0) {
        this.close(to);
        this.#readers.set(to, await this.#store.readState());
      }
      const reader = this.#readers.get(to);
      if (reader === undefined) throw new Error(`No iteration is open for ${to}`);
      const { appliedIndex } = reader;
      const { records, done } = await reader.next(SNAPSHOT_CHUNK_MAX_BYTES);
      return { kind: "snapshot-read", to, id, sequence, appliedIndex, records, done };
    } catch (error) {
      this.#log.warn("Reading the state for another master failed", { to, error: String(error) });
      return { kind: "snapshot-failed", to, id };
    }
  }

  /** A write that fails never resolves; the store reports it and the process ends. */
  async write({ token, write }: EffectOf<"write">): Promise<NodeInput | undefined> {
    await this.#store.write(write);
    return token === undefined ? undefined : { kind: "persisted", token };
  }

  async entries({ peer, from, to, maxBytes }: EffectOf<"read-entries">): Promise<NodeInput> {
    const entries = await this.#store.readEntries(from, to, maxBytes);
    return { kind: "entries-read", peer, entries };
  }

  async stage({ chunk }: EffectOf<"stage-snapshot">): Promise<NodeInput> {
    await this.#store.stageSnapshot(chunk);
    return { kind: "snapshot-staged", id: chunk.id, sequence: chunk.sequence };
  }

  close(to: string): void {
    void this.#readers.get(to)?.close();
    this.#readers.delete(to);
  }

  closeAll(): void {
    for (const to of [...this.#readers.keys()]) this.close(to);
  }
}
