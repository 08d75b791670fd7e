/**
 * A raft member on a real disk and real TCP, without a registry: joins core, store and links as a master
 * does.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SNAPSHOT_CHUNK_MAX_BYTES } from "../../src/base/limits.ts";
import { silentLog } from "../../src/base/log.ts";
import { Random } from "../../src/base/random.ts";
import { PeerLinks } from "../../src/io/peer-links.ts";
import { LevelRaftStore } from "../../src/io/raft-store.ts";
import { decodeRaftMessage, encodeRaftMessage } from "../../src/raft/message-codec.ts";
import { RaftNode } from "../../src/raft/node.ts";
import type { RaftStatus } from "../../src/raft/status.ts";
import type { StateReader } from "../../src/raft/store.ts";
import type { LogEntry, RaftConfig, RaftEffect, RaftInput } from "../../src/raft/types.ts";

export class RaftDriver {
  readonly directory = mkdtempSync(join(tmpdir(), "mesh-raft-"));
  readonly #config: RaftConfig;
  readonly #onChange: () => void;
  #node: RaftNode | null = null;
  #store: LevelRaftStore | null = null;
  #links: PeerLinks | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #readers = new Map<number, StateReader>();
  /** Commands applied since the start, as text. */
  applied: string[] = [];
  installs = 0;

  constructor(config: RaftConfig, onChange: () => void) {
    this.#config = config;
    this.#onChange = onChange;
  }

  get status(): RaftStatus | null {
    return this.#node?.status() ?? null;
  }

  async start(): Promise<void> {
    const { self, peers } = this.#config;
    this.#store = new LevelRaftStore(this.directory, (error) => {
      throw error;
    });
    const restored = await this.#store.open();
    const random = new Random(Number(self.split(":")[1]) + restored.hardState.term);
    this.#node = new RaftNode(this.#config, restored, random);
    this.#links = new PeerLinks({
      self,
      cluster: "test",
      random: random.fork(),
      log: silentLog,
      onPeerMessage: (from, value) => {
        const message = decodeRaftMessage(value);
        if (message.ok) this.step({ kind: "message", from, message: message.value });
      },
      onPeerLost: (peer) => this.step({ kind: "peer-lost", peer }),
      onAgentLink: () => ({ onMessage() {}, onClose() {} }),
    });
    this.#links.listen({ hostname: "127.0.0.1", port: Number(self.split(":")[1]) });
    this.#links.setPeers(peers);
    this.step({ kind: "tick" });
  }

  /** Ends without a word to the others. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#node = null;
    this.#links?.close();
    for (const reader of this.#readers.values()) await reader.close();
    this.#readers.clear();
    await this.#store?.close();
    this.#store = null;
  }

  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  propose(ref: number, text: string): void {
    this.step({ kind: "propose", ref, data: Buffer.from(text) });
  }

  step(input: RaftInput): void {
    const inputs = [input];
    for (let next = inputs.shift(); next !== undefined && this.#node !== null; next = inputs.shift()) {
      for (const effect of this.#node.step(next, { monotonicMs: performance.now(), wallMs: 0 })) {
        const answer = this.#carryOut(effect);
        if (answer !== null) inputs.push(answer);
      }
    }
    this.#arm();
    this.#onChange();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const deadline = this.#node?.nextDeadlineMs() ?? Infinity;
    if (deadline === Infinity) return;
    this.#timer = setTimeout(
      () => this.step({ kind: "tick" }),
      Math.max(0, Math.ceil(deadline - performance.now())),
    );
  }

  /** Returns an answer that is due at once. */
  #carryOut(effect: RaftEffect): RaftInput | null {
    const store = this.#store;
    if (store === null) return null;
    switch (effect.kind) {
      case "persist": {
        const { kind: _kind, token, ...change } = effect;
        this.#answer(store.write({ ...change, sync: true }).then(() => ({ kind: "persisted", token })));
        return null;
      }
      case "send":
        this.#links?.send(effect.to, encodeRaftMessage(effect.message));
        return null;
      case "commit":
        return this.#apply(store, effect.entries);
      case "compact":
        void store.write({ compactTo: effect.snapshot, sync: false });
        return null;
      case "read-entries": {
        const { peer, from, to, maxBytes } = effect;
        const read = store.readEntries(from, to, maxBytes);
        this.#answer(read.then((entries) => ({ kind: "entries-read", peer, entries })));
        return null;
      }
      case "read-snapshot":
        this.#answer(this.#readSnapshot(store, effect.to, effect.id, effect.sequence));
        return null;
      case "close-snapshot": {
        void this.#readers.get(effect.id)?.close();
        this.#readers.delete(effect.id);
        return null;
      }
      case "stage-snapshot": {
        const { id, sequence, done } = effect.chunk;
        if (done) this.installs++;
        const staged = store.stageSnapshot(effect.chunk);
        this.#answer(staged.then(() => ({ kind: "snapshot-staged", id, sequence })));
        return null;
      }
      case "role":
      case "membership":
      case "membership-changed":
      case "change-refused":
      case "transfer-failed":
      case "outdated":
      case "proposed":
      case "dropped":
      case "read-ready":
        return null;
    }
  }

  #apply(store: LevelRaftStore, entries: readonly LogEntry[]): RaftInput {
    const index = entries.at(-1)?.index ?? 0;
    const commands = entries.filter((entry) => entry.kind === "command");
    const stateChanges = commands.map((entry) => [entry.data, Buffer.from(`${entry.index}`)] as const);
    void store.write({ stateChanges, appliedIndex: index, sync: false });
    for (const entry of commands) this.applied.push(Buffer.from(entry.data).toString());
    return { kind: "applied", index };
  }

  async #readSnapshot(store: LevelRaftStore, to: string, id: number, sequence: number): Promise<RaftInput> {
    const reader = this.#readers.get(id) ?? (await store.readState());
    this.#readers.set(id, reader);
    const { records, done } = await reader.next(SNAPSHOT_CHUNK_MAX_BYTES);
    return { kind: "snapshot-read", to, id, sequence, appliedIndex: reader.appliedIndex, records, done };
  }

  /** The state on disk, its keys in order. */
  async state(): Promise<string[]> {
    const reader = await this.#store?.readState();
    const piece = await reader?.next(1e9);
    await reader?.close();
    return piece?.records.map(([key]) => Buffer.from(key).toString()) ?? [];
  }

  #answer(answer: Promise<RaftInput>): void {
    const node = this.#node;
    void answer.then((input) => {
      if (this.#node === node) this.step(input);
    });
  }
}
