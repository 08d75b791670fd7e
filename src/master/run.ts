/**
 * The master's pump: queues inputs, runs turns of the node, carries out its
 * effects through drivers, and answers the HTTP edge (port.ts). It decides
 * nothing. Drivers come as constructor arguments; tests pass their own.
 */
import { INBOX_MAX_INPUTS, TURN_MAX_INPUT_MS, TURN_MAX_TELL_MS } from "../base/limits.ts";
import type { Instant } from "../base/time.ts";
import type { MasterEvent } from "../model/v1/master-events.ts";
import type { OfferOperation } from "../model/v1/offers.ts";
import type { SchedulerCall, SchedulerEvent } from "../model/v1/scheduler.ts";
import type { NoteCommand } from "../registry/commands.ts";
import { Alarm } from "./alarm.ts";
import { OVERLOADED, TOO_MANY_CALLS } from "./call-queues.ts";
import { Inputs } from "./inputs.ts";
import { type AgentLinkDriver, type AgentLinkInput, type LinkPlace, linkPlace } from "./link-driver.ts";
import { masterMetrics } from "./metrics.ts";
import {
  type MasterNode,
  type MemberPlace,
  memberPlaces,
  type NodeEffect,
  type NodeInput,
  type PeerMessage,
} from "./node.ts";
import { Outlet } from "./outlet.ts";
import type {
  CallAnswer,
  CallContext,
  ClusterChange,
  ClusterView,
  EventSink,
  Leadership,
  MasterAddress,
  MasterChange,
  MasterPort,
  NoteView,
  RaftStatus,
  Subscription,
} from "./port.ts";
import { type MasterDrivers, outdated, REMOVED } from "./run-drivers.ts";
import { StoreDriver } from "./run-state.ts";
import { DISK_FULL, LeadershipNews, sayDigestAlarm, sayDiskFull, waitedInVain } from "./say.ts";
import { TurnShare } from "./turn-share.ts";
import type { AnswerRef } from "./types.ts";
import { MasterView } from "./views.ts";

export type { MasterDrivers, PeerSender } from "./run-drivers.ts";

const TICK: NodeInput = { kind: "tick" };

