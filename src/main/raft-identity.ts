/** Which of the peers this master is. */
import { hostname, networkInterfaces } from "node:os";
import { MeshError } from "../base/errors.ts";
import { decodeMembership } from "../raft/membership.ts";
import type { RestoredStore } from "../raft/store.ts";
import { splitAddress } from "./flags.ts";

export interface RaftIdentity {
  readonly self: string;
  readonly peers: readonly string[];
}

export interface RaftPlace {
  /** Raft addresses of all masters; empty: a single master. */
  readonly peers: readonly string[];
  /** Address this master tells others. */
  readonly ip: string;
  readonly raftPort: number;
}

/** Throws MeshError BAD_FLAG when the peers do not name this master exactly once. */
export function raftIdentity(place: RaftPlace, restored: RestoredStore): RaftIdentity {
  const { peers, ip, raftPort } = place;
  if (peers.length > 0) {
    const self = ownPeer(place);
    return { self, peers };
  }
  // A single master keeps the name it first had, whatever its address is now.
  const self = onlyVoter(restored) ?? `${ip}:${raftPort}`;
  return { self, peers: [self] };
}

/** Checks the flag before anything is opened. */
export function checkPeers(place: RaftPlace): void {
  const { peers } = place;
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

function onlyVoter(restored: RestoredStore): string | undefined {
  const encoded = restored.configEntries.at(-1)?.data ?? restored.snapshot.membership;
  if (encoded.length === 0) return undefined;
  const { voters, outgoing } = decodeMembership(encoded);
  return voters.length === 1 && outgoing.length === 0 ? voters[0] : undefined;
}
