/**
 * Reads LevelDB's write-ahead files before LevelDB does. LevelDB passes over a
 * damaged record, and what follows it in its block, without a word; here a
 * damaged record with the start of a good one after it is found, since then
 * writes that were acknowledged are missing. A damaged end is a write that
 * nobody was told of, and zeros up to the end are room (wal-room.ts). Of the
 * writes that LevelDB passes over, the newest hard state is saved, or a vote
 * could be cast twice.
 *
 * Format (LevelDB doc/log_format.md): blocks of 32 KiB with records of
 * masked crc32c u32 | length u16 | type u8 | data, little-endian; a record
 * never crosses a block.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeFact, metaCopyKey } from "./store-keys.ts";

const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const FULL = 1;
const FIRST = 2;
const LAST = 4;

export interface WalDamage {
  readonly reason: string;
  /** The fact "hard-state" of the newest good write, if there is one. */
  readonly hardState: Uint8Array | null;
}

/** Null if nothing that was acknowledged is lost. */
export async function findLostWrites(directory: string): Promise<WalDamage | null> {
  const names = await walNames(directory);
  let bad: string | null = null;
  let lost = false;
  let hardState: Uint8Array | null = null;
  for (const name of names) {
    const scan = new WalScan(await readFile(join(directory, name)));
    lost ||= scan.lost || (bad !== null && scan.writes > 0);
    if (scan.badAt !== null) bad ??= `${name} is damaged at byte ${scan.badAt}`;
    hardState = scan.hardState ?? hardState;
  }
  return lost && bad !== null ? { reason: bad, hardState } : null;
}

/** Write-ahead files, oldest first. */
export async function walNames(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  // Numbers have six digits at least, and after a million files one more.
  return names
    .filter((name) => /^\d+\.log$/.test(name))
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
}

/** Where zeros begin behind the last record; undefined if the records are not whole up to there. */
export function endOfRecords(bytes: Buffer): number | undefined {
  const scan = new WalScan(bytes);
  return scan.badAt === null ? scan.end : undefined;
}

class WalScan {
  /** Good records that begin a write. */
  writes = 0;
  /** First byte that is no good record. */
  badAt: number | null = null;
  /** A good write follows it. */
  lost = false;
  hardState: Uint8Array | null = null;
  /** After the last good record. */
  end = 0;
  readonly #bytes: Buffer;
  /** Behind it are zeros only: room for records to come (wal-room.ts). */
  readonly #zerosFrom: number;
  /** Pieces of the write under way. */
  #pieces: Uint8Array[] = [];

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    let zerosFrom = bytes.length;
    while (zerosFrom > 0 && bytes[zerosFrom - 1] === 0) zerosFrom--;
    this.#zerosFrom = zerosFrom;
    for (let start = 0; start < zerosFrom; start += BLOCK_BYTES) {
      this.#scanBlock(start, Math.min(start + BLOCK_BYTES, bytes.length));
    }
  }

  #scanBlock(start: number, end: number): void {
    let at = start;
    while (at + HEADER_BYTES <= end && at < this.#zerosFrom) {
      const length = this.#goodRecord(at, end);
      if (length === null) {
        this.badAt ??= at;
        // The length may be what is damaged: look at every byte for the next record.
        at++;
        continue;
      }
      const type = this.#bytes[at + 6] as number;
      const data = this.#bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length);
      this.#take(type, data);
      at += HEADER_BYTES + length;
      this.end = at;
    }
  }

  #take(type: number, data: Uint8Array): void {
    if (type === FULL || type === FIRST) {
      this.writes++;
      this.lost ||= this.badAt !== null;
      this.#pieces = [];
    }
    this.#pieces.push(data);
    if (type !== FULL && type !== LAST) return;
    this.hardState = trailingHardState(Buffer.concat(this.#pieces.slice(-2))) ?? this.hardState;
  }

  /** Length of the data of the good record at `at`; null if there is none. */
  #goodRecord(at: number, end: number): number | null {
    const length = this.#bytes.readUInt16LE(at + 4);
    const type = this.#bytes[at + 6] as number;
    if (type < FULL || type > LAST || at + HEADER_BYTES + length > end) return null;
    const data = this.#bytes.subarray(at + 6, at + HEADER_BYTES + length);
    return maskedCrc32c(data) === this.#bytes.readUInt32LE(at) ? length : null;
  }
}

/** Every write ends with the hard state (raft-store.ts): key, length in one or two bytes, value. */
function trailingHardState(write: Buffer): Uint8Array | null {
  const key = metaCopyKey("hard-state");
  const found = write.lastIndexOf(key);
  if (found < 0) return null;
  const at = found + key.length;
  const low = write[at] ?? 0;
  const value = low < 128 ? write.subarray(at + 1) : write.subarray(at + 2);
  const length = low < 128 ? low : (low & 127) + (write[at + 1] ?? 0) * 128;
  const fact = value.subarray(0, length);
  return decodeFact("hard-state", fact, true).ok ? fact : null;
}

const CASTAGNOLI_REVERSED = 0x82f63b78;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? CASTAGNOLI_REVERSED : 0);
  return crc >>> 0;
});

function maskedCrc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < data.length; i++) {
    crc = (TABLE[(crc ^ (data[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  crc = (crc ^ 0xffffffff) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
