/**
 * One master as a pure machine: raft, registry and core joined. The folder
 * src/master/ is what a master does once its bytes are in and out:
 *
 *     run.ts   the pump: inbox, turns, timers, drivers
 *     node.ts  this file: raft ──commit──► registry ──applied──► core
 *                           ▲                                     │
 *                           └────────────── propose ◄─────────────┘
 *     core.ts  what a leader decides (its topics in files of their own)
 *     port.ts  what the HTTP edge may ask
 *
 * It is not a driver: no clock, disk or socket. A turn is one `step`: all
 * commands proposed in it form one log entry, and all that changed on disk
 * one write, so that load makes bigger batches by itself (design.md 2.4).
 */
import { ENTRY_MAX_BYTES } from "../base/limits.ts";
import type { Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";
import { RaftNode } from "../raft/node.ts";
import type { RaftStore, StoreWrite } from "../raft/store.ts";
import type {
  HardState,
  LogEntry,
  PeerId,
  RaftConfig,
  RaftEffect,
  RaftInput,
  RaftMessage,
  RaftStatus,
  RestoredRaft,
  SnapshotChunk,
  SnapshotMeta,
  StateRecord,
} from "../raft/types.ts";
import { encodeCommands } from "../registry/codec.ts";
import type { Command } from "../registry/commands.ts";
import { Registry, type StateChange } from "../registry/registry.ts";
import { MasterCore } from "./core.ts";
import { LeaderAddress } from "./leader-address.ts";
import type { Leadership, MasterAddress } from "./port.ts";
import { splitCommands } from "./split-commands.ts";
import type { MasterEffect, MasterInput, MasterSettings } from "./types.ts";

/** What masters send each other. Beside raft: how a follower learns the leader's HTTP address. */
export type PeerMessage =
  | RaftMessage
  /** To the leader: tell me your address. */
  | { readonly kind: "who-leads"; readonly term: number }
  | { readonly kind: "leader-address"; readonly term: number; readonly address: MasterAddress };

/** Raft inputs that come from outside; the node makes the others itself. */
export type RaftDriverInput = Exclude<
  RaftInput,
  { readonly kind: "message" | "propose" | "applied" | "read-index" }
>;

/** A tick goes to raft and to the core: give one whenever `nextDeadlineMs()` passed. */
export type NodeInput =
  | RaftDriverInput
  | { readonly kind: "message"; readonly from: PeerId; readonly message: PeerMessage }
  | Exclude<
      MasterInput,
      { readonly kind: "tick" | "leadership-gained" | "leadership-lost" | "applied" | "proposal-dropped" }
    >;

/**
 * All that one turn changes on disk, in one batch. Once it is durable the
 * driver answers `persisted{token}`; without a token nothing waits for it.
 */
export interface WriteEffect {
  readonly kind: "write";
  readonly token: number | undefined;
  readonly write: StoreWrite;
}

/** To be carried out in the order given. */
export type NodeEffect =
  | WriteEffect
  | { readonly kind: "send"; readonly to: PeerId; readonly message: PeerMessage }
  | Extract<
      RaftEffect,
      { readonly kind: "read-entries" | "read-snapshot" | "close-snapshot" | "stage-snapshot" }
    >
  | Exclude<MasterEffect, { readonly kind: "propose" }>;

/** The store's port, for the pump, which knows of raft only what this file shows. */
export type NodeStore = RaftStore;

export interface NodeParts {
  readonly raft: RaftConfig;
  readonly settings: MasterSettings;
  readonly restored: RestoredRaft;
  /** State keys on disk, in key order, as of `restored.appliedIndex`. */
  readonly state: Iterable<StateRecord>;
  /** This master's own; masters must not share a seed. */
  readonly random: Random;
}

export class MasterNode {
  readonly core: MasterCore;
  readonly settings: MasterSettings;
  readonly #raft: RaftNode;
  readonly #self: PeerId;
  readonly #leaderAddress: LeaderAddress;
  #registry = new Registry();
  #role: Extract<RaftEffect, { kind: "role" }> = { kind: "role", role: "follower", term: 0, leader: null };
  #effects: NodeEffect[] = [];
  #batch = new WriteBatch();
  #nextRef = 1;
  readonly #proposed = new Map<number, readonly Command[]>();
  /** Records of the state transfer under way, until it is in force. */
  #staged: StateRecord[] = [];
  #stagedDone: SnapshotChunk | undefined;

  constructor(parts: NodeParts) {
    this.settings = parts.settings;
    this.#self = parts.raft.self;
    this.#raft = new RaftNode(parts.raft, parts.restored, parts.random.fork());
    this.core = new MasterCore(parts.settings, () => this.#registry, parts.random.fork());
    this.#registry.load(parts.state);
    this.#leaderAddress = new LeaderAddress();
  }

  get registry(): Registry {
    return this.#registry;
  }

  raftStatus(): RaftStatus {
    return this.#raft.status();
  }

  /** Raft address of the leader, as far as known. */
  leaderId(): PeerId | undefined {
    return this.#role.leader ?? undefined;
  }

  leadership(): Leadership {
    if (this.core.leader !== undefined) return { kind: "leading", recovered: true };
    if (this.#role.role === "leader") return { kind: "leading", recovered: false };
    const leader = this.#leaderAddress.known;
    return leader === undefined ? { kind: "unknown" } : { kind: "following", leader };
  }

  /** Monotonic time of the next tick wanted; Infinity if none is. */
  nextDeadlineMs(): number {
    return Math.min(
      this.#raft.nextDeadlineMs(),
      this.core.nextDeadlineMs() ?? Number.POSITIVE_INFINITY,
      this.#leaderAddress.nextDeadlineMs(),
    );
  }

  /** One turn. */
  step(inputs: readonly NodeInput[], now: Instant): NodeEffect[] {
    for (const input of inputs) this.#take(input, now);
    this.#ask(now);
    // A proposal that finds no room comes back to the core, which may end in another proposal.
    for (let proposing = true; proposing; ) {
      proposing = this.#finishCore(now);
    }
    this.#flush();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #take(input: NodeInput, now: Instant): void {
    switch (input.kind) {
      case "subscribe":
      case "stream-closed":
      case "call":
      case "teardown":
      case "operator-kill":
      case "note":
      case "agent-message":
      case "agent-link-closed":
        this.core.handle(input, now);
        return;
      case "message":
        this.#receive(input.from, input.message, now);
        return;
      case "snapshot-staged":
        this.#adoptState(input.id, input.sequence);
        this.#feed(input, now);
        return;
      default:
        this.#feed(input, now);
    }
  }

  #receive(from: PeerId, message: PeerMessage, now: Instant): void {
    if (message.kind === "who-leads") {
      if (this.#role.role !== "leader" || this.#role.term !== message.term) return;
      const { address } = this.settings;
      this.#effects.push({
        kind: "send",
        to: from,
        message: { kind: "leader-address", term: message.term, address },
      });
    } else if (message.kind === "leader-address") {
      this.#leaderAddress.learn(message.term, message.address);
    } else {
      this.#feed({ kind: "message", from, message }, now);
    }
  }

  /** A follower that does not know where its leader's HTTP API is asks until it does. */
  #ask(now: Instant): void {
    const { leader, term } = this.#role;
    if (leader === null || leader === this.#self || !this.#leaderAddress.shouldAsk(now)) return;
    this.#effects.push({ kind: "send", to: leader, message: { kind: "who-leads", term } });
  }

  #feed(input: RaftInput, now: Instant): void {
    for (const effect of this.#raft.step(input, now)) this.#follow(effect, now);
  }

  #follow(effect: RaftEffect, now: Instant): void {
    switch (effect.kind) {
      case "persist":
        this.#batch.persist(effect);
        return;
      case "compact":
        this.#batch.compactTo = effect.snapshot;
        return;
      case "commit":
        this.#applyAll(effect.entries, now);
        return;
      case "role":
        this.#changeRole(effect, now);
        return;
      case "proposed":
        this.#proposed.delete(effect.ref);
        return;
      case "dropped":
        this.#dropped(effect.ref, effect.reason, now);
        return;
      case "read-ready":
        return;
      case "stage-snapshot":
        this.#stage(effect.chunk);
        this.#effects.push(effect);
        return;
      default:
        this.#effects.push(effect);
    }
  }

  #applyAll(entries: readonly LogEntry[], now: Instant): void {
    for (const entry of entries) this.#apply(entry, now);
    const last = entries.at(-1);
    if (last !== undefined) this.#feed({ kind: "applied", index: last.index }, now);
  }

  #apply(entry: LogEntry, now: Instant): void {
    if (entry.kind === "command") {
      const { commands, outcomes } = this.#registry.applyEntry(entry.data);
      if (this.core.leader !== undefined) {
        this.core.handle({ kind: "applied", index: entry.index, commands, outcomes }, now);
      }
    } else if (entry.kind === "empty" && this.#role.role === "leader" && entry.term === this.#role.term) {
      // Everything that earlier leaders committed is applied now.
      this.core.handle({ kind: "leadership-gained", term: entry.term }, now);
    }
    this.#batch.appliedIndex = entry.index;
  }

  #changeRole(role: Extract<RaftEffect, { kind: "role" }>, now: Instant): void {
    const led = this.#role.role === "leader";
    const before = this.#role.term;
    this.#role = role;
    if (led && (role.role !== "leader" || role.term !== before)) {
      this.#proposed.clear();
      this.core.handle({ kind: "leadership-lost" }, now);
    }
    this.#leaderAddress.follow(role.leader === this.#self ? null : role.leader, role.term);
  }

  #dropped(ref: number, reason: string, now: Instant): void {
    const commands = this.#proposed.get(ref);
    this.#proposed.delete(ref);
    // Otherwise leadership is lost, and the core hears of that.
    if (commands === undefined || (reason !== "overloaded" && reason !== "transferring")) return;
    this.core.handle({ kind: "proposal-dropped", commands }, now);
  }

  /** True when something was proposed. */
  #finishCore(now: Instant): boolean {
    let proposed = false;
    for (const effect of this.core.finish(now)) {
      if (effect.kind !== "propose") {
        this.#effects.push(effect);
        continue;
      }
      proposed = true;
      for (const commands of splitCommands(effect.commands, ENTRY_MAX_BYTES)) this.#propose(commands, now);
    }
    return proposed;
  }

  #propose(commands: readonly Command[], now: Instant): void {
    const ref = this.#nextRef++;
    this.#proposed.set(ref, commands);
    this.#feed({ kind: "propose", ref, data: encodeCommands(commands) }, now);
  }

  #stage(chunk: SnapshotChunk): void {
    this.#flush();
    if (chunk.sequence === 0) this.#staged = [];
    for (const record of chunk.records) this.#staged.push(record);
    this.#stagedDone = chunk.done ? chunk : undefined;
  }

  /** The transferred state is in force on disk: the maps follow. */
  #adoptState(id: number, sequence: number): void {
    const last = this.#stagedDone;
    if (last === undefined || last.id !== id || last.sequence !== sequence) return;
    this.#registry = new Registry();
    this.#registry.load(this.#staged);
    this.#staged = [];
    this.#stagedDone = undefined;
  }

  #flush(): void {
    const effect = this.#batch.take(this.#registry.takeChanges());
    if (effect !== undefined) this.#effects.push(effect);
    this.#batch = new WriteBatch();
  }
}

