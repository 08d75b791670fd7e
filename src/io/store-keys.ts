/**
 * The keys of a master's database:
 *
 *   m name, n name            facts about the store, checksummed JSON, each twice
 *   l index(u64)              log entries, log-record.ts
 *   s generation(u32) key     state of the registry: crc32 u32 of key and value,
 *                             then the value. Only the generation that the fact
 *                             `generation` names is in force, another one is a
 *                             transfer that did not finish or a damaged state
 */
import { fail, ok, type Result } from "../base/result.ts";
import type { KeyRange, LevelOperation } from "./level.ts";

const META = 0x6d;
const META_COPY = 0x6e;
const LOG = 0x6c;
const STATE = 0x73;
const STATE_PREFIX_BYTES = 5;
const CHECKSUM_BYTES = 4;

export type MetaName =
  | "format"
  | "identity"
  | "hard-state"
  | "snapshot"
  | "applied"
  | "membership"
  | "generation"
  | "damage";

interface FactKeys {
  readonly key: Uint8Array;
  readonly copyKey: Uint8Array;
}

/** Made once: every write has a fact with it. */
const FACT_KEYS: { readonly [K in MetaName]: FactKeys } = {
  format: factKeys("format"),
  identity: factKeys("identity"),
  "hard-state": factKeys("hard-state"),
  snapshot: factKeys("snapshot"),
  applied: factKeys("applied"),
  membership: factKeys("membership"),
  generation: factKeys("generation"),
  damage: factKeys("damage"),
};

function factKeys(name: MetaName): FactKeys {
  const text = Buffer.from(name);
  return {
    key: Buffer.concat([Buffer.from([META]), text]),
    copyKey: Buffer.concat([Buffer.from([META_COPY]), text]),
  };
}

export function metaKey(name: MetaName): Uint8Array {
  return FACT_KEYS[name].key;
}

/** Facts are few and cannot be fetched from another master: each is kept twice. */
export function metaCopyKey(name: MetaName): Uint8Array {
  return FACT_KEYS[name].copyKey;
}

export function putFact(name: MetaName, fact: unknown): LevelOperation[] {
  const value = encodeFact(name, fact);
  return [
    { type: "put", key: metaKey(name), value },
    { type: "put", key: metaCopyKey(name), value },
  ];
}

export function deleteFact(name: MetaName): LevelOperation[] {
  return [
    { type: "del", key: metaKey(name) },
    { type: "del", key: metaCopyKey(name) },
  ];
}

export function logKey(index: number): Uint8Array {
  const key = Buffer.allocUnsafe(9);
  key[0] = LOG;
  writeU64(key, index, 1);
  return key;
}

/** Big-endian; a safe integer. Without a BigInt, which would be one more object for each entry. */
export function writeU64(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  bytes.writeUInt32BE(value % 2 ** 32, at + 4);
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

export function encodeStateValue(key: Uint8Array, value: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(CHECKSUM_BYTES + value.length);
  out.writeUInt32BE(stateChecksum(key, value), 0);
  out.set(value, CHECKSUM_BYTES);
  return out;
}

/** The value under the state machine's own `key`; undefined if either is damaged. */
export function decodeStateValue(key: Uint8Array, stored: Uint8Array): Uint8Array | undefined {
  if (stored.length < CHECKSUM_BYTES) return undefined;
  const value = stored.subarray(CHECKSUM_BYTES);
  let wanted = 0;
  // Without a view: this runs for each record of a start-up.
  for (let at = 0; at < CHECKSUM_BYTES; at++) wanted = wanted * 256 + (stored[at] as number);
  return stateChecksum(key, value) === wanted ? value : undefined;
}

function stateChecksum(key: Uint8Array, value: Uint8Array): number {
  return Bun.hash.crc32(value, Bun.hash.crc32(key));
}

/** Generation that a key of the state belongs to. */
export function stateGeneration(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset).getUint32(1);
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

/** crc32 u32 of name and text, then the fact as JSON text. */
function encodeFact(name: MetaName, fact: unknown): Uint8Array {
  const text = JSON.stringify(fact);
  const out = Buffer.allocUnsafe(4 + Buffer.byteLength(text));
  out.write(text, 4);
  out.writeUInt32BE(factChecksum(name, out.subarray(4)), 0);
  return out;
}

/** `nameless`: also takes a fact as formats 1 and 2 wrote it, with a checksum of its text alone. */
export function decodeFact(name: MetaName, bytes: Uint8Array, nameless = false): Result<unknown> {
  const text = Buffer.from(bytes.subarray(4));
  const wanted = bytes.length < 4 ? -1 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const fits = factChecksum(name, text) === wanted || (nameless && Bun.hash.crc32(text) === wanted);
  if (!fits) return fail("its checksum does not match");
  // The checksum of nothing is 0, so four zero bytes pass for a record.
  if (text.length === 0) return fail("it is empty");
  return ok(JSON.parse(text.toString()));
}

/** One fact must not pass for another. The format alone must be readable for older versions. */
function factChecksum(name: MetaName, text: Uint8Array): number {
  return name === "format" ? Bun.hash.crc32(text) : Bun.hash.crc32(text, Bun.hash.crc32(name));
}
