/** Majorities, plain and joint (thesis, section 4.3: both sets must agree). */
import type { Membership, PeerId } from "./types.ts";

export type VoteResult = "won" | "lost" | "pending";

/** Voters needed to decide in a set of `size`. */
export function majority(size: number): number {
  return Math.floor(size / 2) + 1;
}

/** Outcome of an election given the answers so far; undefined = no answer yet. */
export function countVotes(
  membership: Membership,
  voteOf: (peer: PeerId) => boolean | undefined,
): VoteResult {
  const incoming = countSet(membership.voters, voteOf);
  if (membership.outgoing.length === 0) return incoming;
  const outgoing = countSet(membership.outgoing, voteOf);
  if (incoming === "lost" || outgoing === "lost") return "lost";
  return incoming === "won" && outgoing === "won" ? "won" : "pending";
}

/** True if those for whom `has` holds can decide for the cluster. */
export function isQuorum(membership: Membership, has: (peer: PeerId) => boolean): boolean {
  return countVotes(membership, (peer) => has(peer) || undefined) === "won";
}

/** Largest index that a quorum holds. */
export function quorumIndex(membership: Membership, matchOf: (peer: PeerId) => number): number {
  const incoming = setIndex(membership.voters, matchOf);
  if (membership.outgoing.length === 0) return incoming;
  return Math.min(incoming, setIndex(membership.outgoing, matchOf));
}

function countSet(voters: readonly PeerId[], voteOf: (peer: PeerId) => boolean | undefined): VoteResult {
  let granted = 0;
  let refused = 0;
  for (const peer of voters) {
    const vote = voteOf(peer);
    if (vote === true) granted++;
    else if (vote === false) refused++;
  }
  const needed = majority(voters.length);
  if (granted >= needed) return "won";
  return voters.length - refused < needed ? "lost" : "pending";
}

function setIndex(voters: readonly PeerId[], matchOf: (peer: PeerId) => number): number {
  if (voters.length === 0) return 0;
  const needed = majority(voters.length);
  let index = 0;
  // Without a list: this runs for every answer of a follower, and voters are few.
  for (const peer of voters) {
    const match = matchOf(peer);
    if (match <= index) continue;
    let holders = 0;
    for (const other of voters) if (matchOf(other) >= match) holders++;
    if (holders >= needed) index = match;
  }
  return index;
}
