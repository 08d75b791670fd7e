/**
 * A running digest of everything applied: equal on all masters at equal
 * index, so that two that drifted apart are found by comparing two numbers.
 * It chains over the changed keys and values of each entry (FNV-1a with two
 * different offsets); it guards against bugs and bad memory, not attackers.
 */
export interface Digest {
  readonly high: number;
  readonly low: number;
}

export const EMPTY_DIGEST: Digest = { high: 0x811c9dc5, low: 0x9e3779b9 };

const FNV_PRIME = 0x01000193;

/** Mixes `bytes` into the digest, their length first so that pieces do not run together. */
export function digestBytes(digest: Digest, bytes: Uint8Array): Digest {
  let high = Math.imul(digest.high ^ bytes.length, FNV_PRIME);
  let low = Math.imul(digest.low + bytes.length, FNV_PRIME);
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    high = Math.imul(high ^ byte, FNV_PRIME);
    low = Math.imul((low ^ byte) + (low >>> 15), FNV_PRIME);
  }
  return { high: high >>> 0, low: low >>> 0 };
}

/** 16 hexadecimal digits. */
export function digestText(digest: Digest): string {
  return digest.high.toString(16).padStart(8, "0") + digest.low.toString(16).padStart(8, "0");
}
