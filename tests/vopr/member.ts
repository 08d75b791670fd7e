/**
 * One member: the real raft core and the real store on a simulated machine,
 * disk and network, joined as a master joins them (src/master/run.ts). A
 * process that ends for a reason of its own is started again by its machine.
 */
import { MeshError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Random } from "../../src/base/random.ts";
import { LevelRaftStore } from "../../src/io/raft-store.ts";
import { StateDamaged } from "../../src/io/state-reader.ts";
import { openStore } from "../../src/main/restore-store.ts";
import { members as membersOf } from "../../src/raft/membership.ts";
import { RaftNode } from "../../src/raft/node.ts";
import type { StateReader } from "../../src/raft/store.ts";
import type {
  LogEntry,
  Membership,
  PeerId,
  RaftEffect,
  RaftInput,
  StateRecord,
} from "../../src/raft/types.ts";
import { backUp } from "./backup.ts";
import type { Cluster } from "./cluster.ts";
import { decodeKvCommand, KvMachine, levelOf } from "./kv-machine.ts";
import { LogShadow } from "./log-shadow.ts";
import { Machine } from "./machine.ts";
import { Requests } from "./requests.ts";
import { SimDatabase } from "./sim-database.ts";
import { SimDisk } from "./sim-disk.ts";
import { Violation } from "./violation.ts";

/** A service manager waits that long before it starts a process that ended by itself. */
const RESTART_MS = 200;
/** Newest build there is. */
export const NEWEST_FEATURE_LEVEL = 2;
const NOBODY: Membership = {
  voters: [],
  outgoing: [],
  learners: [],
  addresses: {},
  removed: [],
  featureLevel: 1,
};

type EffectOf<K extends RaftEffect["kind"]> = Extract<RaftEffect, { readonly kind: K }>;

export class Member {
  readonly id: PeerId;
  readonly machine: Machine;
  readonly disk: SimDisk;
  readonly requests: Requests;
  readonly #cluster: Cluster;
  readonly #random: Random;
  node: RaftNode | null = null;
  state = new KvMachine();
  log: LogShadow | null = null;
  /** Its store refuses to open: the disk is damaged. */
  refused = false;
  /** Its disk is gone for good. */
  destroyed = false;
  /** Its log is being fetched again. */
  repairing = false;
  /** Ever in a membership. */
  wasTakenIn = false;
  /** Feature level of its build. */
  featureLevel: number;
  /** In force when the member was last asked. */
  membership: Membership = NOBODY;
  /** The disk has no room: clients are sent away. */
  full = false;
  readonly #peers: readonly PeerId[];
  #store: LevelRaftStore | null = null;
  readonly #readers = new Map<number, StateReader>();
  #staged: StateRecord[] = [];
  #inbox: RaftInput[] = [];
  #tickAtMs = Number.POSITIVE_INFINITY;

  /** Newest term that it wrote, or is writing, to its disk. */
  term = 0;
  /** Term that it leads, as it believes; null if it does not. */
  leadsTerm: number | null = null;

  /** Without `peers` the member waits until a leader takes it in. */
  constructor(cluster: Cluster, id: PeerId, peers: readonly PeerId[], featureLevel: number) {
    this.id = id;
    this.#peers = peers;
    this.featureLevel = featureLevel;
    this.wasTakenIn = peers.length > 0;
    if (peers.length > 0) this.membership = { ...NOBODY, voters: peers };
    this.#cluster = cluster;
    this.#random = cluster.world.fork();
    this.machine = new Machine(cluster.world, cluster.options.driftMax);
    this.disk = new SimDisk(cluster.world, cluster.options.disk);
    this.requests = new Requests(this);
  }

