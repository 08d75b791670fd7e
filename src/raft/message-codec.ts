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
  return [MESSAGE_KINDS.indexOf(message.kind), message.term, ...encodeFields(message)];
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

function encodeFields(message: RaftMessage): readonly unknown[] {
  switch (message.kind) {
    case "pre-vote":
      return [message.lastIndex, message.lastTerm];
    case "vote":
      return [message.lastIndex, message.lastTerm, message.transfer];
    case "pre-vote-reply":
    case "vote-reply":
      return [message.granted];
    case "append": {
      const { prevIndex, prevTerm, commit, entries, window } = message;
      return [prevIndex, prevTerm, commit, entries.map(encodeEntry), window ?? 0];
    }
    case "append-ok":
      return [message.matchIndex];
    case "append-rejected": {
      const { prevIndex, hintIndex, hintTerm, lost, window } = message;
      return [prevIndex, hintIndex, hintTerm, lost === true ? 1 : 0, window ?? 0];
    }
    case "heartbeat":
      return [message.commit, message.round];
    case "heartbeat-reply":
      return [message.round, message.featureLevel ?? 1];
    case "timeout-now":
      return [];
    case "read-index":
      return [message.context];
    case "read-index-reply":
      return [message.context, message.index ?? -1, message.lastIndex ?? -1];
    case "snapshot-chunk": {
      const { id, sequence, snapshot, records, done } = message.chunk;
      return [id, sequence, snapshot.index, snapshot.term, snapshot.membership, records, done];
    }
    case "snapshot-reply":
      return [message.id, message.wanted];
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
    const entries = f.list().map((value, at) => decodeEntry(f, value, prevIndex + 1 + at));
    return { kind: "append", term, prevIndex, prevTerm, entries, commit, ...windowOf(f) };
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
  const [term, kind, data] = fields.part(
    value,
    (f) => [f.count(), ENTRY_KINDS[f.count()], f.bytes()] as const,
  );
  if (kind === undefined) fields.valid = false;
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
