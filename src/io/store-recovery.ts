/**
 * Reads a master's database on opening and decides what its damage means:
 *
 * - One copy of a fact is bad: the other one is taken and written again. Both: LOG_DAMAGED.
 * - An entry at or below the applied index is bad: its effect is in the state,
 *   so the log begins after that index.
 * - An entry above it is bad, or the log ends too early: the log ends before
 *   it, and the member is marked and fetches the rest from the leader
 *   (raft/repair.ts). Nothing is removed.
 * - The state is bad, or writes are lost in the middle: the member begins anew
 *   beside its old state, marked likewise.
 *
 * LevelDB cuts a torn last write by itself, so a log that ends before the
 * index that was written with its last batch is damaged, not torn. The facts
 * know the checksums of the applied and of the newest entry: an old record
 * that came back in such a place fits what is before it. (Of a
 * write whose whole batch was damaged at the very end of the file nobody can
 * tell whether it was ever complete; Alagappan and others, "Protocol-Aware
 * Recovery", FAST 2018, section 3.3.)
 */
import { assert } from "../base/assert.ts";
import { MeshError } from "../base/errors.ts";
import { holdsAllAgain, type RestoredStore } from "../raft/store.ts";
import type { LogDamage } from "../raft/types.ts";
import type { Database, LevelOperation, LevelView } from "./level.ts";
import { LogScan } from "./log-scan.ts";
import {
  type Facts,
  FORMAT,
  type HardStateFact,
  type MembershipFact,
  readFacts,
  type SnapshotFact,
} from "./store-facts.ts";
import {
  decodeFact,
  deleteFact,
  encodeStateValue,
  logRange,
  otherGenerations,
  plainKey,
  putFact,
  stateGeneration,
  stateKey,
  stateRange,
  wholeLogRange,
} from "./store-keys.ts";

const UPGRADE_RECORDS = 1_000;

export interface Recovered {
  readonly restored: RestoredStore;
  /** In force. */
  readonly generation: number;
  /**
   * Newest one that any key is of. Numbers are used once: keys of a transfer
   * that did not finish must not come up in the state of a later one, and their
   * removal, which is not synced, may be forgotten.
   */
  readonly newestGeneration: number;
  readonly scan: LogScan;
  readonly membership: MembershipFact;
}

/** Throws MeshError LOG_DAMAGED; removes leftovers of a log and state that are whole. */
export async function recoverStore(db: Database, directory: string): Promise<Recovered> {
  if (db.lost != null) {
    const { reason, hardState } = db.lost;
    await abandonState(db, directory, `acknowledged writes are missing: ${reason}`, hardState);
    await db.lost.noted();
  }
  const view = db.view();
  try {
    const facts = await readFacts(view, directory);
    const loss = await baseless(view, facts);
    if (loss !== undefined) {
      await abandonState(db, directory, loss);
      return await recoverStore(db, directory);
    }
    const recovered =
      facts.format === 1 ? await recoverFormat1(db, directory, facts) : await recover(db, facts);
    const newest = await newestGeneration(view, recovered.generation);
    await tidy(db, recovered);
    return { ...recovered, newestGeneration: newest };
  } finally {
    await view.close();
  }
}

/**
 * Why no log can begin after the applied index although it has to: a member that joined and has not been told
 * of a membership yet knows none that a log could begin with.
 */
async function baseless(view: LevelView, facts: Facts): Promise<string | undefined> {
  if (facts.membership.membership !== "" || facts.applied.index === facts.snapshot.index) return undefined;
  const scan = await LogScan.run(view, facts, facts.snapshot);
  if (scan.lastIndex >= facts.applied.index) return undefined;
  return `${damagedEntry(scan)}, and no membership is known to begin the log with after entry ${facts.applied.index}`;
}

/** The first one that is not in the log, and why. */
function damagedEntry({ lastIndex, bad }: LogScan): string {
  return `entry ${lastIndex + 1} of the log is damaged (${bad?.reason ?? "it is missing"})`;
}

/**
 * Begins anew with an empty state. The old state stays on disk under its
 * generation, and the log where it is, until a leader has brought all again.
 */
