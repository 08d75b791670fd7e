/** The facts a master's database holds about itself, each written twice (store-keys.ts). */
import { assert } from "../base/assert.ts";
import { MeshError } from "../base/errors.ts";
import type { StoreIdentity } from "../raft/store.ts";
import type { HardState, LogDamage } from "../raft/types.ts";
import type { LevelOperation, LevelView } from "./level.ts";
import type { LogStart } from "./log-scan.ts";
import { decodeFact, type MetaName, metaCopyKey, metaKey, putFact } from "./store-keys.ts";

/**
 * 2: checksums of state values, two copies of facts. 3: the checksum of a fact covers its name. Older
 * formats are rewritten on opening.
 */
export const FORMAT = 3;
const NAMELESS_FORMAT_MAX = 2;

/** The entry before the log, with the membership (base64) in force there. */
export interface SnapshotFact extends LogStart {
  readonly membership: string;
}

/** Goes with every batch, so that a lost batch in the middle cannot bring back an old vote. */
export interface HardStateFact extends HardState {
  /** Newest entry of the log; absent in format 1. */
  readonly lastIndex?: number;
  /** Of that entry's record; absent if it was not known, or written by an older version. */
  readonly lastChecksum?: number;
}

export interface MembershipFact {
  readonly index: number;
  /** Base64. */
  readonly membership: string;
}

export interface Facts {
  readonly isNew: boolean;
  readonly format: number;
  readonly identity: StoreIdentity | null;
  readonly hardState: HardState;
  /** null: not known (format 1). */
  readonly lastIndex: number | null;
  readonly lastChecksum: number | null;
  readonly snapshot: SnapshotFact;
  /** The state on disk shows entries up to here; term and checksum are 0 in format 1. */
  readonly applied: LogStart;
  /** In force at `applied`. */
  readonly membership: MembershipFact;
  readonly generation: number;
  readonly damage: LogDamage | null;
  /** Good copies for damaged ones. */
  readonly repairs: LevelOperation[];
  /** All facts anew, with the format: those of format 2. */
  readonly upgrades: LevelOperation[];
}

const ORIGIN: SnapshotFact = { index: 0, term: 0, checksum: 0, membership: "" };

/** Throws MeshError LOG_DAMAGED if both copies of a fact are damaged. */
export async function readFacts(view: LevelView, directory: string): Promise<Facts> {
  const repairs: LevelOperation[] = [];
  const upgrades: LevelOperation[] = [];
  let nameless = false;
  const read = async (name: MetaName): Promise<unknown> => {
    const fact = await readFact(view, directory, { name, nameless }, repairs);
    if (nameless && fact !== undefined) upgrades.push(...putFact(name, fact));
    return fact;
  };
  const format = await read("format");
  if (format !== undefined && (typeof format !== "number" || format < 1 || format > FORMAT)) {
    throw unusable(directory, "format", `format ${String(format)} is of another version of mesh`);
  }
  nameless = format !== undefined && format <= NAMELESS_FORMAT_MAX;
  if (nameless) upgrades.push(...putFact("format", FORMAT));
  const generation = (await read("generation")) ?? 0;
  assert(typeof generation === "number", "The generation is a number");
  // A fact whose checksum fits is what this program wrote.
  const { lastIndex, lastChecksum, ...hardState } = ((await read("hard-state")) ?? {
    term: 0,
    votedFor: null,
    ...(format === undefined ? { lastIndex: 0 } : {}),
  }) as HardStateFact;
  const snapshot = ((await read("snapshot")) ?? ORIGIN) as SnapshotFact;
  const applied = ((await read("applied")) ?? 0) as LogStart | number;
  const { index, membership } = snapshot;
  return {
    isNew: format === undefined,
    format: format ?? FORMAT,
    identity: ((await read("identity")) ?? null) as StoreIdentity | null,
    hardState,
    lastIndex: lastIndex ?? null,
    lastChecksum: lastChecksum ?? null,
    snapshot,
    applied: typeof applied === "number" ? { index: applied, term: 0, checksum: 0 } : applied,
    membership: ((await read("membership")) ?? { index, membership }) as MembershipFact,
    generation,
    damage: ((await read("damage")) ?? null) as LogDamage | null,
    repairs,
    upgrades,
  };
}

async function readFact(
  view: LevelView,
  directory: string,
  { name, nameless }: { readonly name: MetaName; readonly nameless: boolean },
  repairs: LevelOperation[],
): Promise<unknown> {
  const [first, second] = [await view.get(metaKey(name)), await view.get(metaCopyKey(name))];
  if (first === undefined && second === undefined) return undefined;
  const decoded = [first, second].map((bytes) =>
    bytes === undefined ? undefined : decodeFact(name, bytes, nameless),
  );
  const good = decoded.findIndex((fact) => fact?.ok === true);
  const fact = decoded[good];
  const value = [first, second][good];
  if (fact?.ok !== true || value === undefined) {
    const bad = decoded.find((copy) => copy?.ok === false);
    throw unusable(directory, name, bad?.ok === false ? bad.error : "it is missing");
  }
  if (decoded.some((copy) => copy?.ok !== true)) {
    for (const key of [metaKey(name), metaCopyKey(name)]) repairs.push({ type: "put", key, value });
  }
  return fact.value;
}

function unusable(directory: string, name: string, reason: string): MeshError {
  return new MeshError(
    "LOG_DAMAGED",
    `Cannot use the database "${directory}": its record "${name}" is damaged (${reason}); replace this master by one with an empty --data-dir, or restore a backup with 'mesh raft restore'`,
  );
}
