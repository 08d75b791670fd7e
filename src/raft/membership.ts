/**
 * Memberships and their history: the newest config entry of the log is in
 * force from the moment it is appended, and no longer if it is truncated
 * (thesis, section 4.1).
 */
import { assert } from "../base/assert.ts";
import type { LogEntry, Membership, PeerId, SnapshotMeta } from "./types.ts";

const FORMAT_VERSION = 1;

/** First membership of a cluster. */
export function bootstrapMembership(peers: readonly PeerId[]): Membership {
  assert(peers.length > 0, "A cluster needs at least one peer");
  assert(new Set(peers).size === peers.length, `Peers must differ from each other: ${peers.join(", ")}`);
  return { voters: [...peers].sort(), outgoing: [], learners: [], featureLevel: 1 };
}

/** JSON text, so that an operator can read it in a damaged log; keys in fixed order. */
export function encodeMembership(membership: Membership): Uint8Array {
  const { voters, outgoing, learners, featureLevel } = membership;
  return new TextEncoder().encode(
    JSON.stringify({ version: FORMAT_VERSION, voters, outgoing, learners, featureLevel }),
  );
}

/** Reads what {@link encodeMembership} wrote; the bytes passed a checksum before. */
export function decodeMembership(bytes: Uint8Array): Membership {
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  assert(typeof value === "object" && value !== null, "Membership must be an object");
  const record = value as Record<string, unknown>;
  assert(record["version"] === FORMAT_VERSION, `Membership format ${String(record["version"])} is unknown`);
  const featureLevel = record["featureLevel"];
  assert(typeof featureLevel === "number", "Membership needs a feature level");
  return {
    voters: peerList(record["voters"]),
    outgoing: peerList(record["outgoing"]),
    learners: peerList(record["learners"]),
    featureLevel,
  };
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
    const found = this.#changes.findLast((candidate) => candidate.index <= index) ?? this.#changes[0];
    assert(found !== undefined, "Membership history is never empty");
    return found.encoded;
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