export async function abandonState(
  db: Database,
  directory: string,
  reason: string,
  newestHardState: Uint8Array | null = null,
): Promise<void> {
  const view = db.view();
  try {
    const facts = await readFacts(view, directory);
    const scan = await LogScan.run(view, facts, facts.snapshot);
    const [oldest] = scan.configEntries;
    // The log begins with it as if it were committed, which of a newer one in the log nobody knows.
    const membership =
      facts.membership.membership === "" && oldest !== undefined
        ? base64(oldest.data)
        : facts.membership.membership;
    const generation = (await newestGeneration(view, facts.generation)) + 1;
    const origin: SnapshotFact = { index: 0, term: 0, checksum: 0, membership };
    const hardState = newerHardState(facts, newestHardState);
    const lastIndex = Math.max(hardState.lastIndex ?? 0, scan.newestKey, facts.damage?.lastIndex ?? 0);
    const damage: LogDamage = { term: hardState.term, lastIndex, reason };
    await db.write(
      [
        ...facts.upgrades,
        ...putFact("format", FORMAT),
        ...putFact("hard-state", hardState),
        ...putFact("generation", generation),
        ...putFact("snapshot", origin),
        ...putFact("applied", { index: 0, term: 0, checksum: 0 }),
        ...putFact("membership", { index: 0, membership }),
        ...putFact("damage", damage),
      ],
      true,
    );
  } finally {
    await view.close();
  }
}

/** Newest generation of any key, or the one given if that is newer. */
async function newestGeneration(view: LevelView, least: number): Promise<number> {
  for (let newest = least; ; ) {
    const [, above] = otherGenerations(newest);
    assert(above !== undefined, "There are generations above any");
    const records = view.iterate(above);
    const [first] = await records.next(1);
    await records.close();
    if (first === undefined) return newest;
    newest = stateGeneration(first[0]);
  }
}

/** Of the hard state in the database and one that the database passed over. */
function newerHardState(facts: Facts, passedOver: Uint8Array | null): HardStateFact {
  const known = { ...facts.hardState, lastIndex: facts.lastIndex ?? 0 };
  const decoded = passedOver === null ? null : decodeFact("hard-state", passedOver, true);
  if (decoded?.ok !== true) return known;
  const { lastChecksum: _, ...other } = decoded.value as HardStateFact;
  const lastIndex = Math.max(known.lastIndex, other.lastIndex ?? 0);
  return { ...(other.term >= known.term ? other : known), lastIndex };
}

async function recover(db: Database, facts: Facts): Promise<Recovered> {
  const view = db.view();
  const warnings: string[] = facts.repairs.length > 0 ? ["A copy of a fact was damaged and is restored"] : [];
  const operations: LevelOperation[] = [...facts.repairs, ...facts.upgrades];
  if (facts.isNew) operations.push(...putFact("format", FORMAT));
  try {
    let snapshot = facts.snapshot;
    let scan = await LogScan.run(view, facts, snapshot);
    if (scan.lastIndex < facts.applied.index) {
      warnings.push(
        `Entry ${scan.lastIndex + 1} of the log is damaged (${scan.bad?.reason ?? "it is missing"}); its effect is in the state, so the log now begins after entry ${facts.applied.index}`,
      );
      snapshot = { ...facts.applied, membership: facts.membership.membership };
      scan = await LogScan.run(view, facts, snapshot);
      operations.push(...putFact("snapshot", snapshot));
    }
    const damage = damageOf(facts, scan);
    if (damage === null && facts.damage !== null) operations.push(...deleteFact("damage"));
    if (damage !== null && damage !== facts.damage) operations.push(...putFact("damage", damage));
    if (operations.length > 0) await db.write(operations, true);
    return recovered(facts, snapshot, scan, damage, warnings);
  } finally {
    await view.close();
  }
}

