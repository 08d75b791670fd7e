/** What the pump writes to the store and reads from it: for the state, an iteration for each receiver. */
import { SNAPSHOT_CHUNK_MAX_BYTES } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import type { NodeEffect, NodeInput, NodeStore } from "./node.ts";

type StateReader = Awaited<ReturnType<NodeStore["readState"]>>;

type EffectOf<K extends NodeEffect["kind"]> = Extract<NodeEffect, { readonly kind: K }>;

/** What the node wants of its disk. */
export type StoreEffect = EffectOf<
  "write" | "read-entries" | "read-snapshot" | "close-snapshot" | "stage-snapshot"
>;

/** Where the answers go. */
export interface StoreAnswers {
  push(input: NodeInput): void;
  fail(what: string, error: unknown): void;
}

export class StoreDriver {
  readonly #store: NodeStore;
  readonly #log: Log;
  readonly #answers: StoreAnswers;
  /** Of transfers that are under way, by receiver; without a reader while it is being opened. */
  readonly #iterations = new Map<string, { reader?: StateReader }>();

  constructor(store: NodeStore, log: Log, answers: StoreAnswers) {
    this.#store = store;
    this.#log = log;
    this.#answers = answers;
  }

  carryOut(effect: StoreEffect): void {
    switch (effect.kind) {
      case "write":
        this.#write(effect);
        return;
      case "read-entries":
        this.#later(this.#entries(effect), "Reading entries of the log failed");
        return;
      case "read-snapshot":
        void this.#read(effect).then((input) => this.#answers.push(input));
        return;
      case "close-snapshot":
        this.#close(effect.to);
        return;
      case "stage-snapshot":
        this.#later(this.#stage(effect), "Storing transferred state failed");
    }
  }

  closeAll(): void {
    for (const to of [...this.#iterations.keys()]) this.#close(to);
  }

  /** A write that fails never resolves; the store reports it and the process ends. */
  #write({ token, write }: EffectOf<"write">): void {
    const written = this.#store.write(write);
    if (token !== undefined) void written.then(() => this.#answers.push({ kind: "persisted", token }));
  }

  #later(input: Promise<NodeInput>, failure: string): void {
    input.then(
      (value) => this.#answers.push(value),
      (error: unknown) => this.#answers.fail(failure, error),
    );
  }

  /** The next chunk; sequence 0 begins a new iteration. */
  async #read({ to, id, sequence }: EffectOf<"read-snapshot">): Promise<NodeInput> {
    try {
      const reader = sequence === 0 ? await this.#open(to) : this.#iterations.get(to)?.reader;
      // The transfer ended meanwhile.
      if (reader === undefined) return { kind: "snapshot-failed", to, id };
      const { appliedIndex } = reader;
      const { records, done } = await reader.next(SNAPSHOT_CHUNK_MAX_BYTES);
      return { kind: "snapshot-read", to, id, sequence, appliedIndex, records, done };
    } catch (error) {
      this.#log.warn("Reading the state for another master failed", { to, error: String(error) });
      return { kind: "snapshot-failed", to, id };
    }
  }

  async #entries({ peer, from, to, maxBytes }: EffectOf<"read-entries">): Promise<NodeInput> {
    const entries = await this.#store.readEntries(from, to, maxBytes);
    return { kind: "entries-read", peer, entries };
  }

  async #stage({ chunk }: EffectOf<"stage-snapshot">): Promise<NodeInput> {
    await this.#store.stageSnapshot(chunk);
    return { kind: "snapshot-staged", id: chunk.id, sequence: chunk.sequence };
  }

  /** Undefined if the transfer ended meanwhile: nobody would close what was opened for it. */
  async #open(to: string): Promise<StateReader | undefined> {
    this.#close(to);
    const iteration: { reader?: StateReader } = {};
    this.#iterations.set(to, iteration);
    const reader = await this.#store.readState();
    if (this.#iterations.get(to) !== iteration) {
      await reader.close();
      return undefined;
    }
    iteration.reader = reader;
    return reader;
  }

  #close(to: string): void {
    void this.#iterations.get(to)?.reader?.close();
    this.#iterations.delete(to);
  }
}
