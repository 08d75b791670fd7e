/**
 * Raft messages as plain values for msgpack: arrays headed by a kind's number,
 * checked when they come in. Numbers and the order of fields are for ever;
 * new fields go to the end.
 */
import { fail, ok, type Result } from "../base/result.ts";
import type { EntryKind, LogEntry, RaftMessage, SnapshotChunk, StateRecord } from "./types.ts";

/** Position is the number on the wire: append only. */
const MESSAGE_KINDS: readonly RaftMessage["kind"][] = [
  "pre-vote",
  "pre-vote-reply",
  "vote",
  "vote-reply",
  "append",
  "append-ok",
  "append-rejected",
  "heartbeat",
  "heartbeat-reply",
  "timeout-now",
  "read-index",
  "read-index-reply",
  "snapshot-chunk",
  "snapshot-reply",
];
const ENTRY_KINDS: readonly EntryKind[] = ["empty", "command", "config"];

export function encodeRaftMessage(message: RaftMessage): readonly unknown[] {
  const fields: unknown[] = [MESSAGE_KINDS.indexOf(message.kind), message.term];
  addFields(message, fields);
  return fields;
}

/** The error says what is wrong; the sender runs another version, or is no master. */
export function decodeRaftMessage(value: unknown): Result<RaftMessage> {
  if (!Array.isArray(value)) return fail("a raft message must be an array");
  const fields = new Fields(value);
  const tag = fields.count();
  const kind = MESSAGE_KINDS[tag];
  if (kind === undefined) return fail(`raft message kind ${tag} is unknown`);
  const message = decodeFields[kind](fields, fields.count()) as RaftMessage;
  return fields.valid ? ok(message) : fail(`raft message "${kind}" has a field of the wrong type`);
}

function addFields(message: RaftMessage, to: unknown[]): void {
  switch (message.kind) {
    case "pre-vote":
      to.push(message.lastIndex, message.lastTerm);
      return;
    case "vote":
      to.push(message.lastIndex, message.lastTerm, message.transfer);
      return;
    case "pre-vote-reply":
    case "vote-reply":
      to.push(message.granted);
      return;
    case "append": {
      const { prevIndex, prevTerm, commit, entries, window } = message;
      const encoded: unknown[] = [];
      for (const entry of entries) encoded.push(encodeEntry(entry));
      to.push(prevIndex, prevTerm, commit, encoded, window ?? 0);
      return;
    }
    case "append-ok":
      to.push(message.matchIndex);
      return;
    case "append-rejected": {
      const { prevIndex, hintIndex, hintTerm, lost, window } = message;
      to.push(prevIndex, hintIndex, hintTerm, lost === true ? 1 : 0, window ?? 0);
      return;
    }
    case "heartbeat":
      to.push(message.commit, message.round);
      return;
    case "heartbeat-reply":
      to.push(message.round, message.featureLevel ?? 1);
      return;
    case "timeout-now":
      return;
    case "read-index":
      to.push(message.context);
      return;
    case "read-index-reply":
      to.push(message.context, message.index ?? -1, message.lastIndex ?? -1);
      return;
    case "snapshot-chunk": {
      const { id, sequence, snapshot, records, done } = message.chunk;
      to.push(id, sequence, snapshot.index, snapshot.term, snapshot.membership, records, done);
      return;
    }
    case "snapshot-reply":
      to.push(message.id, message.wanted);
  }
}