/** The damage of the log, new or of an earlier opening and not yet repaired. */
function damageOf(facts: Facts, scan: LogScan): LogDamage | null {
  const before = facts.damage;
  if (before !== null && holdsAllAgain(before, scan.lastIndex, scan.lastTerm)) return null;
  const { bad } = scan;
  const missing = scan.lastIndex < (facts.lastIndex ?? 0);
  if (bad === null && !missing) return before;
  // Records left over beyond the damage never fit what a leader put before them.
  if (before !== null) return before;
  const reason = damagedEntry(scan);
  const lastIndex = Math.max(facts.lastIndex ?? 0, scan.newestKey);
  return { term: facts.hardState.term, lastIndex, reason };
}

/** A database of before checksums of state values: gets them, into a generation of its own. */
async function recoverFormat1(db: Database, directory: string, facts: Facts): Promise<Recovered> {
  const view = db.view();
  try {
    const scan = await LogScan.run(view, facts, facts.snapshot);
    const { bad } = scan;
    if (bad?.goodAfter === true || scan.lastIndex < facts.applied.index) {
      throw new MeshError(
        "LOG_DAMAGED",
        `Cannot use the log in "${directory}": entry ${scan.lastIndex + 1} is damaged (${bad?.reason ?? "it is missing"}); replace this master by one with an empty --data-dir`,
      );
    }
    const tornEntries = bad === null ? 0 : scan.newestKey - scan.lastIndex;
    if (bad !== null) await db.clear(wholeLogRange(scan.lastIndex + 1));
    const generation = facts.generation + 1;
    await db.clear(stateRange(generation));
    const records = view.iterate(stateRange(facts.generation));
    while (true) {
      const batch = await records.next(UPGRADE_RECORDS);
      if (batch.length === 0) break;
      const puts = batch.map(([key, value]): LevelOperation => {
        const plain = plainKey(key);
        return { type: "put", key: stateKey(generation, plain), value: encodeStateValue(plain, value) };
      });
      await db.write(puts, true);
    }
    await records.close();
    const place = scan.places[facts.applied.index - facts.snapshot.index];
    const applied = {
      index: facts.applied.index,
      term: place?.term ?? 0,
      checksum: place?.checksum ?? 0,
    };
    const config = scan.configEntries.findLast((entry) => entry.index <= applied.index);
    const membership =
      config === undefined ? facts.membership : { index: config.index, membership: base64(config.data) };
    await db.write(
      [
        ...putFact("hard-state", { ...facts.hardState, lastIndex: scan.lastIndex }),
        ...putFact("snapshot", facts.snapshot),
        ...putFact("applied", applied),
        ...putFact("membership", membership),
        ...putFact("generation", generation),
        ...(facts.identity === null ? [] : putFact("identity", facts.identity)),
        ...putFact("format", FORMAT),
      ],
      true,
    );
    const result = recovered({ ...facts, generation, membership }, facts.snapshot, scan, null, []);
    return { ...result, restored: { ...result.restored, tornEntries } };
  } finally {
    await view.close();
  }
}

function recovered(
  facts: Facts,
  snapshot: SnapshotFact,
  scan: LogScan,
  damage: LogDamage | null,
  warnings: readonly string[],
): Recovered {
  const { index, term } = snapshot;
  const restored: RestoredStore = {
    identity: facts.identity,
    hardState: facts.hardState,
    snapshot: { index, term, membership: Buffer.from(snapshot.membership, "base64") },
    lastIndex: scan.lastIndex,
    termRuns: scan.termRuns,
    tailEntries: scan.tailEntries,
    configEntries: scan.configEntries,
    appliedIndex: facts.applied.index,
    tornEntries: 0,
    damage,
    warnings,
  };
  const { generation, membership } = facts;
  return { restored, generation, newestGeneration: generation, scan, membership };
}

/** Removes what a crash left behind; damage keeps everything but transfers that did not finish. */
async function tidy(db: Database, { restored, generation }: Recovered): Promise<void> {
  if (restored.damage !== null) {
    const [, unfinished] = otherGenerations(generation);
    if (unfinished !== undefined) await db.clear(unfinished);
    return;
  }
  await db.clear(wholeLogRange(restored.lastIndex + 1));
  if (restored.snapshot.index > 0) await db.clear(logRange(0, restored.snapshot.index));
  for (const range of otherGenerations(generation)) await db.clear(range);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
