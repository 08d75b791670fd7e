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
import { TURN_MAX_CHANGES } from "../base/limits.ts";
import type { Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";
import { members } from "../raft/membership.ts";
import { RaftNode } from "../raft/node.ts";
import type { RaftStatus } from "../raft/status.ts";
import type { RaftStore } from "../raft/store.ts";
import type { LogEntry, PeerId, RaftConfig, RaftEffect, RaftInput, RestoredRaft } from "../raft/types.ts";
import { encodeCommands } from "../registry/codec.ts";
import { atLevel, levelOf } from "../registry/command-level.ts";
import type { Command } from "../registry/commands.ts";
import type { Registry } from "../registry/registry.ts";
import { MasterCore } from "./core.ts";
import { DigestWatch, isDigestMessage } from "./digest-watch.ts";
import { Inbox } from "./inbox.ts";
import { LEADERSHIP, LeaderAddress } from "./leader-address.ts";
import type { NodeEffect, NodeInput, PeerMessage } from "./node-types.ts";
import type { Leadership, RaftStatus as RaftView } from "./port.ts";
import { Proposals } from "./proposals.ts";
import { RaftRequests, type RequestAnswer } from "./raft-requests.ts";
import { memberChange, memberNamed, raftView } from "./raft-view.ts";
import { changesOf } from "./split-commands.ts";
import { StagedState } from "./staged-state.ts";
import type { MasterSettings } from "./types.ts";
import { WriteBatch } from "./write-batch.ts";

/** The store's port, for the pump, which knows of raft only what this file shows. */
export type NodeStore = RaftStore;

// For the pump, which may not look into raft.
export { memberPlaces } from "../raft/membership.ts";
export type { MemberPlace } from "../raft/types.ts";
export type { NodeEffect, NodeInput, PeerMessage, RaftDriverInput } from "./node-types.ts";
export type { WriteEffect } from "./write-batch.ts";

export interface NodeParts {
  readonly raft: RaftConfig;
  readonly settings: MasterSettings;
  readonly restored: RestoredRaft;
  /** Loaded from the state on disk as of `restored.appliedIndex`. */
  readonly registry: Registry;
  /** This master's own; masters must not share a seed. */
  readonly random: Random;
}

const NO_EFFECTS: readonly NodeEffect[] = [];

export class MasterNode {
  readonly core: MasterCore;
  readonly settings: MasterSettings;
  readonly #raft: RaftNode;
  readonly #self: PeerId;
  readonly #ownAddress: string;
  readonly #leaderAddress: LeaderAddress;
  #registry: Registry;
  #role: Extract<RaftEffect, { kind: "role" }> = { kind: "role", role: "follower", term: 0, leader: null };
  #effects: NodeEffect[] = [];
  #batch = new WriteBatch();
  #nextRef = 1;
  readonly #proposals = new Proposals();
  /** The log refused a part of what is being proposed. */
  #logIsFull = false;
  readonly #requests = new RaftRequests();
  readonly digests: DigestWatch;
  readonly #staged = new StagedState();
  /** Committed and not applied yet: what is much is applied in several turns. */
  #committed = new Inbox<LogEntry>();

  constructor(parts: NodeParts) {
    this.settings = parts.settings;
    this.#registry = parts.registry;
    this.#self = parts.raft.self;
    this.#ownAddress = parts.raft.addresses?.[this.#self] ?? this.#self;
    this.#raft = new RaftNode(parts.raft, parts.restored, parts.random.fork());
    const level = (): number => this.#raft.featureLevel;
    this.core = new MasterCore(parts.settings, () => this.#registry, parts.random.fork(), level);
    this.#leaderAddress = new LeaderAddress();
    this.digests = new DigestWatch(this.#self, parts.raft.featureLevel ?? 1);
    this.digests.applied(parts.restored.appliedIndex, parts.registry.runningDigest);
  }

  get registry(): Registry {
    return this.#registry;
  }

  raftStatus(): RaftStatus {
    return this.#raft.status();
  }

  raftView(): RaftView {
    return raftView(this.#raft.status(), this.#ownAddress, this.digests);
  }

  leaderId(): PeerId | undefined {
    return this.#role.role === "removed" ? undefined : (this.#role.leader ?? undefined);
  }

  /** Raft address of the leader, as far as known. */
  leaderPlace(): string | undefined {
    const { leader } = this.#role;
    if (leader === null) return undefined;
    return this.#raft.status().membership.addresses[leader];
  }

  leadership(): Leadership {
    // What a removed master last knew is not true for long.
    if (this.digests.diverged || this.#role.role === "removed") return LEADERSHIP.unknown;
    if (this.core.leader !== undefined) return LEADERSHIP.leading;
    return this.#role.role === "leader" ? LEADERSHIP.gaining : this.#leaderAddress.leadership;
  }

  /** Monotonic time of the next tick wanted: 0 while there is work left, Infinity if none is wanted. */
  nextDeadlineMs(): number {
    if (this.#committed.waiting > 0) return 0;
    return Math.min(
      this.#raft.nextDeadlineMs(),
      this.core.nextDeadlineMs() ?? Number.POSITIVE_INFINITY,
      this.#leaderAddress.nextDeadlineMs(),
      this.core.leader === undefined ? Number.POSITIVE_INFINITY : this.digests.nextRoundMs(),
    );
  }

  /** One turn. `share`: the part of its bounds that it may use up; above 0. */
  step(inputs: Iterable<NodeInput>, now: Instant, share = 1): readonly NodeEffect[] {
    for (const input of inputs) this.handle(input, now);
    return this.finish(now, share);
  }

  /** Ends a turn: what the inputs since the last one lead to. */
  finish(now: Instant, share = 1): readonly NodeEffect[] {
    this.#applyCommitted(now, share);
    this.#ask(now);
    this.#checkDigests(now);
    // A proposal that finds no room comes back to the core, which may end in another proposal.
    for (let part = share; this.#finishCore(now, part, share); ) part = 0;
    this.#flush();
    if (this.#requests.readsWait) this.#answer(this.#requests.applied(this.#raft.status().appliedIndex));
    if (this.#effects.length === 0) return NO_EFFECTS;
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** Takes one input; what it leads to comes out of {@link finish}. */
  handle(input: NodeInput, now: Instant): void {
    switch (input.kind) {
      case "subscribe":
      case "stream-closed":
      case "call":
      case "teardown":
      case "operator-kill":
      case "note":
      case "operate":
      case "change":
      case "whitelist":
      case "agent-message":
      case "agent-link-closed":
        this.core.handle(input, now);
        return;
      case "message":
        this.#receive(input.from, input.message, now);
        return;
      case "read-index": {
        const ref = this.#nextRef++;
        this.#requests.read(ref, input.ref);
        this.#feed({ kind: "read-index", ref }, now);
        return;
      }
      case "change-membership": {
        const ref = this.#nextRef++;
        const change = memberChange(this.#raft.status().membership, input.change);
        this.#requests.change(ref, input.ref, change);
        this.#feed({ kind: "change-membership", ref, change }, now);
        return;
      }
      case "transfer":
        if (input.ref !== undefined) this.#requests.transfer(input.ref);
        this.#feed({ kind: "transfer", to: this.#idOf(input.to) }, now);
        return;
      case "snapshot-staged":
        this.#adoptState(input.id, input.sequence);
        this.#feed(input, now);
        return;
      default:
        this.#feed(input, now);
    }
  }

  #idOf(member: string | null): PeerId | null {
    return member === null ? null : memberNamed(this.#raft.status().membership, member);
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
    } else if (isDigestMessage(message)) {
      this.digests.receive(from, message);
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

  #checkDigests(now: Instant): void {
    if (this.core.leader !== undefined && now.monotonicMs >= this.digests.nextRoundMs()) {
      this.digests.ask(members(this.#raft.status().membership), now.monotonicMs);
    }
    for (const effect of this.digests.takeEffects()) this.#effects.push(effect);
    if (this.digests.diverged) this.#feed({ kind: "eligible", eligible: false }, now);
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
        for (const entry of effect.entries) this.#committed.push(entry);
        return;
      case "role":
        this.#changeRole(effect, now);
        return;
      case "proposed":
        this.#proposals.end(effect.ref);
        return;
      case "dropped":
        this.#dropped(effect.ref, effect.reason, now);
        return;
      case "read-ready":
        this.#requests.readReady(effect.ref, effect.index);
        return;
      case "membership-changed":
        this.#answer(this.#requests.changed(effect.ref));
        return;
      case "change-refused":
        this.#answer(this.#requests.changeRefused(effect.ref, effect.reason));
        return;
      case "transfer-failed":
        this.#answer(this.#requests.transferFailed(effect.reason));
        return;
      case "membership":
        this.digests.membersChanged();
        this.#effects.push(effect);
        return;
      case "stage-snapshot":
        this.#flush();
        this.#staged.add(effect.chunk);
        // The state that is in force then holds what they change.
        if (effect.chunk.done) this.#committed = new Inbox();
        this.#effects.push(effect);
        return;
      default:
        this.#effects.push(effect);
    }
  }

  #applyCommitted(now: Instant, share: number): void {
    let last: LogEntry | undefined;
    for (let changes = 0; changes < TURN_MAX_CHANGES * share; ) {
      const entry = this.#committed.shift();
      if (entry === undefined) break;
      changes += this.#apply(entry, now);
      last = entry;
    }
    if (last !== undefined) this.#feed({ kind: "applied", index: last.index }, now);
  }

  /** Returns about how much it changed. */
  #apply(entry: LogEntry, now: Instant): number {
    let changes = 1;
    if (entry.kind === "command") {
      const { commands, outcomes } = this.#registry.applyEntry(entry.data);
      changes = 0;
      for (const command of commands) changes += changesOf(command);
      this.core.handle({ kind: "applied", index: entry.index, commands, outcomes }, now);
    } else if (entry.kind === "empty" && this.#role.role === "leader" && entry.term === this.#role.term) {
      // Everything that earlier leaders committed is applied now.
      this.core.handle({ kind: "leadership-gained", term: entry.term }, now);
    }
    this.#batch.appliedIndex = entry.index;
    this.digests.applied(entry.index, this.#registry.runningDigest);
    return changes;
  }

  #changeRole(role: Extract<RaftEffect, { kind: "role" }>, now: Instant): void {
    const led = this.#role.role === "leader";
    const before = this.#role.term;
    if (role.role === "removed" && this.#role.role !== "removed") this.#effects.push({ kind: "removed" });
    this.#role = role;
    if (role.leader === null) this.#answer(this.#requests.dropReady());
    else if (role.leader !== this.#self) this.#answer(this.#requests.transferred(role.leader));
    // Elected again in the middle of a transfer, which ended with the term before.
    else this.#answer(this.#requests.transferFailed("timed-out"));
    if (led && (role.role !== "leader" || role.term !== before)) {
      this.#proposals.clear();
      this.core.handle({ kind: "leadership-lost" }, now);
    }
    this.#leaderAddress.follow(role.leader === this.#self ? null : role.leader, role.term);
  }

  #dropped(ref: number, reason: string, now: Instant): void {
    const read = this.#requests.readDropped(ref);
    if (read !== undefined) this.#effects.push(read);
    const commands = this.#proposals.end(ref);
    // Otherwise leadership is lost, and the core hears of that.
    if (commands === undefined || reason === "not-leader" || reason === "deposed") return;
    if (reason === "overloaded") this.#logIsFull = true;
    this.core.handle({ kind: "proposal-dropped", commands }, now);
  }

  /** True when something was proposed. `part`: of the core's bounds. */
  #finishCore(now: Instant, part: number, share: number): boolean {
    for (const effect of this.core.finish(now, part)) {
      if (effect.kind !== "propose") this.#effects.push(effect);
      else this.#proposals.add(effect.commands);
    }
    const parts = this.#proposals.take(this.#raft, share);
    this.#logIsFull = false;
    for (const commands of parts) {
      // A small part may fit where a large one did not, but may rest on it: a launch on what its call frees.
      if (this.#logIsFull) this.core.handle({ kind: "proposal-dropped", commands }, now);
      else this.#propose(commands, now);
    }
    return parts.length > 0;
  }

  #propose(commands: readonly Command[], now: Instant): void {
    const ref = this.#nextRef++;
    this.#proposals.given(ref, commands);
    const fitting = atLevel(commands, this.#raft.featureLevel);
    this.#feed({ kind: "propose", ref, data: encodeCommands(fitting), level: levelOf(fitting) }, now);
  }

  #answer(answers: readonly RequestAnswer[]): void {
    for (const answer of answers) this.#effects.push(answer);
  }

  /** The transferred state is in force on disk: the maps follow. */
  #adoptState(id: number, sequence: number): void {
    const staged = this.#staged.take(id, sequence);
    if (staged === undefined) return;
    this.#registry = staged.registry;
    this.digests.installed(staged.index, staged.registry.runningDigest);
  }

  #flush(): void {
    const effect = this.#batch.take(this.#registry.takeChanges());
    if (effect === undefined) return;
    this.#effects.push(effect);
    this.#batch = new WriteBatch();
  }
}
