/** Walks the log of a master's database on opening and checks that each record follows the one before. */
import { RAFT_LOG_MEMORY_MAX_BYTES } from "../base/limits.ts";
import type { LogEntry, TermRun } from "../raft/types.ts";
import type { LevelView } from "./level.ts";
import { decodeLogRecord, type LogRecord } from "./log-record.ts";
import { logIndex, wholeLogRange } from "./store-keys.ts";

const SCAN_RECORDS = 1_000;

/** What a store keeps in memory of each entry. */
export interface EntryPlace {
  readonly term: number;
  readonly checksum: number;
}

/** The entry that a scan begins after. */
export interface LogStart extends EntryPlace {
  readonly index: number;
}

/** What the facts tell of single entries. */
export interface KnownEntries {
  /** Term and checksum are 0 if they are not known (format 1). */
  readonly applied: LogStart;
  /** Newest entry of the newest write; null if not known. */
  readonly lastIndex: number | null;
  readonly lastChecksum: number | null;
}

export interface BadRecord {
  readonly index: number;
  readonly reason: string;
  /** A record with a good checksum of its own comes later. */
  goodAfter: boolean;
}

/** The log up to its end or its first bad record. */
export class LogScan {
  lastIndex: number;
  readonly places: EntryPlace[];
  readonly termRuns: TermRun[] = [];
  readonly configEntries: LogEntry[] = [];
  bad: BadRecord | null = null;
  /** Newest index of any record, good or not. */
  newestKey = 0;
  readonly #known: KnownEntries;
  #tail: LogEntry[] = [];
  #tailBytes = 0;
  #tailHead = 0;

  constructor(known: KnownEntries, start: LogStart) {
    this.#known = known;
    this.lastIndex = start.index;
    this.places = [{ term: start.term, checksum: start.checksum }];
  }

  static async run(view: LevelView, known: KnownEntries, start: LogStart): Promise<LogScan> {
    const scan = new LogScan(known, start);
    const records = view.iterate(wholeLogRange(start.index + 1));
    try {
      while (true) {
        const batch = await records.next(SCAN_RECORDS);
        if (batch.length === 0) return scan;
        for (const [key, value] of batch) scan.#look(logIndex(key), value);
      }
    } finally {
      await records.close();
    }
  }

  get lastTerm(): number {
    return this.places.at(-1)?.term ?? 0;
  }

  /** The newest entries, within the bound on memory. */
  get tailEntries(): LogEntry[] {
    return this.#tail.slice(this.#tailHead);
  }

  #look(index: number, value: Uint8Array): void {
    this.newestKey = index;
    const record = decodeLogRecord(value);
    if (this.bad !== null) {
      this.bad.goodAfter ||= record.ok;
      return;
    }
    const reason = record.ok ? this.#add(index, record.value) : `it has ${record.error}`;
    if (reason === null) return;
    const missing = index > this.lastIndex + 1;
    this.bad = { index: missing ? this.lastIndex + 1 : index, reason, goodAfter: record.ok };
  }

  /** Null if the record follows the ones before; otherwise what is wrong with it. */
  #add(index: number, record: LogRecord): string | null {
    if (index !== this.lastIndex + 1) return "it is missing";
    if (record.entry.index !== index) return `it is entry ${record.entry.index}, misplaced`;
    if (record.previousChecksum !== this.places.at(-1)?.checksum)
      return "it does not follow the entry before it";
    // An older record of the same index fits what comes before it; only the entry after it would not.
    const { applied, lastIndex, lastChecksum } = this.#known;
    if (index === applied.index && applied.term > 0 && record.checksum !== applied.checksum)
      return "it is not the one that was applied";
    if (index === lastIndex && lastChecksum !== null && record.checksum !== lastChecksum)
      return "it is not the one that was written last";
    const { entry } = record;
    this.lastIndex = index;
    this.places.push({ term: entry.term, checksum: record.checksum });
    if (this.termRuns.at(-1)?.term !== entry.term) this.termRuns.push({ index, term: entry.term });
    if (entry.kind === "config") this.configEntries.push(entry);
    this.#tail.push(entry);
    this.#tailBytes += entry.data.length;
    this.#dropOld();
    return null;
  }

  #dropOld(): void {
    while (this.#tailBytes > RAFT_LOG_MEMORY_MAX_BYTES) {
      const oldest = this.#tail[this.#tailHead];
      if (oldest === undefined || oldest.index > this.#known.applied.index) break;
      this.#tailBytes -= oldest.data.length;
      this.#tailHead++;
    }
    if (this.#tailHead * 2 > this.#tail.length) {
      this.#tail = this.#tail.slice(this.#tailHead);
      this.#tailHead = 0;
    }
  }
}
