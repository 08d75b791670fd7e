/**
 * Masters' nodes in virtual time over an instant network and in-memory disks:
 * enough to see commands go through a replicated log. Faults are the
 * simulator's business, but for masters that are stopped.
 */
import { Random } from "../../src/base/random.ts";
import type { Instant } from "../../src/base/time.ts";
import { MasterNode, type NodeEffect, type NodeInput } from "../../src/master/node.ts";
import { DEFAULT_SETTINGS } from "../../src/master/settings.ts";
import type { MasterEffect } from "../../src/master/types.ts";
import { FEATURE_LEVEL } from "../../src/registry/command-level.ts";
import { Registry } from "../../src/registry/registry.ts";
import { DiskImage } from "./disk-image.ts";
import { PreviousRegistry } from "./previous-registry.ts";

interface Member {
  readonly name: string;
  readonly disk: DiskImage;
  node: MasterNode;
  inbox: NodeInput[];
  /** What frameworks, agents and HTTP clients of this master got. */
  readonly out: MasterEffect[];
  up: boolean;
}

export class MasterCluster {
  readonly members = new Map<string, Member>();
  now: Instant = { monotonicMs: 0, wallMs: 1_700_000_000_000 };
  readonly #names: readonly string[];
  readonly #random = new Random(7);
  /** Small, so that tests can see a lagging master get the state instead of the log. */
  readonly keepEntries: number | undefined;
  /** Members that run the version before: its feature level, and its registry. */
  readonly previous: Set<string>;

  /** Of the log, above which it refuses. */
  readonly uncommittedMaxBytes: number | undefined;

  constructor(
    size: number,
    keepEntries?: number,
    previous: readonly string[] = [],
    uncommittedMaxBytes?: number,
  ) {
    this.uncommittedMaxBytes = uncommittedMaxBytes;
    this.previous = new Set(previous);
    this.#names = Array.from({ length: size }, (_, i) => `10.0.0.${i + 1}:5060`);
    this.keepEntries = keepEntries;
    for (const name of this.#names) {
      const disk = new DiskImage();
      this.members.set(name, { name, disk, node: this.#boot(name, disk), inbox: [], out: [], up: true });
    }
  }

  #boot(name: string, disk: DiskImage): MasterNode {
    const keep = this.keepEntries === undefined ? {} : { keepEntries: this.keepEntries };
    const { uncommittedMaxBytes } = this;
    const room = uncommittedMaxBytes === undefined ? {} : { uncommittedMaxBytes };
    const previous = this.previous.has(name);
    const registry = previous ? new PreviousRegistry() : new Registry();
    registry.load(disk.records());
    const address = { id: `id-${name}`, hostname: name, ip: name.split(":")[0] ?? "", port: 5050 };
    return new MasterNode({
      raft: {
        self: name,
        peers: this.#names,
        featureLevel: FEATURE_LEVEL - (previous ? 1 : 0),
        ...keep,
        ...room,
      },
      settings: { ...DEFAULT_SETTINGS, version: "0.1.0", address },
      restored: disk.restored(),
      registry,
      random: this.#random.fork(),
    });
  }

  member(name: string): Member {
    const member = this.members.get(name);
    if (member === undefined) throw new Error(`No member ${name}`);
    return member;
  }

  stop(name: string): void {
    this.member(name).up = false;
  }

  /** Comes back with nothing but its disk. */
  restart(name: string): void {
    const member = this.member(name);
    member.node = this.#boot(name, member.disk);
    member.inbox = [];
    member.up = true;
  }

  /** The master that leads and is ready; time passes until there is one. */
  leader(): Member {
    this.until(() => this.#leading() !== undefined);
    const leader = this.#leading();
    if (leader === undefined) throw new Error("No leader");
    return leader;
  }

  #leading(): Member | undefined {
    return [...this.members.values()].find((member) => member.up && member.node.core.leader !== undefined);
  }

  /** Gives a master an input and lets everything that follows at once happen. */
  give(name: string, ...inputs: NodeInput[]): void {
    this.member(name).inbox.push(...inputs);
    this.#settle();
  }

  /** Lets time pass, deadline by deadline, until the condition holds. */
  until(condition: () => boolean, limitMs = 10_000): void {
    const endMs = this.now.monotonicMs + limitMs;
    while (!condition()) {
      if (this.now.monotonicMs >= endMs) throw new Error(`Not so within ${limitMs} ms`);
      this.pass(10);
    }
  }

  pass(ms: number): void {
    this.now = { monotonicMs: this.now.monotonicMs + ms, wallMs: this.now.wallMs + ms };
    for (const member of this.members.values()) {
      if (member.up && member.node.nextDeadlineMs() <= this.now.monotonicMs)
        member.inbox.push({ kind: "tick" });
    }
    this.#settle();
  }

  #settle(): void {
    for (let busy = true; busy; ) {
      busy = false;
      for (const member of this.members.values()) {
        if (!member.up || member.inbox.length === 0) continue;
        busy = true;
        const inputs = member.inbox;
        member.inbox = [];
        for (const effect of member.node.step(inputs, this.now)) this.#carryOut(member, effect);
      }
    }
  }

  #carryOut(member: Member, effect: NodeEffect): void {
    const { disk, inbox } = member;
    switch (effect.kind) {
      case "write":
        disk.write(effect.write);
        if (effect.token !== undefined) inbox.push({ kind: "persisted", token: effect.token });
        return;
      case "send": {
        const to = this.members.get(effect.to);
        if (to?.up) to.inbox.push({ kind: "message", from: member.name, message: effect.message });
        return;
      }
      case "read-entries": {
        const entries = disk.slice(effect.from, effect.to, effect.maxBytes);
        inbox.push({ kind: "entries-read", peer: effect.peer, entries });
        return;
      }
      case "read-snapshot": {
        const { to, id, sequence } = effect;
        const { appliedIndex } = disk;
        const records = disk.records();
        inbox.push({ kind: "snapshot-read", to, id, sequence, appliedIndex, records, done: true });
        return;
      }
      case "stage-snapshot": {
        disk.stage(effect.chunk);
        const { id, sequence } = effect.chunk;
        inbox.push({ kind: "snapshot-staged", id, sequence });
        return;
      }
      case "close-snapshot":
      case "membership":
      case "outdated":
      case "digest-alarm":
      case "removed":
        return;
      default:
        member.out.push(effect);
    }
  }
}