export class Master implements MasterPort {
  readonly address: MasterAddress;
  readonly startedAtMs: number;
  readonly #node: MasterNode;
  readonly #drivers: MasterDrivers;
  readonly #news: LeadershipNews;
  readonly #flags: Readonly<Record<string, string>>;
  readonly #ownLink: LinkPlace;
  readonly #inputs = new Inputs();
  readonly #outlet = new Outlet(() => this.#drivers.log);
  readonly #share = new TurnShare(() => this.#drivers.workMs());
  #turnPlanned = false;
  #closed = false;
  readonly #alarm: Alarm;
  #nextRef = 1;
  #nextLink = 1;
  #diskIsFull = false;
  readonly #store: StoreDriver;
  /** When the part of the turn that is under way has lasted long enough. */
  #endMs = 0;
  // Made once: turns are many, and each object is one more for the collector.
  readonly #runTurn = (): void => this.#turn();
  readonly #status = () => this.#node.raftStatus();
  readonly #waitedInVain = (): string => waitedInVain(this.#diskIsFull);
  readonly #taking = {
    isOver: (): boolean => this.#drivers.now().monotonicMs >= this.#endMs,
    clients: true,
    mustWait: (frameworkId: string, call: SchedulerCall): boolean =>
      this.#node.core.leader?.mustWait(frameworkId, call) === true,
  };

  /** `ownLink`: where agents link to this master; its raft name may be older than its address. */
  constructor(
    node: MasterNode,
    drivers: MasterDrivers,
    flags: Readonly<Record<string, string>>,
    ownLink: LinkPlace,
  ) {
    this.#ownLink = ownLink;
    this.#node = node;
    this.#drivers = drivers;
    this.#alarm = new Alarm(
      (atMs, wake) => drivers.wakeAt(atMs, wake),
      () => this.#planTurn(),
    );
    this.#news = new LeadershipNews(drivers.log, node.settings.address);
    this.#store = new StoreDriver(drivers.store, drivers.log, {
      push: (input) => this.#push(input),
      fail: (what, error) => this.#fail(what, error),
    });
    this.#flags = flags;
    this.address = node.settings.address;
    this.startedAtMs = drivers.now().wallMs;
  }

  /** Begins to take part: the first turn starts raft's clocks. */
  start(): void {
    this.#push(TICK);
  }

  /** No turn follows; open requests are answered, streams and links closed. The store is the caller's. */
  close(): void {
    this.#closed = true;
    this.#alarm.cancel();
    this.#store.closeAll();
    this.#outlet.close();
  }

  /** True while drivers should stop reading from agents and peers. */
  get congested(): boolean {
    return this.#inputs.waiting >= INBOX_MAX_INPUTS;
  }

  peerMessage(from: string, message: PeerMessage): void {
    // Raft repeats what got lost.
    if (this.#inputs.urgent < INBOX_MAX_INPUTS) this.#push({ kind: "message", from, message });
  }

  peerLost(peer: string): void {
    this.#push({ kind: "peer-lost", peer });
  }

  agentLinkOpened(driver: AgentLinkDriver): AgentLinkInput {
    const link = this.#nextLink++;
    this.#outlet.links.set(link, driver);
    return {
      message: (message) => {
        if (this.#outlet.links.has(link)) this.#push({ kind: "agent-message", link, message });
      },
      closed: () => {
        if (this.#outlet.links.delete(link)) this.#push({ kind: "agent-link-closed", link });
      },
    };
  }

  electedAtMs(): number | undefined {
    return this.#node.core.electedAtMs;
  }

  leadership(): Leadership {
    return this.#node.leadership();
  }

  agentLink(): LinkPlace | undefined {
    const leader = this.#node.leaderPlace();
    if (leader === undefined) return undefined;
    if (this.#node.leadership().kind === "leading") return this.#ownLink;
    return linkPlace(leader);
  }

  flags(): Readonly<Record<string, string>> {
    return this.#flags;
  }

  view(): ClusterView {
    return new MasterView(this.#node.registry, this.#node.core.leader, this.#drivers.now());
  }

  *metrics(): Generator<undefined, Readonly<Record<string, number>>> {
    const uptimeMs = this.#drivers.now().wallMs - this.startedAtMs;
    return {
      ...(yield* masterMetrics(this.#node.core, this.#node.registry, uptimeMs)),
      "master/event_queue_messages": this.#inputs.waiting,
      "master/operator_event_stream_subscribers": this.#outlet.operators.size,
      "mesh/registry_digest_mismatch": this.#node.digests.mismatches,
      ...this.#drivers.systemMetrics(),
    };
  }

  raftStatus(): RaftStatus {
    return this.#node.raftView();
  }

  readIndex(): Promise<CallAnswer> {
    return this.#ask((ref) => ({ kind: "read-index", ref }));
  }

  changeMasters(change: MasterChange): Promise<CallAnswer> {
    return this.#ask((ref) => ({ kind: "change-membership", ref, change }));
  }

  transferLeadership(to: string | undefined): Promise<CallAnswer> {
    return this.#ask((ref) => ({ kind: "transfer", ref, to: to ?? null }));
  }

  /** Opens a new cluster of the masters given, if this one knows of none. */
  found(members: readonly MemberPlace[]): void {
    this.#push({ kind: "found", members });
  }

  /** Knows of no cluster yet. */
  get blank(): boolean {
    const { membership, lastIndex } = this.#node.raftStatus();
    return memberPlaces(membership).length === 0 && lastIndex === 0;
  }

  /** The member's removal is committed. */
  wasRemoved(id: string): boolean {
    return this.#node.raftStatus().removed.includes(id);
  }

  /** Tells that the disk is full, or that there is room again. */
  diskFull(full: boolean): void {
    this.#diskIsFull = full;
    sayDiskFull(this.#drivers.log, full);
    this.#push({ kind: "eligible", eligible: !full });
  }

  /** Host names of agents that may be offered (`--whitelist`). */
  allowAgents(hostnames: ReadonlySet<string>): void {
    this.#push({ kind: "whitelist", hostnames });
  }

  /** Another master says that this one was removed. */
  expelled(): void {
    this.#push({ kind: "expelled" });
  }

  subscribe(
    call: SchedulerCall,
    principal: string | undefined,
    sink: EventSink<SchedulerEvent>,
  ): Subscription {
    const streamId = this.#drivers.newUuid();
    const refusal = this.#refusal(true);
    if (refusal !== undefined) {
      sink.close(refusal.body);
      return { streamId, disconnected() {} };
    }
    const disconnected = (): void => {
      this.#outlet.waits.done(streamId);
      if (this.#outlet.streams.delete(streamId)) this.#push({ kind: "stream-closed", streamId });
    };
    this.#outlet.streams.set(streamId, sink);
    this.#outlet.waits.add(streamId, this.#drivers.now().monotonicMs, ({ body }) => {
      sink.close(body);
      disconnected();
    });
    this.#push({ kind: "subscribe", streamId, call, principal });
    return { streamId, disconnected };
  }

  call(call: SchedulerCall, context: CallContext): Promise<CallAnswer> {
    const claimed = call.framework_id?.value ?? "";
    // Whoever makes ids up has one queue for all of them.
    const frameworkId = this.#node.registry.frameworks.has(claimed) ? claimed : "";
    if (this.#inputs.isFull(frameworkId)) return Promise.resolve(TOO_MANY_CALLS);
    return this.#ask((ref) => ({ kind: "call", ref, call, context }), false, frameworkId);
  }

  teardown(frameworkId: string): Promise<CallAnswer> {
    return this.#ask((ref) => ({ kind: "teardown", ref, frameworkId }), true);
  }

  kill(frameworkId: string, taskId: string): Promise<CallAnswer> {
    return this.#ask((ref) => ({ kind: "operator-kill", ref, frameworkId, taskId }));
  }

  operate(agentId: string, operation: OfferOperation): Promise<CallAnswer> {
    return this.#ask((ref) => ({ kind: "operate", ref, agentId, operation }), true);
  }

  change(change: ClusterChange): Promise<CallAnswer> {
    return this.#ask((ref) => ({ kind: "change", ref, change }), true);
  }

  note(key: string): NoteView | undefined {
    return this.#node.registry.note(key);
  }

  noteKeys(prefix: string): readonly string[] {
    return this.#node.registry.noteKeys(prefix);
  }

  changeNote(command: NoteCommand): Promise<CallAnswer> {
    return this.#ask((ref) => ({ kind: "note", ref, command }), true);
  }

  subscribeOperator(sink: EventSink<MasterEvent>): Subscription {
    this.#outlet.operators.add(sink);
    return {
      streamId: this.#drivers.newUuid(),
      disconnected: () => void this.#outlet.operators.delete(sink),
    };
  }

  #refusal(changes: boolean): CallAnswer | undefined {
    if (this.#closed || this.congested) return OVERLOADED;
    return changes && this.#diskIsFull ? { status: 503, body: DISK_FULL } : undefined;
  }

  /** `changes`: it ends in the log, which needs room on the disk. `frameworkId`: whose call it is. */
  #ask(input: (ref: AnswerRef) => NodeInput, changes = false, frameworkId?: string): Promise<CallAnswer> {
    const refusal = this.#refusal(changes);
    if (refusal !== undefined) return Promise.resolve(refusal);
    const ref = this.#nextRef++;
    return new Promise((resolve) => {
      this.#outlet.waits.add(ref, this.#drivers.now().monotonicMs, resolve);
      this.#push(input(ref), frameworkId);
    });
  }

  #push(input: NodeInput, frameworkId?: string): void {
    if (this.#closed) return;
    this.#inputs.push(input, frameworkId);
    this.#planTurn();
  }

  #planTurn(): void {
    if (this.#turnPlanned || this.#closed) return;
    this.#turnPlanned = true;
    this.#drivers.soon(this.#runTurn);
  }

  #turn(): void {
    this.#turnPlanned = false;
    if (this.#closed) return;
    const now = this.#drivers.now();
    this.#node.core.operators.listen = this.#outlet.operators.size > 0;
    try {
      this.#share.begin(this.#takeInputs(now));
      const effects = this.#node.finish(now, this.#share.value);
      const leadership = this.#node.leadership();
      this.#share.decided(leadership.kind === "leading", this.#node.nextDeadlineMs() === 0);
      for (const effect of effects) this.#carryOut(effect);
      if (this.#outlet.waiting > 0) this.#say();
      this.#news.tell(leadership, this.#status);
      this.#outlet.waits.giveUp(now.monotonicMs, this.#waitedInVain);
    } catch (error) {
      this.#fail("A turn of the master failed", error);
      return;
    }
    const hasMore = this.#inputs.waiting > 0 || this.#outlet.waiting > 0;
    const deadlineMs = this.#node.nextDeadlineMs();
    if (hasMore || deadlineMs <= now.monotonicMs) this.#planTurn();
    this.#alarm.set(Math.min(deadlineMs, this.#outlet.waits.nextMs()));
  }

  /** Returns how many. */
  #takeInputs(now: Instant): number {
    if (now.monotonicMs >= this.#node.nextDeadlineMs()) this.#node.handle(TICK, now);
    this.#endMs = now.monotonicMs + TURN_MAX_INPUT_MS;
    // Whoever asks for more than can be said waits.
    this.#taking.clients = this.#outlet.waiting === 0;
    for (let taken = 0; ; taken++) {
      const input = this.#inputs.next(taken, this.#taking);
      if (input === undefined) return taken;
      this.#node.handle(input, now);
    }
  }

  #say(): void {
    this.#endMs = this.#drivers.now().monotonicMs + TURN_MAX_TELL_MS;
    this.#outlet.say(this.#taking.isOver);
  }

  #carryOut(effect: NodeEffect): void {
    switch (effect.kind) {
      case "send":
        this.#drivers.peers.send(effect.to, effect.message);
        return;
      case "write":
      case "read-entries":
      case "read-snapshot":
      case "close-snapshot":
      case "stage-snapshot":
        this.#store.carryOut(effect);
        return;
      case "membership":
        this.#drivers.peers.setMembers?.(memberPlaces(effect.membership));
        return;
      case "digest-alarm":
        sayDigestAlarm(this.#drivers.log, effect);
        return;
      case "removed":
        this.#drivers.log.error(REMOVED);
        return;
      case "outdated":
        this.#fail("This version of mesh is too old for the cluster", outdated(effect.featureLevel));
        return;
      default:
        this.#outlet.push(effect);
    }
  }

  #fail(what: string, error: unknown): void {
    this.#drivers.log.error(what, { error: String(error) });
    this.#drivers.onFailure(error);
  }
}
