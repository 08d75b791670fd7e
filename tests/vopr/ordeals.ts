/**
 * Faults in the order that hurts: each is a story that chance alone tells
 * too seldom. Nothing in them is more than a network, a disk or a process may do.
 */
import type { Random } from "../../src/base/random.ts";
import type { PeerId } from "../../src/raft/types.ts";
import type { Cluster } from "./cluster.ts";
import { type FaultAtlas, isBroken } from "./fault-atlas.ts";
import type { Member } from "./member.ts";
import type { Path } from "./network.ts";

const FLOOD_MAX_COMMANDS = 30;
/** Looks for a joint membership, one a millisecond, after an operator's order. */
const JOINT_LOOKS_MAX = 100;

export class Ordeals {
  readonly #cluster: Cluster;
  readonly #atlas: FaultAtlas;
  readonly #random: Random;

  constructor(cluster: Cluster, atlas: FaultAtlas, random: Random) {
    this.#cluster = cluster;
    this.#atlas = atlas;
    this.#random = random;
  }

  /** A leader is cut off with many commands that it cannot commit, and comes back to a log that went on. */
  strandLeader(): void {
    const leader = this.#cluster.leader();
    if (leader === undefined || !leader.machine.answers) return;
    const strandedMs = this.#elections(2, 12);
    this.#cut("stranded", [leader.id], strandedMs);
    this.#cluster.world.after(strandedMs + this.#elections(0.3, 2), () => this.#rememberOldTimes(leader));
    // One that took office while the other was away has to find out where their logs part.
    if (this.#random.chance(0.5)) this.#cluster.world.after(strandedMs * 0.8, () => this.#handOver(leader));
    const session = this.#cluster.newSession();
    const count = this.#random.between(1, FLOOD_MAX_COMMANDS);
    for (let number = 1; number <= count; number++) {
      const command = { session, number, key: "flood", value: this.#cluster.newValue() };
      leader.requests.command(command, () => {});
    }
  }

  /**
   * A member forgets the newest of what it confirmed, and comes back while the
   * leader that counted it is away: the others may lack what is committed, and
   * must not win with its vote.
   */
  forget(): void {
    const leader = this.#cluster.leader();
    if (leader === undefined || !leader.machine.answers) return;
    const others = this.#followersOf(leader);
    const forgetful = others.find((member) => this.#atlas.canSpare(member));
    if (forgetful === undefined || this.#cluster.members.some(isBroken)) return;
    // As many as the quorum can do without lag behind.
    const lagging = others.filter((member) => member !== forgetful);
    const behind = lagging.slice(0, Math.floor(others.length / 2)).map(({ id }) => id);
    const lagMs = this.#elections(0.2, 1);
    const awayMs = this.#elections(4, 12);
    this.#cut("lagging", behind, lagMs);
    this.#cluster.world.after(lagMs * 0.95, () => {
      if (!this.#cluster.working || this.#cluster.leader() !== leader) return;
      this.#cut("leader away", [leader.id], awayMs);
      forgetful.crash(true);
      const what = this.#atlas.forgetNewest(forgetful, "bit-rot");
      if (what !== null) this.#cluster.note(what);
      this.#cluster.world.after(this.#elections(0, 0.5), () => forgetful.start());
    });
  }

  /** Once a change of the membership is half done, the network falls apart along it. */
  splitJoint(looks = 0): void {
    const { members, world, working } = this.#cluster;
    const joint = members.find(({ node, membership }) => node !== null && membership.outgoing.length > 0);
    if (joint === undefined) {
      if (working && looks < JOINT_LOOKS_MAX) world.after(1, () => this.splitJoint(looks + 1));
      return;
    }
    const { voters, outgoing } = joint.membership;
    const leader = this.#cluster.leader()?.id;
    // Those who stay, or come, without the leader: just enough to win among themselves.
    const candidates = this.#shuffled(voters.filter((id) => id !== leader));
    const side = candidates.slice(0, Math.floor(voters.length / 2) + 1);
    this.#cluster.note(`joint {${voters.join(",")}} {${outgoing.join(",")}}`);
    world.after(this.#elections(0, 0.2), () => {
      if (this.#cluster.working) this.#cut("joint", side, this.#elections(3, 10));
    });
  }

  /** Whoever leads beside the stranded leader hands its office to a third one. */
  #handOver(stranded: Member): void {
    const leader = this.#cluster.leader();
    if (leader === undefined || leader === stranded) return;
    leader.machine.guard(() => leader.step({ kind: "transfer", to: null }))();
  }

  /** One of a member's entries is again what it was before; the leader counts on the one that replaced it. */
  #rememberOldTimes(member: Member): void {
    if (!this.#cluster.working || !member.machine.alive || this.#cluster.leader() === member) return;
    if (this.#cluster.members.some(isBroken)) return;
    member.crash(true);
    const what = this.#atlas.forgetNewest(member, "stale-sector");
    if (what !== null) this.#cluster.note(what);
    this.#cluster.world.after(this.#elections(0, 0.5), () => member.start());
  }

  #followersOf(leader: Member): Member[] {
    const { members } = this.#cluster;
    const { voters } = leader.membership;
    const ids = this.#shuffled(voters.filter((id) => id !== leader.id));
    return ids.flatMap((id) => members.find((member) => member.id === id && member.machine.answers) ?? []);
  }

  /** Between some members and all others, both ways. */
  #cut(what: string, side: readonly PeerId[], forMs: number): void {
    const { members, network, world } = this.#cluster;
    const rest = members.map(({ id }) => id).filter((id) => !side.includes(id));
    const paths = side.flatMap((a) => rest.flatMap((b): Path[] => [`${a}>${b}`, `${b}>${a}`]));
    this.#cluster.note(`cut (${what}) [${side.join(" ")}] for ${forMs.toFixed(0)} ms`);
    network.cut(paths);
    world.after(forMs, () => {
      if (this.#cluster.working) network.mend(paths);
    });
  }

  /** Milliseconds, given in election timeouts. */
  #elections(least: number, most: number): number {
    const { electionTimeoutMs } = this.#cluster.options.raft;
    return electionTimeoutMs * (least + (most - least) * this.#random.fraction());
  }

  #shuffled(ids: readonly PeerId[]): PeerId[] {
    const left = [...ids];
    return ids.map(() => left.splice(this.#random.below(left.length), 1)[0] as PeerId);
  }
}