const decodeFields: {
  readonly [K in RaftMessage["kind"]]: (from: Fields, term: number) => Extract<RaftMessage, { kind: K }>;
} = {
  "pre-vote": (f, term) => ({ kind: "pre-vote", term, lastIndex: f.count(), lastTerm: f.count() }),
  "pre-vote-reply": (f, term) => ({ kind: "pre-vote-reply", term, granted: f.flag() }),
  vote: (f, term) => ({
    kind: "vote",
    term,
    lastIndex: f.count(),
    lastTerm: f.count(),
    transfer: f.flag(),
  }),
  "vote-reply": (f, term) => ({ kind: "vote-reply", term, granted: f.flag() }),
  append: (f, term) => {
    const prevIndex = f.count();
    const prevTerm = f.count();
    const commit = f.count();
    const entries: LogEntry[] = [];
    for (const value of f.list()) entries.push(decodeEntry(f, value, prevIndex + 1 + entries.length));
    const window = f.countOr(0);
    // Older versions send none.
    if (window === 0) return { kind: "append", term, prevIndex, prevTerm, entries, commit };
    return { kind: "append", term, prevIndex, prevTerm, entries, commit, window };
  },
  "append-ok": (f, term) => ({ kind: "append-ok", term, matchIndex: f.count() }),
  "append-rejected": (f, term) => ({
    kind: "append-rejected",
    term,
    prevIndex: f.count(),
    hintIndex: f.count(),
    hintTerm: f.count(),
    ...(f.countOr(0) === 1 ? { lost: true } : {}),
    ...windowOf(f),
  }),
  heartbeat: (f, term) => ({ kind: "heartbeat", term, commit: f.count(), round: f.count() }),
  "heartbeat-reply": (f, term) => ({
    kind: "heartbeat-reply",
    term,
    round: f.count(),
    featureLevel: f.countOr(1),
  }),
  "timeout-now": (_f, term) => ({ kind: "timeout-now", term }),
  "read-index": (f, term) => ({ kind: "read-index", term, context: f.count() }),
  "read-index-reply": (f, term) => {
    const context = f.count();
    const index = f.integer();
    const lastIndex = f.integerOr(-1);
    const end = lastIndex < 0 ? {} : { lastIndex };
    return { kind: "read-index-reply", term, context, index: index < 0 ? null : index, ...end };
  },
  "snapshot-chunk": (f, term) => ({ kind: "snapshot-chunk", term, chunk: decodeChunk(f) }),
  "snapshot-reply": (f, term) => ({ kind: "snapshot-reply", term, id: f.count(), wanted: f.integer() }),
};

/** Older versions send none. */
function windowOf(f: Fields): { readonly window?: number } {
  const window = f.countOr(0);
  return window === 0 ? {} : { window };
}

/** The index follows from the message's `prevIndex`. */
function encodeEntry(entry: LogEntry): readonly unknown[] {
  return [entry.term, ENTRY_KINDS.indexOf(entry.kind), entry.data];
}

function decodeEntry(fields: Fields, value: unknown, index: number): LogEntry {
  const own = new Fields(Array.isArray(value) ? value : []);
  const term = own.count();
  const kind = ENTRY_KINDS[own.count()];
  const data = own.bytes();
  if (kind === undefined || !own.valid) fields.valid = false;
  return { index, term, kind: kind ?? "empty", data };
}

function decodeChunk(f: Fields): SnapshotChunk {
  const id = f.count();
  const sequence = f.count();
  const snapshot = { index: f.count(), term: f.count(), membership: f.bytes() };
  const records = f.list().map((value): StateRecord => f.part(value, (r) => [r.bytes(), r.bytes()]));
  return { id, sequence, snapshot, records, done: f.flag() };
}

/** Takes one field after the other; a wrong one makes the whole message invalid. */
class Fields {
  valid = true;
  readonly #values: readonly unknown[];
  #at = 0;

  constructor(values: readonly unknown[]) {
    this.#values = values;
  }

  integer(): number {
    const value = this.#values[this.#at++];
    if (typeof value === "number" && Number.isSafeInteger(value)) return value;
    this.valid = false;
    return 0;
  }

  /** An integer that is not negative. */
  count(): number {
    const value = this.integer();
    if (value < 0) this.valid = false;
    return value;
  }

  /** An integer that older versions do not send. */
  integerOr(absent: number): number {
    return this.#at < this.#values.length ? this.integer() : absent;
  }

  /** A count that older versions do not send. */
  countOr(absent: number): number {
    return this.#at < this.#values.length ? this.count() : absent;
  }

  flag(): boolean {
    const value = this.#values[this.#at++];
    if (typeof value !== "boolean") this.valid = false;
    return value === true;
  }

  bytes(): Uint8Array {
    const value = this.#values[this.#at++];
    if (value instanceof Uint8Array) return value;
    this.valid = false;
    return new Uint8Array(0);
  }

  list(): readonly unknown[] {
    const value = this.#values[this.#at++];
    if (Array.isArray(value)) return value;
    this.valid = false;
    return [];
  }

  /** Reads a value that is an array of fields itself. */
  part<T>(value: unknown, read: (fields: Fields) => T): T {
    const fields = new Fields(Array.isArray(value) ? value : []);
    const out = read(fields);
    if (!fields.valid) this.valid = false;
    return out;
  }
}
