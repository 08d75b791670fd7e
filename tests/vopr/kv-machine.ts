/**
 * The state machine under the log: registers with client sessions. A session
 * keeps its newest command's number and result, so that a command that enters
 * the log twice takes effect once (Ongaro's thesis, 6.3). One more key holds a
 * hash of all entries in order, so that an entry applied twice, never or in
 * the wrong place shows in the digest for ever; and the newest commands leave a
 * trail of keys that are removed again.
 */
import { assert } from "../../src/base/assert.ts";
import type { LogEntry, StateRecord } from "../../src/raft/types.ts";
import { UNWRITTEN } from "../support/linearizability.ts";

export interface KvCommand {
  readonly session: number;
  /** From 1; a client has one command under way at a time. */
  readonly number: number;
  readonly key: string;
  /** Absent for a write, which takes place in any case. */
  readonly expected?: number;
  readonly value: number;
}

/** Swaps of even values stand for commands that older builds do not know. */
export function levelOf({ expected, value }: KvCommand): number {
  return expected !== undefined && value % 2 === 0 ? 2 : 1;
}

export interface KvOutcome {
  /** Value found before the command, as of its first taking effect. */
  readonly found: number;
  /** False for a repetition. */
  readonly effective: boolean;
}

const TRAIL_ENTRIES = 5;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeKvCommand(command: KvCommand): Uint8Array {
  const { session, number, key, expected, value } = command;
  return encoder.encode(JSON.stringify([session, number, key, expected ?? null, value]));
}

export function decodeKvCommand(bytes: Uint8Array): KvCommand {
  const [session, number, key, expected, value] = JSON.parse(decoder.decode(bytes)) as [
    number,
    number,
    string,
    number | null,
    number,
  ];
  return { session, number, key, value, ...(expected === null ? {} : { expected }) };
}

export class KvMachine {
  /** Everything, as it is on disk. */
  readonly #records = new Map<string, string>();
  #digest = 0;
  #changed = new Map<string, string | null>();

  /** Depends on the content alone, not on how it came about. */
  get digest(): number {
    return this.#digest;
  }

  get(key: string): number {
    return Number(this.#records.get(`k${key}`) ?? UNWRITTEN);
  }

  /** Result of a session's newest command. */
  session(session: number): { readonly number: number; readonly found: number } | undefined {
    const record = this.#records.get(`s${session}`);
    if (record === undefined) return undefined;
    const [number, found] = record.split(" ");
    return { number: Number(number), found: Number(found) };
  }

  /** Null for entries that are no commands. */
  apply(entry: LogEntry): KvOutcome | null {
    const before = this.#records.get("history") ?? "";
    this.#put("history", String(hash(`${before} ${entry.index} ${entry.term} ${entry.kind}`, entry.data)));
    if (entry.kind !== "command") return null;
    this.#put(`e${entry.index}`, "");
    this.#delete(`e${entry.index - TRAIL_ENTRIES}`);
    const { session, number, key, expected, value } = decodeKvCommand(entry.data);
    const newest = this.session(session);
    if (newest !== undefined && number <= newest.number) return { found: newest.found, effective: false };
    const found = this.get(key);
    if (expected === undefined || found === expected) this.#put(`k${key}`, String(value));
    this.#put(`s${session}`, `${number} ${found}`);
    return { found, effective: true };
  }

  load(records: Iterable<StateRecord>): void {
    assert(this.#records.size === 0, "A machine is loaded once");
    this.loadPart(records);
  }

  loadPart(records: Iterable<StateRecord>): void {
    for (const [key, value] of records) this.#put(decoder.decode(key), decoder.decode(value));
    this.#changed.clear();
  }

  loadEnd(): void {}

  takeChanges(): [Uint8Array, Uint8Array | null][] {
    const changes = [...this.#changed].map(([key, value]): [Uint8Array, Uint8Array | null] => [
      encoder.encode(key),
      value === null ? null : encoder.encode(value),
    ]);
    this.#changed = new Map();
    return changes;
  }

  #put(key: string, value: string): void {
    const before = this.#records.get(key);
    if (before !== undefined) this.#digest = (this.#digest - hash(`${key} ${before}`)) >>> 0;
    this.#digest = (this.#digest + hash(`${key} ${value}`)) >>> 0;
    this.#records.set(key, value);
    this.#changed.set(key, value);
  }

  #delete(key: string): void {
    const before = this.#records.get(key);
    if (before === undefined) return;
    this.#digest = (this.#digest - hash(`${key} ${before}`)) >>> 0;
    this.#records.delete(key);
    this.#changed.set(key, null);
  }
}

/** FNV-1a, mixed once more at the end. */
function hash(text: string, bytes: Uint8Array = EMPTY): number {
  let state = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  for (let at = 0; at < bytes.length; at++) state = Math.imul(state ^ (bytes[at] ?? 0), 0x01000193);
  state ^= state >>> 15;
  return Math.imul(state, 0x2c1b3c6d) >>> 0;
}

const EMPTY = new Uint8Array(0);