  start(): void {
    if (this.machine.alive || this.refused || this.destroyed) return;
    const { machine, disk } = this;
    machine.start();
    // Until the opening has shown what the damage means.
    this.repairing ||= disk.isDamaged;
    this.#cluster.note(`${this.id} starts`);
    this.#store = new LevelRaftStore(this.id, (error) => this.#end(error.message), {
      open: async () => {
        if (disk.full) throw new MeshError("DIRECTORY_UNUSABLE", "No space left on device");
        return new SimDatabase(disk, machine);
      },
      after: (delayMs, run) => {
        let cancelled = false;
        machine.after(delayMs, () => {
          if (!cancelled) run();
        });
        return () => {
          cancelled = true;
        };
      },
      freeBytes: async () => (disk.full ? 0 : Number.POSITIVE_INFINITY),
    });
    this.#store.onFull = (full) => this.#setFull(full);
    const store = this.#store;
    this.#async(() => this.#open(store));
  }

  /** kill -9, or the whole machine without power. */
  crash(powerFailed: boolean): void {
    if (!this.machine.alive) return;
    this.#cluster.note(`${this.id} ${powerFailed ? "loses power" : "is killed"}`);
    this.machine.kill();
    this.disk.crash(powerFailed);
    this.node = null;
    this.log = null;
    this.#store = null;
    this.#readers.clear();
    this.#staged = [];
    this.#inbox = [];
    this.#tickAtMs = Number.POSITIVE_INFINITY;
    this.full = false;
    this.leadsTerm = null;
    this.requests.processEnded();
  }

  /** Disk and all. */
  destroy(): void {
    this.crash(true);
    this.destroyed = true;
  }

  step(input: RaftInput): void {
    this.#inbox.push(input);
    // What comes up while effects are carried out waits until all of them are.
    if (this.#inbox.length > 1) return;
    const { node } = this;
    if (node === null) {
      this.#inbox = [];
      return;
    }
    for (let next = this.#inbox[0]; next !== undefined; next = this.#inbox[0]) {
      this.#cluster.countEvent();
      for (const effect of node.step(next, this.machine.now)) this.#carryOut(effect);
      if (this.node !== node) return;
      this.#inbox.shift();
    }
    if (this.repairing) this.repairing = node.status().damage !== null;
    this.#armTick(node);
  }

  async #open(store: LevelRaftStore): Promise<void> {
    try {
      const { restored, state } = await openStore(store, this.id, silentLog, () => new KvMachine());
      const { raft } = this.#cluster;
      this.state = state;
      this.log = new LogShadow(restored);
      this.term = restored.hardState.term;
      this.#cluster.checkers.restarted(this, restored);
      this.repairing = restored.damage != null;
      if (this.repairing) this.#cluster.note(`${this.id} repairs its log: ${restored.damage?.reason}`);
      const config = { ...raft, self: this.id, peers: this.#peers, featureLevel: this.featureLevel };
      this.node = new RaftNode(config, restored, this.#random.fork());
      this.membership = this.node.status().membership;
      this.step({ kind: "tick" });
    } catch (error) {
      if (error instanceof MeshError && error.code === "LOG_DAMAGED") this.#refuse(error);
      else if (error instanceof MeshError || isIoError(error)) this.#end(error.message);
      else throw error;
    }
  }

  /** The operator has to help; until then the member is as good as dead. */
  #refuse(error: MeshError): void {
    if (!this.disk.everDamaged) {
      throw new Violation(`Storage: ${this.id} refuses a disk that nobody damaged: ${error.message}`);
    }
    this.#cluster.note(`${this.id} refuses its disk: ${error.message}`);
    this.refused = true;
    this.crash(false);
  }

  /** The process ends by itself. */
  #end(reason: string): void {
    this.#cluster.note(`${this.id} ends: ${reason}`);
    this.crash(false);
    this.#cluster.world.after(RESTART_MS, () => this.start());
  }

  #carryOut(effect: RaftEffect): void {
    const { node } = this;
    const store = this.#store;
    if (store === null || node === null) return;
    switch (effect.kind) {
      case "persist":
        this.#persist(store, effect);
        return;
      case "send":
        this.#cluster.sends(this, effect.to, effect.message);
        return;
      case "commit":
        this.#apply(store, node, effect.entries);
        return;
      case "role":
        this.#cluster.changesRole(this, effect);
        return;
      case "proposed":
        this.requests.proposed(effect.ref, effect.index, effect.term);
        return;
      case "dropped":
        this.requests.dropped(effect.ref, effect.reason);
        return;
      case "read-ready":
        this.requests.readReady(effect.ref, effect.index);
        return;
      case "read-entries":
        this.#async(() => this.#readEntries(store, effect));
        return;
      case "read-snapshot":
        this.#async(() => this.#readSnapshot(store, effect));
        return;
      case "close-snapshot":
        void this.#readers.get(effect.id)?.close();
        this.#readers.delete(effect.id);
        return;
      case "membership":
        this.membership = effect.membership;
        this.wasTakenIn ||= membersOf(effect.membership).includes(this.id);
        return;
      case "membership-changed":
        this.#cluster.changes++;
        return;
      case "outdated":
        throw new Violation(
          `Feature level: ${this.id} of level ${this.featureLevel} meets level ${effect.featureLevel}`,
        );
      case "change-refused":
      case "transfer-failed":
        return;
      case "stage-snapshot":
        this.#async(() => this.#stage(store, effect));
        return;
      case "compact":
        this.log?.compact(effect.snapshot.index);
        void store.write({ compactTo: effect.snapshot, sync: false });
        return;
    }
  }

  #persist(store: LevelRaftStore, { kind: _, token, ...change }: EffectOf<"persist">): void {
    this.term = change.hardState?.term ?? this.term;
    if (change.truncateFrom !== undefined) this.log?.truncateFrom(change.truncateFrom);
    for (const entry of change.entries) this.log?.append(entry.index, entry.term);
    const commitIndex = this.node?.status().commitIndex ?? 0;
    this.#cluster.checkers.appends(this, change.entries, this.membership, commitIndex);
    this.#async(async () => {
      await store.write({ ...change, sync: true });
      this.step({ kind: "persisted", token });
    });
  }

  #apply(store: LevelRaftStore, node: RaftNode, entries: readonly LogEntry[]): void {
    const { membership, term, role } = node.status();
    const last = entries.at(-1);
    if (role === "leader" && last !== undefined) this.#cluster.checkers.commits.counts(this.id, last, term);
    for (const entry of entries) {
      this.#cluster.checkers.applies(this, entry, membership, term);
      const outcome = this.state.apply(entry);
      this.#canApply(entry);
      this.#cluster.checkers.applied(this, entry, outcome);
      this.requests.applied(entry, outcome);
    }
    const appliedIndex = last?.index ?? 0;
    void store.write({ stateChanges: this.state.takeChanges(), appliedIndex, sync: false });
    this.step({ kind: "applied", index: appliedIndex });
    this.requests.appliedUpTo(appliedIndex);
  }

  #canApply(entry: LogEntry): void {
    const level = entry.kind === "command" ? levelOf(decodeKvCommand(entry.data)) : 1;
    if (level <= this.featureLevel) return;
    throw new Violation(
      `Feature level: ${this.id} of level ${this.featureLevel} is to apply a command of level ${level} at ${entry.index}`,
    );
  }

  async #readEntries(
    store: LevelRaftStore,
    { peer, from, to, maxBytes }: EffectOf<"read-entries">,
  ): Promise<void> {
    try {
      const { readMaxBytes } = this.#cluster.options;
      const entries = await store.readEntries(from, to, Math.min(maxBytes, readMaxBytes));
      this.step({ kind: "entries-read", peer, entries });
    } catch (error) {
      if (!isIoError(error) && !this.disk.everDamaged) throw error;
      this.#end(String(error));
    }
  }

  async #readSnapshot(store: LevelRaftStore, { to, id, sequence }: EffectOf<"read-snapshot">): Promise<void> {
    try {
      const reader = this.#readers.get(id) ?? (await store.readState());
      this.#readers.set(id, reader);
      const { records, done } = await reader.next(this.#cluster.options.chunkMaxBytes);
      this.step({
        kind: "snapshot-read",
        to,
        id,
        sequence,
        appliedIndex: reader.appliedIndex,
        records,
        done,
      });
    } catch (error) {
      // The store ends the process, since only an opening repairs a damaged state.
      if (error instanceof StateDamaged && this.disk.everDamaged) return;
      if (isIoError(error)) this.step({ kind: "snapshot-failed", to, id });
      else throw error;
    }
  }

  async #stage(store: LevelRaftStore, { chunk }: EffectOf<"stage-snapshot">): Promise<void> {
    const { id, sequence, snapshot, records, done } = chunk;
    if (sequence === 0) this.#staged = [];
    this.#staged.push(...records);
    await store.stageSnapshot(chunk);
    if (done) {
      this.#cluster.note(`${this.id} takes over the state at ${snapshot.index}`);
      this.state = new KvMachine();
      this.state.load(this.#staged);
      this.#staged = [];
      this.log?.install(snapshot.index, snapshot.term);
      this.#cluster.checkers.tookOver(this, snapshot.index);
    }
    this.step({ kind: "snapshot-staged", id, sequence });
    if (done) this.requests.appliedUpTo(snapshot.index);
  }

  /** Of a disk in trouble; the backup may fail, but not tell what was never so. */
  backUp(): void {
    const store = this.#store;
    if (store === null || this.node === null) return;
    const { commits } = this.#cluster.checkers;
    this.#async(async () => {
      const found = await backUp(store).catch(() => undefined);
      if (found !== undefined) commits.reached(this.id, found.index, found.digest);
    });
  }

  /** As a master does: who cannot write should not lead. */
  #setFull(full: boolean): void {
    this.full = full;
    if (full) this.step({ kind: "transfer", to: null });
  }

  #armTick(node: RaftNode): void {
    const atMs = node.nextDeadlineMs();
    if (atMs === this.#tickAtMs || atMs === Number.POSITIVE_INFINITY) return;
    this.#tickAtMs = atMs;
    // Rounding must not bring the tick before its deadline again and again.
    this.machine.after(Math.max(0, atMs - this.machine.now.monotonicMs) + 0.001, () => {
      if (this.#tickAtMs !== atMs) return;
      this.#tickAtMs = Number.POSITIVE_INFINITY;
      this.step({ kind: "tick" });
    });
  }

  /** Runs asynchronous work of this life; an unexpected end of it is a find. */
  #async(work: () => Promise<void>): void {
    const { life } = this.machine;
    work().catch((error: unknown) => {
      if (this.machine.life === life || error instanceof Violation) this.#cluster.fail(error);
    });
  }
}

function isIoError(error: unknown): error is Error {
  return error instanceof Error && /^(EIO|ENOSPC)/.test(error.message);
}
