/** Reads a master's database on opening: facts, the checked log, and what a crash left behind. */
import { assert } from "../base/assert.ts";
import { MeshError } from "../base/errors.ts";
import { RAFT_LOG_MEMORY_MAX_BYTES } from "../base/limits.ts";
import type { RestoredStore, StoreIdentity } from "../raft/store.ts";
import type { HardState, LogEntry, SnapshotMeta, TermRun } from "../raft/types.ts";
import type { Database, LevelView } from "./level.ts";
import { decodeLogRecord, type LogRecord } from "./log-record.ts";
import {
  decodeFact,
  encodeFact,
  logIndex,
  logRange,
  type MetaName,
  metaKey,
  otherGenerations,
  wholeLogRange,
} from "./store-keys.ts";

const FORMAT = 1;
const SCAN_RECORDS = 1_000;

/** Facts as they are written. */
export interface SnapshotFact {
  readonly index: number;
  readonly term: number;
  readonly checksum: number;
  /** Base64. */
  readonly membership: string;
}

/** What a store keeps in memory of each entry. */
export interface EntryPlace {
  readonly term: number;
  readonly checksum: number;
}

export interface Recovered {
  readonly restored: RestoredStore;
  readonly generation: number;
  /** Term and checksum of the snapshot's entry and of all after it. */
  readonly places: EntryPlace[];
}

/** Throws MeshError LOG_DAMAGED; cuts a torn tail and removes leftovers. */
export async function recoverStore(db: Database, directory: string): Promise<Recovered> {
  const view = db.view();
  try {
    const facts = await readFacts(view, directory);
    const { snapshot, generation, appliedIndex } = facts;
    const log = new LogScan(facts.appliedIndex, snapshot.index, snapshot);
    await scanLog(view, log, directory);
    if (log.lastIndex < appliedIndex) {
      throw damaged(directory, log.lastIndex + 1, "it is missing, but it was applied");
    }
    if (log.tornEntries > 0) await db.clear(wholeLogRange(log.lastIndex + 1));
    if (snapshot.index > 0) await db.clear(logRange(0, snapshot.index));
    for (const range of otherGenerations(generation)) await db.clear(range);
    if (facts.isNew)
      await db.write([{ type: "put", key: metaKey("format"), value: encodeFact(FORMAT) }], true);
    const membership = Buffer.from(snapshot.membership, "base64");
    const meta: SnapshotMeta = { index: snapshot.index, term: snapshot.term, membership };
    const restored = {
      identity: facts.identity,
      hardState: facts.hardState,
      snapshot: meta,
      lastIndex: log.lastIndex,
      termRuns: log.termRuns,
      tailEntries: log.tailEntries,
      configEntries: log.configEntries,
      appliedIndex,
      tornEntries: log.tornEntries,
    };
    return { restored, generation, places: log.places };
  } finally {
    await view.close();
  }
}

/** What a pass over the log collects. */
class LogScan {
  readonly termRuns: TermRun[] = [];
  readonly configEntries: LogEntry[] = [];
  readonly places: EntryPlace[];
  lastIndex: number;
  tornEntries = 0;
  #tail: LogEntry[] = [];
  #tailBytes = 0;
  #tailHead = 0;
  readonly #appliedIndex: number;

  constructor(appliedIndex: number, snapshotIndex: number, snapshot: EntryPlace) {
    this.#appliedIndex = appliedIndex;
    this.lastIndex = snapshotIndex;
    this.places = [{ term: snapshot.term, checksum: snapshot.checksum }];
  }

  /** The newest entries, within the bound on memory. */
  get tailEntries(): LogEntry[] {
    return this.#tail.slice(this.#tailHead);
  }

  /** Null if the record follows the ones before; otherwise what is wrong with it. */
  add(index: number, record: LogRecord): string | null {
    if (index !== this.lastIndex + 1) return `entry ${this.lastIndex + 1} before it is missing`;
    if (record.entry.index !== index) return `it is entry ${record.entry.index}, misplaced`;
    if (record.previousChecksum !== this.places.at(-1)?.checksum)
      return "it does not follow the entry before it";
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
      if (oldest === undefined || oldest.index > this.#appliedIndex) break;
      this.#tailBytes -= oldest.data.length;
      this.#tailHead++;
    }
    if (this.#tailHead * 2 > this.#tail.length) {
      this.#tail = this.#tail.slice(this.#tailHead);
      this.#tailHead = 0;
    }
  }
}

/**
 * A bad record with nothing good after it is the torn end of the last write,
 * which nobody was told of: it is cut. Anything else is damage that may have
 * hit committed entries (Alagappan and others, "Protocol-Aware Recovery",
 * FAST 2018), and cutting it would lose them.
 */
async function scanLog(view: LevelView, log: LogScan, directory: string): Promise<void> {
  const records = view.iterate(wholeLogRange(log.lastIndex + 1));
  let firstBad: { readonly index: number; readonly reason: string } | null = null;
  try {
    while (true) {
      const batch = await records.next(SCAN_RECORDS);
      if (batch.length === 0) break;
      for (const [key, value] of batch) {
        const index = logIndex(key);
        const record = decodeLogRecord(value);
        const reason = record.ok ? log.add(index, record.value) : `it has ${record.error}`;
        if (reason === null && firstBad === null) continue;
        if (firstBad !== null && record.ok) throw damaged(directory, firstBad.index, firstBad.reason);
        if (firstBad === null && record.ok) throw damaged(directory, index, reason ?? "");
        firstBad ??= { index, reason: reason ?? "" };
        log.tornEntries++;
      }
    }
  } finally {
    await records.close();
  }
}

async function readFacts(view: LevelView, directory: string) {
  const read = async (name: MetaName): Promise<unknown> => {
    const bytes = await view.get(metaKey(name));
    if (bytes === undefined) return undefined;
    const fact = decodeFact(bytes);
    if (!fact.ok) throw damagedFact(directory, name, fact.error);
    return fact.value;
  };
  const format = await read("format");
  if (format !== undefined && format !== FORMAT) {
    throw damagedFact(directory, "format", `format ${String(format)} is of another version of mesh`);
  }
  const none: SnapshotFact = { index: 0, term: 0, checksum: 0, membership: "" };
  const appliedIndex = (await read("applied")) ?? 0;
  const generation = (await read("generation")) ?? 0;
  assert(typeof appliedIndex === "number" && typeof generation === "number", "Facts are numbers");
  return {
    isNew: format === undefined,
    appliedIndex,
    generation,
    // A fact whose checksum fits is what this program wrote.
    identity: ((await read("identity")) ?? null) as StoreIdentity | null,
    hardState: ((await read("hard-state")) ?? { term: 0, votedFor: null }) as HardState,
    snapshot: ((await read("snapshot")) ?? none) as SnapshotFact,
  };
}

function damaged(directory: string, index: number, reason: string): MeshError {
  return new MeshError(
    "LOG_DAMAGED",
    `Cannot use the log in "${directory}": entry ${index} is damaged (${reason}); start this master with an empty --data-dir, it then gets the log from the others`,
  );
}

function damagedFact(directory: string, name: string, reason: string): MeshError {
  return new MeshError(
    "LOG_DAMAGED",
    `Cannot use the database "${directory}": its record "${name}" is damaged (${reason}); start this master with an empty --data-dir`,
  );
}
