/**
 * A running digest of everything applied: equal on all masters at equal
 * index, so that two that drifted apart are found by comparing two numbers.
 * It chains over the changed keys and values of each entry (FNV-1a with two
 * different offsets); it guards against bugs and bad memory, not attackers.
 */
export class Digest {
  readonly high: number;
  readonly low: number;

  constructor(high: number, low: number) {
    this.high = high;
    this.low = low;
  }

  /** 16 hexadecimal digits. Made when somebody asks: each entry has a digest, and few are looked at. */
  toString(): string {
    return this.high.toString(16).padStart(8, "0") + this.low.toString(16).padStart(8, "0");
  }
}

export const EMPTY_DIGEST = new Digest(0x811c9dc5, 0x9e3779b9);

const FNV_PRIME = 0x01000193;
const NOTHING = new Uint8Array(0);

/** Mixes a key and its value into the digest. */
export function digestChange(digest: Digest, key: Uint8Array, value: Uint8Array | null): Digest {
  return mix(mix(digest, key), value ?? NOTHING);
}

/** Length first, so that pieces do not run together. */
function mix(digest: Digest, bytes: Uint8Array): Digest {
  let high = Math.imul(digest.high ^ bytes.length, FNV_PRIME);
  let low = Math.imul(digest.low + bytes.length, FNV_PRIME);
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    high = Math.imul(high ^ byte, FNV_PRIME);
    low = Math.imul((low ^ byte) + (low >>> 15), FNV_PRIME);
  }
  return new Digest(high >>> 0, low >>> 0);
}
