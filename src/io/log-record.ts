/**
 * A log entry as the value of a database record, big-endian:
 *
 *   crc32 u32 | format u8 | kind u8 | term u64 | index u64 | previous crc32 u32 | data
 *
 * The checksum covers all that follows it. Since it includes the checksum of
 * the entry before, a stale or misplaced record does not fit the chain.
 */
import { fail, ok, type Result } from "../base/result.ts";
import type { EntryKind, LogEntry } from "../raft/types.ts";
import { writeU64 } from "./store-keys.ts";

const FORMAT = 1;
const HEADER_BYTES = 26;
/** Position is the number on disk: append only. */
const KINDS: readonly EntryKind[] = ["empty", "command", "config"];

export interface LogRecord {
  readonly entry: LogEntry;
  readonly checksum: number;
  readonly previousChecksum: number;
}

export function encodeLogRecord(
  entry: LogEntry,
  previousChecksum: number,
): { readonly bytes: Uint8Array; readonly checksum: number } {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + entry.data.length);
  bytes[4] = FORMAT;
  bytes[5] = KINDS.indexOf(entry.kind);
  writeU64(bytes, entry.term, 6);
  writeU64(bytes, entry.index, 14);
  bytes.writeUInt32BE(previousChecksum, 22);
  bytes.set(entry.data, HEADER_BYTES);
  const checksum = Bun.hash.crc32(bytes.subarray(4));
  bytes.writeUInt32BE(checksum, 0);
  return { bytes, checksum };
}

export function decodeLogRecord(bytes: Uint8Array): Result<LogRecord> {
  if (bytes.length < HEADER_BYTES) return fail(`${bytes.length} bytes, fewer than a header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const checksum = view.getUint32(0);
  const actual = Bun.hash.crc32(bytes.subarray(4));
  if (checksum !== actual) return fail(`checksum ${actual}, not ${checksum}`);
  if (view.getUint8(4) !== FORMAT) return fail(`record format ${view.getUint8(4)}, which is unknown`);
  const kind = KINDS[view.getUint8(5)];
  if (kind === undefined) return fail(`entry kind ${view.getUint8(5)}, which is unknown`);
  const term = Number(view.getBigUint64(6));
  const index = Number(view.getBigUint64(14));
  const entry = { index, term, kind, data: bytes.subarray(HEADER_BYTES) };
  return ok({ entry, checksum, previousChecksum: view.getUint32(22) });
}
