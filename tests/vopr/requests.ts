/** What clients asked of one member, until it is answered: done, not here, or unknown. */
import type { DropReason, LogEntry } from "../../src/raft/types.ts";
import { encodeKvCommand, type KvCommand, type KvOutcome, levelOf } from "./kv-machine.ts";
import type { Member } from "./member.ts";

export type Answer =
  | { readonly kind: "done"; readonly value: number }
  /** It never entered the log, or nothing was read. */
  | { readonly kind: "refused" }
  /** It may take effect later, or never. */
  | { readonly kind: "unknown" };

type Reply = (answer: Answer) => void;

export class Requests {
  readonly #member: Member;
  #nextRef = 1;
  /** Proposals without a place in the log yet. */
  #proposals = new Map<number, Reply>();
  /** Proposals in the log, by index. */
  #placed = new Map<number, { readonly ref: number; readonly term: number; readonly reply: Reply }>();
  #reads = new Map<number, { readonly key: string; readonly reply: Reply }>();
  /** Reads that may be served once an index is applied. */
  #ready: { readonly index: number; readonly key: string; readonly reply: Reply }[] = [];
  #appliedIndex = 0;

  constructor(member: Member) {
    this.#member = member;
  }

  command(command: KvCommand, reply: Reply): void {
    if (this.#member.full) {
      reply({ kind: "refused" });
      return;
    }
    const ref = this.#nextRef++;
    this.#proposals.set(ref, reply);
    this.#member.step({ kind: "propose", ref, data: encodeKvCommand(command), level: levelOf(command) });
  }

  read(key: string, reply: Reply): void {
    const ref = this.#nextRef++;
    this.#reads.set(ref, { key, reply });
    this.#member.step({ kind: "read-index", ref });
  }

  processEnded(): void {
    this.#proposals = new Map();
    this.#placed = new Map();
    this.#reads = new Map();
    this.#ready = [];
    this.#appliedIndex = 0;
  }

  proposed(ref: number, index: number, term: number): void {
    const reply = this.#proposals.get(ref);
    this.#proposals.delete(ref);
    if (reply !== undefined) this.#placed.set(index, { ref, term, reply });
  }

  dropped(ref: number, reason: DropReason): void {
    const reply = this.#proposals.get(ref) ?? this.#reads.get(ref)?.reply;
    this.#proposals.delete(ref);
    this.#reads.delete(ref);
    if (reply !== undefined) reply({ kind: "refused" });
    if (reason !== "deposed") return;
    for (const [index, placed] of this.#placed) {
      if (placed.ref !== ref) continue;
      this.#placed.delete(index);
      placed.reply({ kind: "unknown" });
    }
  }

  applied(entry: LogEntry, outcome: KvOutcome | null): void {
    const placed = this.#placed.get(entry.index);
    if (placed === undefined) return;
    this.#placed.delete(entry.index);
    if (placed.term !== entry.term || outcome === null) placed.reply({ kind: "unknown" });
    else placed.reply({ kind: "done", value: outcome.found });
  }

  readReady(ref: number, index: number): void {
    const read = this.#reads.get(ref);
    this.#reads.delete(ref);
    if (read !== undefined) this.#ready.push({ index, ...read });
    this.appliedUpTo(this.#member.node?.status().appliedIndex ?? 0);
  }

  appliedUpTo(index: number): void {
    this.#appliedIndex = Math.max(this.#appliedIndex, index);
    if (this.#ready.length === 0) return;
    const now = this.#ready.filter((read) => read.index <= this.#appliedIndex);
    this.#ready = this.#ready.filter((read) => read.index > this.#appliedIndex);
    for (const { key, reply } of now) reply({ kind: "done", value: this.#member.state.get(key) });
  }
}
