/** Reads the registry's keys from one view of a master's database. */
import type { StateReader } from "../raft/store.ts";
import type { StateRecord } from "../raft/types.ts";
import type { Database, LevelView } from "./level.ts";
import type { LogStart } from "./log-scan.ts";
import {
  decodeFact,
  decodeStateValue,
  type MetaName,
  metaCopyKey,
  metaKey,
  plainKey,
  stateRange,
} from "./store-keys.ts";

const READ_RECORDS = 2_048;

/** A value of the state is not what was written. */
export class StateDamaged extends Error {
  override readonly name = "StateDamaged";
}

/**
 * What is in force in the view, which may be older than what was written last. `onDamage` is told of a
 * damaged value before the reading fails with it.
 */
export async function openStateReader(
  db: Database,
  onDamage: (error: StateDamaged) => void,
): Promise<StateReader> {
  const view = db.view();
  const facts = await readFacts(view);
  if (facts instanceof StateDamaged) {
    await view.close();
    onDamage(facts);
    throw facts;
  }
  const { appliedIndex, generation } = facts;
  const source = view.iterate(stateRange(generation));
  /** Read ahead: the next step runs on another core while this one's records are used. */
  let ahead: ReturnType<typeof source.next> | undefined;
  /** Read but not handed out yet. */
  let waiting: StateRecord[] = [];
  let ended = false;
  let open = true;

  const refill = async (): Promise<void> => {
    if (waiting.length > 0 || ended) return;
    const batch = await (ahead ?? source.next(READ_RECORDS));
    ended = batch.length === 0;
    ahead = ended ? undefined : source.next(READ_RECORDS);
    // Reported when it is awaited; who closes before that does not care.
    ahead?.catch(() => {});
    waiting = batch.map(([stored, checked]) => {
      const key = plainKey(stored);
      const value = decodeStateValue(key, checked);
      if (value === undefined) {
        const error = new StateDamaged(`the value of "${Buffer.from(key)}" has a wrong checksum`);
        onDamage(error);
        throw error;
      }
      return [key, value];
    });
  };

  return {
    appliedIndex,
    async next(maxBytes) {
      const records: StateRecord[] = [];
      let bytes = 0;
      while (true) {
        await refill();
        if (waiting.length === 0) return { records, done: true };
        let taken = 0;
        for (const record of waiting) {
          bytes += record[0].length + record[1].length;
          if (records.length > 0 && bytes > maxBytes) break;
          records.push(record);
          taken++;
        }
        waiting = waiting.slice(taken);
        if (waiting.length > 0) return { records, done: false };
      }
    },
    async close() {
      if (!open) return;
      open = false;
      await ahead?.catch(() => {});
      await source.close();
      await view.close();
    },
  };
}

async function readFacts(
  view: LevelView,
): Promise<{ readonly appliedIndex: number; readonly generation: number } | StateDamaged> {
  const applied = await readFact(view, "applied");
  const generation = await readFact(view, "generation");
  const damaged = applied === DAMAGED ? "applied" : generation === DAMAGED ? "generation" : undefined;
  if (damaged !== undefined) return new StateDamaged(`both copies of the record "${damaged}" are damaged`);
  return {
    appliedIndex: (applied as LogStart | undefined)?.index ?? 0,
    generation: (generation as number | undefined) ?? 0,
  };
}

const DAMAGED = Symbol("both copies are damaged");

/** A fact whose checksum fits is what this program wrote. Undefined if it was never written. */
async function readFact(view: LevelView, name: MetaName): Promise<unknown> {
  const copies = [await view.get(metaKey(name)), await view.get(metaCopyKey(name))];
  if (copies.every((copy) => copy === undefined)) return undefined;
  for (const copy of copies) {
    const fact = copy === undefined ? undefined : decodeFact(name, copy);
    if (fact?.ok === true) return fact.value;
  }
  return DAMAGED;
}
