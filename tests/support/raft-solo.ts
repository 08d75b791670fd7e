/** One raft node between hands: a test plays its disk, its network and its peers. */
import { assert } from "../../src/base/assert.ts";
import { Random } from "../../src/base/random.ts";
import { RaftNode } from "../../src/raft/node.ts";
import type {
  LogEntry,
  RaftConfig,
  RaftEffect,
  RaftInput,
  RaftMessage,
  RestoredRaft,
} from "../../src/raft/types.ts";
import { DiskImage } from "./disk-image.ts";

export const NO_DATA = new Uint8Array(0);

export function command(index: number, term: number, data = `e${index}`): LogEntry {
  return { index, term, kind: "command", data: Buffer.from(data) };
}

/** A disk with entries of the given terms, from index 1 on. */
export function diskWith(terms: readonly number[], term = terms.at(-1) ?? 0): RestoredRaft {
  const disk = new DiskImage();
  disk.write({
    hardState: { term, votedFor: null },
    entries: terms.map((each, at) => command(at + 1, each)),
    sync: true,
  });
  return disk.restored();
}

type Sent<K extends RaftMessage["kind"]> = { to: string; message: Extract<RaftMessage, { kind: K }> };

export class Solo {
  readonly node: RaftNode;
  nowMs = 0;
  /** Effects of the last input. */
  effects: readonly RaftEffect[] = [];
  /** Newest write issued. */
  #token = 0;

  constructor(restored: RestoredRaft = diskWith([]), config: Partial<RaftConfig> = {}, seed = 1) {
    this.node = new RaftNode({ self: "a", peers: ["a", "b", "c"], ...config }, restored, new Random(seed));
    this.step({ kind: "tick" });
  }

  step(input: RaftInput): readonly RaftEffect[] {
    this.effects = this.node.step(input, { monotonicMs: this.nowMs, wallMs: 0 });
    for (const effect of this.effects) if (effect.kind === "persist") this.#token = effect.token;
    return this.effects;
  }

  /** A message of `b`, or of another peer. */
  hear(message: RaftMessage, from = "b"): readonly RaftEffect[] {
    return this.step({ kind: "message", from, message });
  }

  advance(ms: number): readonly RaftEffect[] {
    this.nowMs += ms;
    return this.step({ kind: "tick" });
  }

  /** Every write issued so far is on disk. */
  persist(): readonly RaftEffect[] {
    return this.#token === 0 ? [] : this.step({ kind: "persisted", token: this.#token });
  }

  persisted(token: number): readonly RaftEffect[] {
    return this.step({ kind: "persisted", token });
  }

  sent<K extends RaftMessage["kind"]>(kind: K, effects = this.effects): Sent<K>[] {
    return effects.flatMap((effect) =>
      effect.kind === "send" && effect.message.kind === kind
        ? [{ to: effect.to, message: effect.message } as Sent<K>]
        : [],
    );
  }

  has(kind: RaftEffect["kind"]): boolean {
    return this.effects.some((effect) => effect.kind === kind);
  }

  /** Elected by `b`; its empty entry is written but not yet committed. */
  lead(): this {
    this.nowMs = Math.max(this.nowMs, this.node.nextDeadlineMs());
    this.step({ kind: "tick" });
    this.hear({ kind: "pre-vote-reply", term: this.node.status().term + 1, granted: true });
    this.#persistLast();
    this.hear({ kind: "vote-reply", term: this.node.status().term, granted: true });
    assert(this.node.status().role === "leader", "Not elected");
    this.#persistLast();
    return this;
  }

  /** The leader's whole log is on `b` too. */
  acknowledge(from = "b"): this {
    const { term, lastIndex } = this.node.status();
    this.#persistLast();
    this.hear({ kind: "append-ok", term, matchIndex: lastIndex }, from);
    return this;
  }

  #persistLast(): void {
    const { effects } = this;
    this.persist();
    this.effects = [...effects, ...this.effects];
  }
}