/** Gathers what one turn changes on disk. */
class WriteBatch {
  compactTo: SnapshotMeta | undefined;
  appliedIndex: number | undefined;
  #token: number | undefined;
  #hardState: HardState | undefined;
  #truncateFrom: number | undefined;
  #entries: LogEntry[] = [];

  /** Later persists of a turn come on top of earlier ones. */
  persist({ token, hardState, truncateFrom, entries }: Extract<RaftEffect, { kind: "persist" }>): void {
    this.#token = token;
    this.#hardState = hardState ?? this.#hardState;
    if (truncateFrom !== undefined) {
      this.#entries = this.#entries.filter((entry) => entry.index < truncateFrom);
      this.#truncateFrom = Math.min(truncateFrom, this.#truncateFrom ?? truncateFrom);
    }
    for (const entry of entries) this.#entries.push(entry);
  }

  /** The write, if anything changed. */
  take(stateChanges: readonly StateChange[]): WriteEffect | undefined {
    const { compactTo, appliedIndex } = this;
    const [token, hardState, truncateFrom, entries] = [
      this.#token,
      this.#hardState,
      this.#truncateFrom,
      this.#entries,
    ];
    if (token === undefined && compactTo === undefined && appliedIndex === undefined) return undefined;
    return {
      kind: "write",
      token,
      write: {
        ...(hardState === undefined ? {} : { hardState }),
        ...(truncateFrom === undefined ? {} : { truncateFrom }),
        ...(entries.length === 0 ? {} : { entries }),
        ...(stateChanges.length === 0 ? {} : { stateChanges }),
        ...(appliedIndex === undefined ? {} : { appliedIndex }),
        ...(compactTo === undefined ? {} : { compactTo }),
        sync: token !== undefined,
      },
    };
  }
}
