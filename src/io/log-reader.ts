/**
 * Reads entries of the log back from a master's database, each checked against
 * what was written there: a record that was good once, but is not the one that
 * belongs in its place, has a good checksum of its own.
 */
import type { LogEntry } from "../raft/types.ts";
import type { Database } from "./level.ts";
import { decodeLogRecord } from "./log-record.ts";
import { logRange } from "./store-keys.ts";

const READ_RECORDS = 256;
const NOTHING = new Uint8Array(0);

/** An entry of the log is not what was written. */
export class EntryDamaged extends Error {
  override readonly name = "EntryDamaged";

  constructor(index: number) {
    super(
      `Entry ${index} of the log was damaged on disk since this master started; it repairs its log when it is started again`,
    );
  }
}

/**
 * Entries from `from` to `to`, both included and all on disk, at most
 * `maxBytes` of data but at least one. `checksumOf` tells the checksum that
 * the record of an index has; undefined if the entry was taken out of the log
 * meanwhile, which ends the reading. Throws EntryDamaged.
 */
export async function readLog(
  db: Database,
  from: number,
  to: number,
  maxBytes: number,
  checksumOf: (index: number) => number | undefined,
): Promise<LogEntry[]> {
  const view = db.view();
  const records = view.iterate(logRange(from, to));
  const out: LogEntry[] = [];
  let bytes = 0;
  try {
    while (bytes < maxBytes && from + out.length <= to) {
      const batch = await records.next(READ_RECORDS);
      // None although `to` is not reached: the next one is missing.
      const values = batch.length === 0 ? [NOTHING] : batch.map(([, value]) => value);
      for (const value of values) {
        const index = from + out.length;
        const wanted = checksumOf(index);
        if (wanted === undefined) return out;
        const record = decodeLogRecord(value);
        if (!record.ok || record.value.checksum !== wanted) throw new EntryDamaged(index);
        bytes += record.value.entry.data.length;
        if (out.length > 0 && bytes > maxBytes) return out;
        out.push(record.value.entry);
      }
    }
    return out;
  } finally {
    await records.close();
    await view.close();
  }
}
