/** A raft status as the port shows it, and the names by which operators call members. */
import { memberPlaces } from "../raft/membership.ts";
import type { RaftStatus as Status } from "../raft/status.ts";
import type { Membership, MembershipChange, PeerId } from "../raft/types.ts";
import type { DigestWatch } from "./digest-watch.ts";
import type { MasterChange, RaftStatus } from "./port.ts";

export function raftView(status: Status, ownAddress: string, digests: DigestWatch): RaftStatus {
  const { self, role, term, leader, membership, commitIndex, appliedIndex, firstIndex, lastIndex } = status;
  const { voters, outgoing, learners } = membership;
  const members = memberPlaces(membership).map(({ id, address }) => ({
    id,
    address,
    votes: !learners.includes(id),
  }));
  const peers = status.peers.map(({ id, matchIndex, active }) => ({ id, matchIndex, connected: active }));
  return {
    self,
    address: membership.addresses[self] ?? ownAddress,
    role,
    term,
    leader: leader ?? undefined,
    commitIndex,
    appliedIndex,
    firstIndex,
    lastIndex,
    members,
    joint: outgoing.length > 0 ? { from: outgoing, to: voters } : undefined,
    featureLevel: membership.featureLevel,
    damage: status.damage?.reason,
    digest: digestView(digests),
    peers,
  };
}

function digestView(digests: DigestWatch): RaftStatus["digest"] {
  const { round, diverged } = digests;
  if (round === undefined) return { diverged, index: undefined, agreed: 0, members: 0, differing: [] };
  const { index, members, differing, unheard } = round;
  return { diverged, index, agreed: round.digests.size - differing.length, members, differing, unheard };
}

/** The id of the member with this id or raft address; an unknown name as it is. */
export function memberNamed(membership: Membership, name: string): PeerId {
  const found = memberPlaces(membership).find(({ id, address }) => id === name || address === name);
  return found?.id ?? name;
}

/** As raft takes it. */
export function memberChange(membership: Membership, change: MasterChange): MembershipChange {
  if (change.kind !== "add-learner") return { kind: change.kind, id: memberNamed(membership, change.member) };
  const { id, address } = change;
  return { kind: change.kind, member: { id, address } };
}
