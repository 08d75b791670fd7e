/**
 * Keeps damage to disks recoverable in principle: in every membership that a
 * member knows, a majority of voters has a disk that is whole, so every
 * committed entry has a good copy in every quorum of them. (The idea:
 * TigerBeetle's fault atlas.)
 */
import type { Random } from "../../src/base/random.ts";
import type { PeerId } from "../../src/raft/types.ts";
import type { Cluster } from "./cluster.ts";
import type { Member } from "./member.ts";
import { type SimDisk, spoil } from "./sim-disk.ts";

export type Damage = "bit-rot" | "misdirected-write" | "stale-sector" | "lost-writes";

/** One of these is forgotten. */
const NEWEST_MAX_ENTRIES = 20;
const SPOILT_MAX_ENTRIES = 4;

export class FaultAtlas {
  readonly #cluster: Cluster;
  readonly #random: Random;

  constructor(cluster: Cluster, random: Random) {
    this.#cluster = cluster;
    this.#random = random;
  }

  /** True if the cluster can do without this member's disk, beside those it does without already. */
  canSpare(member: Member): boolean {
    const broken = new Set<PeerId>([member.id]);
    for (const other of this.#cluster.members) if (isBroken(other)) broken.add(other.id);
    return this.#cluster.members.every(({ membership }) =>
      [membership.voters, membership.outgoing].every(
        (set) => set.length === 0 || set.filter((peer) => broken.has(peer)).length * 2 < set.length,
      ),
    );
  }

  /** Damages what is stored; returns what it did, or null if it may not or cannot. */
  strike(member: Member, damage: Damage): string | null {
    const { disk } = member;
    if (member.destroyed || !this.canSpare(member)) return null;
    if (damage === "lost-writes") {
      // The file is read when the database is opened.
      member.crash(true);
      return disk.loseWrites() ? `lost writes at ${member.id}` : null;
    }
    const key = this.#chooseKey(disk, damage);
    const value = key === undefined ? null : this.#damaged(disk, key, damage);
    if (key === undefined || value === null) return null;
    disk.damage(key, value);
    return `${damage} at ${member.id}, record ${JSON.stringify(key)}`;
  }

  /**
   * Spoils one of the newest records of a member's log, or brings back an entry
   * that was replaced; its process must not run.
   */
  forgetNewest(member: Member, damage: "bit-rot" | "stale-sector"): string | null {
    const { disk } = member;
    if (member.destroyed || !this.canSpare(member)) return null;
    const newest = disk.keys((key) => key.startsWith("l")).slice(-NEWEST_MAX_ENTRIES);
    const keys = damage === "stale-sector" ? replaced(disk, newest) : newest.slice(-SPOILT_MAX_ENTRIES);
    if (keys.length === 0) return null;
    const key = this.#random.pick(keys);
    const value = this.#damaged(disk, key, damage);
    if (value === null) return null;
    disk.damage(key, value);
    return `${damage} at ${member.id}, which forgets from record ${JSON.stringify(key)} on`;
  }

  /** A record of the log or the state, or one copy of a fact. */
  #chooseKey(disk: SimDisk, damage: Damage): string | undefined {
    const places = damage === "bit-rot" ? this.#random.pick(["l", "l", "s", "n", "m"]) : "l";
    // The other copy of a damaged fact must stay.
    const spared = places === "m" ? "n" : places === "n" ? "m" : null;
    if (spared !== null && [...disk.damaged.keys()].some((key) => key.startsWith(spared))) return undefined;
    const keys = disk.keys((key) => key.startsWith(places) && !disk.isPending(key));
    const candidates = damage === "stale-sector" ? replaced(disk, keys) : keys;
    return candidates.length === 0 ? undefined : this.#random.pick(candidates);
  }

  #damaged(disk: SimDisk, key: string, damage: Damage): Uint8Array | null {
    const value = disk.value(key);
    if (value === undefined || value.length === 0) return null;
    switch (damage) {
      case "bit-rot":
        return spoil(value, this.#random);
      case "misdirected-write": {
        const other = this.#random.pick(disk.keys((candidate) => candidate.startsWith("l")));
        return other === key ? null : (disk.value(other) ?? null);
      }
      case "stale-sector": {
        const older = disk.olderValue(key);
        return older === undefined || Buffer.compare(older, value) === 0 ? null : older;
      }
      case "lost-writes":
        return null;
    }
  }
}

/** Records with an older version. */
function replaced(disk: SimDisk, keys: readonly string[]): string[] {
  return keys.filter((key) => disk.olderValue(key) !== undefined);
}

/** Its disk cannot be counted on. */
export function isBroken({ destroyed, refused, disk, repairing }: Member): boolean {
  return destroyed || refused || repairing || disk.isDamaged;
}
