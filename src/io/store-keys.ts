/**
 * The keys of a master's database:
 *
 *   m name                    facts about the store, checksummed JSON
 *   l index(u64)              log entries, log-record.ts
 *   s generation(u32) key     state of the registry; only the generation that
 *                             `m generation` names is in force, another one is
 *                             a transfer that did not finish
 */
import { fail, ok, type Result } from "../base/result.ts";
import type { KeyRange } from "./level.ts";

const META = 0x6d;
const LOG = 0x6c;
const STATE = 0x73;
const STATE_PREFIX_BYTES = 5;

export type MetaName = "format" | "identity" | "hard-state" | "snapshot" | "applied" | "generation";

export function metaKey(name: MetaName): Uint8Array {
  return Buffer.from(`m${name}`);
}

export function logKey(index: number): Uint8Array {
  const key = Buffer.allocUnsafe(9);
  key[0] = LOG;
  key.writeBigUInt64BE(BigInt(index), 1);
  return key;
}

export function logIndex(key: Uint8Array): number {
  return Number(new DataView(key.buffer, key.byteOffset).getBigUint64(1));
}

/** Entries from `from` to `to`, both included. */
export function logRange(from: number, to: number): KeyRange {
  return { gte: logKey(from), lt: logKey(to + 1) };
}

export function wholeLogRange(from: number): KeyRange {
  return { gte: logKey(from), lt: Buffer.from([META]) };
}

export function stateKey(generation: number, key: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(STATE_PREFIX_BYTES + key.length);
  out[0] = STATE;
  out.writeUInt32BE(generation, 1);
  out.set(key, STATE_PREFIX_BYTES);
  return out;
}

/** The state machine's own key. */
export function plainKey(key: Uint8Array): Uint8Array {
  return key.subarray(STATE_PREFIX_BYTES);
}

const EMPTY = new Uint8Array(0);

/** All keys of one generation. */
export function stateRange(generation: number): KeyRange {
  return { gte: stateKey(generation, EMPTY), lt: stateKey(generation + 1, EMPTY) };
}

/** Keys of all generations below and above `generation`. */
export function otherGenerations(generation: number): KeyRange[] {
  return [
    { gte: stateKey(0, EMPTY), lt: stateKey(generation, EMPTY) },
    { gte: stateKey(generation + 1, EMPTY), lt: Buffer.from([STATE + 1]) },
  ];
}

/** crc32 u32, then JSON text. */
export function encodeFact(fact: unknown): Uint8Array {
  const text = Buffer.from(JSON.stringify(fact));
  const out = Buffer.allocUnsafe(4 + text.length);
  out.writeUInt32BE(Bun.hash.crc32(text), 0);
  out.set(text, 4);
  return out;
}

export function decodeFact(bytes: Uint8Array): Result<unknown> {
  const text = Buffer.from(bytes.subarray(4));
  const wanted = bytes.length < 4 ? -1 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  if (Bun.hash.crc32(text) !== wanted) return fail("checksum does not match");
  return ok(JSON.parse(text.toString()));
}
