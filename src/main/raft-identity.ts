/** Who this master is in the raft group, and how it comes into one. */
import { hostname, networkInterfaces } from "node:os";
import { MeshError } from "../base/errors.ts";
import { decodeMembership, members } from "../raft/membership.ts";
import type { RestoredStore } from "../raft/store.ts";
import type { Membership, RaftConfig } from "../raft/types.ts";
import { FEATURE_LEVEL } from "../registry/command-level.ts";
import { splitAddress } from "./flags.ts";

export interface RaftPlace {
  /** Raft addresses of all masters of a new cluster; empty: a single master, or one that joins. */
  readonly peers: readonly string[];
  /** HTTP addresses of masters whose cluster this one is to join; empty: none. */
  readonly join: readonly string[];
  /** Address this master tells others. */
  readonly ip: string;
  readonly raftPort: number;
}

/**
 * The member id of a directory: drawn when it is first used. A directory of
 * before member ids goes by its raft address for ever.
 *
 * Throws MeshError BAD_FLAG when such a directory and --peers do not say which address that is.
 */
export function memberId(place: RaftPlace, restored: RestoredStore, newId: () => string): string {
  const own = restored.identity?.memberId ?? newId();
  const membership = storedMembership(restored);
  if (membership === undefined) return own;
  const ids = members(membership);
  if (ids.length === 0 || ids.includes(own) || membership.removed.includes(own)) return own;
  const namedByAddress = ids.every((id) => membership.addresses[id] === id);
  if (!namedByAddress) return own;
  if (place.peers.length > 0) return ownPeer(place);
  // A single master keeps the name it first had, whatever its address is now.
  return (ids.length === 1 ? ids[0] : undefined) ?? own;
}

/** How the node starts: it knows nobody until it finds, opens or joins a cluster. */
export function raftConfig(self: string, place: RaftPlace): RaftConfig {
  const address = raftAddress(place);
  return {
    self,
    peers: [],
    addresses: { [self]: address },
    announceMembership: true,
    featureLevel: FEATURE_LEVEL,
  };
}

/** Without --peers and --join a new master opens a cluster of its own. */
export function foundsAlone({ peers, join }: Pick<RaftPlace, "peers" | "join">): boolean {
  return peers.length <= 1 && join.length === 0;
}

/** Raft address under which the others reach this master. */
export function raftAddress(place: RaftPlace): string {
  return place.peers.length > 0 ? ownPeer(place) : `${place.ip}:${place.raftPort}`;
}

/** Checks the flags before anything is opened. */
export function checkPeers(place: RaftPlace): void {
  const { peers, join } = place;
  if (peers.length > 0 && join.length > 0) {
    throw new MeshError(
      "BAD_FLAG",
      "Flags --peers and --join exclude each other: --peers opens a new cluster, --join enters one that is there",
    );
  }
  if (peers.length === 0) return;
  if (new Set(peers).size !== peers.length) {
    throw new MeshError(
      "BAD_FLAG",
      `Flag --peers has the value '${peers.join(",")}': expected each address once`,
    );
  }
  ownPeer(place);
}

function ownPeer({ peers, ip, raftPort }: RaftPlace): string {
  const own = ownHosts(ip);
  const matching = peers.filter((peer) => {
    const address = splitAddress(peer);
    return address.port === raftPort && own.has(address.hostname);
  });
  const exact = matching.find((peer) => splitAddress(peer).hostname === ip);
  const self = exact ?? matching[0];
  if (self !== undefined && (exact !== undefined || matching.length === 1)) return self;
  const found = matching.length === 0 ? "none of them is" : `${matching.length} of them are`;
  throw new MeshError(
    "BAD_FLAG",
    `Flag --peers has the value '${peers.join(",")}': ${found} this machine with raft port ${raftPort}. ` +
      "Name every master once, this one among them, and say which by --ip and --raft-port",
  );
}

function ownHosts(ip: string): ReadonlySet<string> {
  const hosts = new Set([ip, hostname(), "localhost", "127.0.0.1", "[::1]"]);
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { address, family } of addresses ?? [])
      hosts.add(family === "IPv6" ? `[${address}]` : address);
  }
  return hosts;
}

/** The membership on disk, if there ever was one. */
function storedMembership(restored: RestoredStore): Membership | undefined {
  const encoded = restored.configEntries.at(-1)?.data ?? restored.snapshot.membership;
  return encoded.length === 0 ? undefined : decodeMembership(encoded);
}
