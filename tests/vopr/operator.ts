/**
 * Changes who takes part, as an operator does it: takes in new members, makes
 * voters of those that caught up, removes some, the broken ones first.
 */
import type { Random } from "../../src/base/random.ts";
import { members as membersOf } from "../../src/raft/membership.ts";
import type { Membership, MembershipChange } from "../../src/raft/types.ts";
import type { Cluster } from "./cluster.ts";
import { type FaultAtlas, isBroken } from "./fault-atlas.ts";
import type { Member } from "./member.ts";

const MEMBERS_MAX = 7;
/** New members ever; the run is short. */
const JOINS_MAX = 8;

export class Operator {
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #atlas: FaultAtlas;
  #joins = 0;
  #nextRef = 1;

  constructor(cluster: Cluster, atlas: FaultAtlas, random: Random) {
    this.#cluster = cluster;
    this.#atlas = atlas;
    this.#random = random;
  }

  /** One order, to whoever seems to lead. */
  order(): void {
    const leader = this.#cluster.leader();
    if (leader === undefined || !leader.machine.answers) return;
    const change = this.#choose(leader.membership);
    if (change === null) return;
    this.#cluster.note(`operator asks ${leader.id}: ${describe(change)}`);
    leader.step({ kind: "change-membership", ref: this.#nextRef++, change });
  }

  #choose(membership: Membership): MembershipChange | null {
    const { members } = this.#cluster;
    const taking = membersOf(membership);
    const broken = members.find((member) => taking.includes(member.id) && isHopeless(member));
    if (broken !== undefined) return { kind: "remove", id: broken.id };
    const learner = members.find(({ id }) => membership.learners.includes(id));
    if (learner !== undefined && !isBroken(learner) && this.#random.chance(0.6))
      return { kind: "promote", id: learner.id };
    if (taking.length < MEMBERS_MAX && this.#joins < JOINS_MAX && this.#random.chance(0.5))
      return this.#join();
    const leaving = this.#random.pick(taking);
    return this.#mayRemove(leaving) ? { kind: "remove", id: leaving } : null;
  }

  #join(): MembershipChange {
    const waiting = this.#cluster.members.find(
      ({ id, destroyed, wasTakenIn }) => !destroyed && !wasTakenIn && !this.#cluster.peers.includes(id),
    );
    const member = waiting ?? this.#cluster.join();
    if (waiting === undefined) this.#joins++;
    return { kind: "add-learner", member: { id: member.id, address: member.id } };
  }

  /** With the others alone the cluster must still stand what is broken. */
  #mayRemove(id: string): boolean {
    const leaving = this.#cluster.members.find((member) => member.id === id);
    if (leaving === undefined) return false;
    if (this.#cluster.members.some(isBroken)) return false;
    return this.#atlas.canSpare(leaving);
  }
}

function isHopeless({ destroyed, refused }: Member): boolean {
  return destroyed || refused;
}

function describe(change: MembershipChange): string {
  return `${change.kind} ${change.kind === "add-learner" ? change.member.id : change.id}`;
}
