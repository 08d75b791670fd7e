/**
 * Memberships and their history: the newest config entry of the log is in
 * force from the moment it is appended, and no longer if it is truncated
 * (thesis, section 4.1).
 */
import { assert } from "../base/assert.ts";
import type { LogEntry, MemberPlace, Membership, PeerId, SnapshotMeta } from "./types.ts";

/** Format 1 has no addresses, since ids are addresses, and nobody was removed. */
const FORMAT_PLAIN = 1;
const FORMAT = 2;

/** First membership of a cluster; of a member that waits to be taken in, without peers. */
export function bootstrapMembership(
  peers: readonly PeerId[],
  addresses: Readonly<Record<PeerId, string>> = {},
): Membership {
  assert(new Set(peers).size === peers.length, `Peers must differ from each other: ${peers.join(", ")}`);
  const voters = [...peers].sort();
  return {
    voters,
    outgoing: [],
    learners: [],
    addresses: Object.fromEntries(voters.map((peer) => [peer, addresses[peer] ?? peer])),
    removed: [],
    featureLevel: 1,
  };
}

/** JSON text, so that an operator can read it in a damaged log; keys in fixed order. */
export function encodeMembership(membership: Membership): Uint8Array {
  const { voters, outgoing, learners, addresses, removed, featureLevel } = membership;
  const plain = removed.length === 0 && Object.entries(addresses).every(([id, address]) => id === address);
  const head = { version: plain ? FORMAT_PLAIN : FORMAT, voters, outgoing, learners, featureLevel };
  const book = Object.fromEntries(Object.entries(addresses).sort(([a], [b]) => (a < b ? -1 : 1)));
  return new TextEncoder().encode(JSON.stringify(plain ? head : { ...head, addresses: book, removed }));
}

/** Reads what {@link encodeMembership} wrote; the bytes passed a checksum before. */
export function decodeMembership(bytes: Uint8Array): Membership {
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  assert(typeof value === "object" && value !== null, "Membership must be an object");
  const record = value as Record<string, unknown>;
  const { version, featureLevel } = record;
  assert(version === FORMAT_PLAIN || version === FORMAT, `Membership format ${String(version)} is unknown`);
  assert(typeof featureLevel === "number", "Membership needs a feature level");
  const sets = {
    voters: peerList(record["voters"]),
    outgoing: peerList(record["outgoing"]),
    learners: peerList(record["learners"]),
  };
  const all = [...sets.voters, ...sets.outgoing, ...sets.learners];
  return {
    ...sets,
    addresses:
      version === FORMAT
        ? addressBook(record["addresses"])
        : bootstrapMembership([...new Set(all)]).addresses,
    removed: version === FORMAT ? peerList(record["removed"]) : [],
    featureLevel,
  };
}

/** Where a member is reached; undefined for one that is none. */
export function addressOf(membership: Membership, peer: PeerId): string | undefined {
  return membership.addresses[peer];
}

/** All members with their addresses. */
export function memberPlaces(membership: Membership): MemberPlace[] {
  return members(membership).map((id) => ({ id, address: addressOf(membership, id) ?? id }));
}

export function isVoter(membership: Membership, peer: PeerId): boolean {
  return membership.voters.includes(peer) || membership.outgoing.includes(peer);
}

/** Everyone who receives the log, each once. */
export function members(membership: Membership): PeerId[] {
  return [...new Set([...membership.voters, ...membership.outgoing, ...membership.learners])];
}

/** The membership at each index of the log, and so the one in force. */
export class MembershipHistory {
  /** Ascending by index; the first is that of the snapshot. */
  #changes: { readonly index: number; readonly encoded: Uint8Array; readonly membership: Membership }[];

  constructor(snapshot: SnapshotMeta, configEntries: readonly LogEntry[]) {
    this.#changes = [change(snapshot.index, snapshot.membership)];
    for (const entry of configEntries) this.append(entry);
  }

  get current(): Membership {
    const last = this.#changes[this.#changes.length - 1];
    assert(last !== undefined, "Membership history is never empty");
    return last.membership;
  }

  /** Index of the entry that brought the membership in force. */
  get index(): number {
    return this.#changes[this.#changes.length - 1]?.index ?? 0;
  }

  /** The membership that the log up to `index` says; the oldest known if that is newer. */
  at(index: number): Membership {
    return this.#changeAt(index).membership;
  }

  /** True if `peer` was in a membership of the log that is kept. */
  everHad(peer: PeerId): boolean {
    return this.#changes.some(({ membership }) => members(membership).includes(peer));
  }

  append(entry: LogEntry): void {
    assert(entry.kind === "config", `Entry ${entry.index} is no config entry`);
    this.#changes.push(change(entry.index, entry.data));
  }

  /** Forgets changes from `index` on; true if that changed the membership in force. */
  truncateFrom(index: number): boolean {
    const before = this.#changes.length;
    while (this.#changes.length > 1 && (this.#changes[this.#changes.length - 1]?.index ?? 0) >= index) {
      this.#changes.pop();
    }
    return this.#changes.length !== before;
  }

  /** Encoded membership in force once the entry at `index` is in the log. */
  encodedAt(index: number): Uint8Array {
    return this.#changeAt(index).encoded;
  }

  compact(index: number): void {
    const first = this.#changes.findLastIndex((candidate) => candidate.index <= index);
    if (first > 0) this.#changes = this.#changes.slice(first);
  }

  /** Starts anew from a snapshot, keeping changes of entries above it if `keepLater`. */
  install(snapshot: SnapshotMeta, keepLater: boolean): void {
    const later = keepLater ? this.#changes.filter((candidate) => candidate.index > snapshot.index) : [];
    this.#changes = [change(snapshot.index, snapshot.membership), ...later];
  }

  #changeAt(index: number) {
    let at = this.#changes.length - 1;
    while (at > 0 && (this.#changes[at]?.index ?? 0) > index) at--;
    const found = this.#changes[at];
    assert(found !== undefined, "Membership history is never empty");
    return found;
  }
}

function change(index: number, encoded: Uint8Array) {
  return { index, encoded, membership: decodeMembership(encoded) };
}

function peerList(value: unknown): PeerId[] {
  assert(Array.isArray(value), "Membership lists must be arrays");
  return value.map((peer: unknown) => {
    assert(typeof peer === "string", "A peer must be a string");
    return peer;
  });
}

function addressBook(value: unknown): Record<PeerId, string> {
  assert(typeof value === "object" && value !== null, "Membership needs addresses");
  const entries = Object.entries(value).map(([peer, address]): [PeerId, string] => {
    assert(typeof address === "string", `The address of ${peer} must be a string`);
    return [peer, address];
  });
  return Object.fromEntries(entries);
}
