/**
 * What goes wrong in the safety phase. Each fault ends by itself after a
 * while; the healing phase ends all of them.
 */
import type { Random } from "../../src/base/random.ts";
import type { Cluster } from "./cluster.ts";
import { FaultAtlas } from "./fault-atlas.ts";
import { type Member, NEWEST_FEATURE_LEVEL } from "./member.ts";
import { Operator } from "./operator.ts";
import type { FaultKind } from "./options.ts";
import { Ordeals } from "./ordeals.ts";
import { oneWay, PARTITION_SHAPES, partition } from "./partitions.ts";

/** A fault that picks a member picks the leader this often. */
const AIMS_AT_LEADER = 0.4;
/** A partition cuts off all that believe to lead this often: the deposed that do not know it do harm. */
const CUTS_OFF_LEADER = 0.3;
const LASTS_MAX_MS = 3_000;
const SLOWNESS_MAX = 20;
/** Since a disk is full; an operator wants a backup then. */
const BACKUPS_AFTER_MS = [10, 100, 500, 1_500];

export class Faults {
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #atlas: FaultAtlas;
  readonly #operator: Operator;
  readonly #ordeals: Ordeals;
  #active = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#random = cluster.world.fork();
    this.#atlas = new FaultAtlas(cluster, this.#random.fork());
    this.#operator = new Operator(cluster, this.#atlas, this.#random.fork());
    this.#ordeals = new Ordeals(cluster, this.#atlas, this.#random.fork());
  }

  start(): void {
    this.#active = this.#cluster.options.faults.length > 0;
    this.#next();
    if (this.#cluster.options.faults.includes("membership")) this.#operate();
  }

  /** Everything that can still run runs, and everything gets through from now on. */
  heal(): void {
    this.#active = false;
    const { members, network } = this.#cluster;
    this.#cluster.note("--- healing ---");
    network.heal();
    for (const { disk, machine } of members) {
      disk.heal();
      machine.steadyClock();
      machine.resume(() => this.#cluster.settle());
    }
    for (const member of members) member.start();
  }

  #next(): void {
    if (!this.#active) return;
    const { options, world } = this.#cluster;
    world.after(2 * options.faultMeanMs * this.#random.fraction(), () => {
      if (!this.#active) return;
      this.#strike(this.#random.pick(options.faults));
      this.#next();
    });
  }

  /** Operators are busy where they are at all, or few changes would come to an end. */
  #operate(): void {
    this.#cluster.world.after(this.#someTimeMs() / 2, () => {
      if (!this.#active) return;
      // Two at once: one of them must wait.
      for (let orders = this.#random.between(1, 2); orders > 0; orders--) this.#operator.order();
      this.#operate();
    });
  }

  #strike(kind: FaultKind): void {
    const member = this.#choose();
    const { disk, machine } = member;
    switch (kind) {
      case "power-loss":
      case "kill":
        this.#crash(member, kind === "power-loss");
        return;
      case "all-power-loss":
        for (const one of this.#cluster.members) this.#crash(one, true);
        return;
      case "pause":
        if (!machine.answers) return;
        machine.pause();
        this.#later(kind, member, () => machine.resume(() => this.#cluster.settle()));
        return;
      case "partition":
      case "one-way-partition":
        this.#partition(kind === "one-way-partition");
        return;
      case "clog":
        this.#clog(member);
        return;
      case "peer-lost":
        this.#loseConnection(member);
        return;
      case "slow-disk":
        disk.slowness = this.#random.between(2, SLOWNESS_MAX);
        this.#later(kind, member, () => {
          disk.slowness = 1;
        });
        return;
      case "stuck-disk":
        disk.stick(this.#someTimeMs());
        return;
      case "full-disk":
        disk.full = true;
        for (const ms of BACKUPS_AFTER_MS) this.#cluster.world.after(ms, () => member.backUp());
        this.#later(kind, member, () => {
          disk.full = false;
        });
        return;
      case "write-error":
        disk.writesFail = true;
        this.#later(kind, member, () => {
          disk.writesFail = false;
        });
        return;
      case "read-error":
        disk.readsFail = true;
        this.#later(kind, member, () => {
          disk.readsFail = false;
        });
        return;
      case "bit-rot":
      case "misdirected-write":
      case "stale-sector":
      case "lost-writes": {
        const what = this.#atlas.strike(member, kind);
        if (what !== null) this.#cluster.note(what);
        if (!machine.alive) this.#restartLater(member);
        return;
      }
      case "membership":
        this.#operator.order();
        return;
      case "wipe":
        if (member.destroyed || !this.#cluster.options.faults.includes("membership")) return;
        if (!this.#atlas.canSpare(member)) return;
        this.#cluster.note(`${member.id} loses its disk for good`);
        member.destroy();
        return;
      case "upgrade":
        // The newer build runs from the next start on.
        member.featureLevel = NEWEST_FEATURE_LEVEL;
        this.#crash(member, false);
        return;
      case "stranded-leader":
        this.#ordeals.strandLeader();
        return;
      case "forgotten-entries":
        this.#ordeals.forget();
        return;
      case "joint-split":
        if (!this.#cluster.options.faults.includes("membership")) return;
        this.#operator.order();
        this.#ordeals.splitJoint();
        return;
      case "wall-clock-jump":
        machine.jumpWallClock();
        return;
      case "transfer":
        this.#transfer();
        return;
    }
  }

  #choose(): Member {
    const leader = this.#cluster.leader();
    if (leader !== undefined && this.#random.chance(AIMS_AT_LEADER)) return leader;
    return this.#random.pick(this.#cluster.members);
  }

  #crash(member: Member, powerFailed: boolean): void {
    if (!member.machine.alive) return;
    member.crash(powerFailed);
    this.#restartLater(member);
  }

  #restartLater(member: Member): void {
    this.#cluster.world.after(this.#someTimeMs(), () => member.start());
  }

  #partition(isOneWay: boolean): void {
    const { members, network } = this.#cluster;
    const leaders = members.filter((member) => member.node?.status().role === "leader");
    const shape = this.#random.chance(CUTS_OFF_LEADER) ? "primaries" : this.#random.pick(PARTITION_SHAPES);
    const ids = members.map(({ id }) => id);
    const both = partition(
      shape,
      ids,
      leaders.map(({ id }) => id),
      this.#random,
    );
    const paths = isOneWay ? oneWay(both, this.#random) : both;
    this.#cluster.note(`cut (${shape}) ${paths.join(" ")}`);
    network.cut(paths);
    this.#cluster.world.after(this.#someTimeMs(), () => {
      if (this.#active) network.mend(paths);
    });
  }

  #clog(member: Member): void {
    const other = this.#random.pick(this.#cluster.members);
    this.#cluster.note(`clogged ${member.id}>${other.id}`);
    this.#cluster.network.clog(`${member.id}>${other.id}`, this.#someTimeMs());
  }

  /** One end of a connection sees it break. */
  #loseConnection(member: Member): void {
    const other = this.#random.pick(this.#cluster.members);
    if (other !== member) member.machine.guard(() => member.step({ kind: "peer-lost", peer: other.id }))();
  }

  #transfer(): void {
    const leader = this.#cluster.leader();
    if (leader === undefined) return;
    const to = this.#random.chance(0.5) ? null : this.#random.pick(this.#cluster.members).id;
    if (to !== leader.id) leader.machine.guard(() => leader.step({ kind: "transfer", to }))();
  }

  /** Notes a fault and ends it after a while. */
  #later(kind: FaultKind, member: Member, end: () => void): void {
    const forMs = this.#someTimeMs();
    this.#cluster.note(`${kind} at ${member.id} for ${forMs.toFixed(0)} ms`);
    this.#cluster.world.after(forMs, () => {
      if (this.#active) end();
    });
  }

  /** Mostly short, sometimes so long that everybody takes notice. */
  #someTimeMs(): number {
    const fraction = this.#random.fraction();
    return 20 + LASTS_MAX_MS * fraction * fraction;
  }
}
