/**
 * One master machine: the real MasterNode over a simulated disk, datagrams to
 * its peers, and channels to agents and frameworks. It does what
 * src/master/run.ts does: inputs are gathered into turns, effects carried out
 * in order, answers to effects come back as later inputs.
 */
import { TURN_SHARE_MIN } from "../../src/base/limits.ts";
import type { Random } from "../../src/base/random.ts";
import { randomUuid, uuidText } from "../../src/base/uuid.ts";
import {
  MasterNode,
  type NodeEffect,
  type NodeInput,
  type PeerMessage,
  type WriteEffect,
} from "../../src/master/node.ts";
import type { MasterSettings } from "../../src/master/types.ts";
import type { AgentToMaster, MasterToAgent } from "../../src/model/agent-protocol.ts";
import type { SchedulerCall, SchedulerEvent } from "../../src/model/v1/scheduler.ts";
import { bootstrapMembership, encodeMembership } from "../../src/raft/membership.ts";
import type { RaftConfig } from "../../src/raft/types.ts";
import { FEATURE_LEVEL } from "../../src/registry/command-level.ts";
import { Registry } from "../../src/registry/registry.ts";
import type { Channel, ChannelEnds } from "./channel.ts";
import { SimDisk } from "./disk.ts";
import type { Network } from "./network.ts";
import { Process } from "./process.ts";
import type { World } from "./world.ts";

/** Looks over the master's shoulder; each method throws a Violation for a broken promise. */
export interface MasterObserver {
  started(master: SimMaster): void;
  /** Before anything of the turn is carried out. */
  writes(master: SimMaster, write: WriteEffect["write"]): void;
  sends(master: SimMaster, to: string, message: PeerMessage): void;
  tellsFramework(master: SimMaster, event: SchedulerEvent): void;
  tellsAgent(master: SimMaster, message: MasterToAgent): void;
  turned(master: SimMaster): void;
  /** `what`: the type of a call, or the kind of a request. */
  answered(what: string, status: number): void;
}

/** What an operator asks for and is answered. */
export type Request = RequestOf<"change" | "operate" | "operator-kill" | "teardown" | "note" | "read-index">;
type RequestOf<K extends NodeInput["kind"]> = K extends K
  ? Omit<Extract<NodeInput, { kind: K }>, "ref">
  : never;

interface Unanswered {
  readonly what: string;
  readonly askedAtMs: number;
}

export interface SimMasterOptions {
  /** Raft address; the machine's name too. */
  readonly name: string;
  readonly raft: Omit<RaftConfig, "self">;
  readonly settings: Omit<MasterSettings, "address">;
  readonly diskMaxMs: number;
  /** Longest time that inputs wait to be gathered into one turn. */
  readonly turnMaxMs: number;
  readonly wallSkewMs: number;
}

type ClientEnds = Pick<ChannelEnds, "toClient" | "clientClosed">;
type EffectOf<K extends NodeEffect["kind"]> = Extract<NodeEffect, { kind: K }>;

const ANSWERS: ReadonlySet<number> = new Set([200, 202, 400, 403, 404, 409, 412, 503]);

export class SimMaster {
  readonly name: string;
  readonly disk: SimDisk;
  readonly process: Process;
  node: MasterNode | undefined;
  readonly #world: World;
  readonly #random: Random;
  readonly #network: Network;
  readonly #options: SimMasterOptions;
  readonly #observer: MasterObserver;
  readonly #deliver: (from: string, to: string, message: PeerMessage) => void;
  #inbox: NodeInput[] = [];
  #turnPlanned = false;
  #tickAtMs = Number.POSITIVE_INFINITY;
  #nextRef = 1;
  readonly #unanswered = new Map<number, Unanswered>();
  readonly #streams = new Map<string, Channel>();
  readonly #links = new Map<number, Channel>();

  constructor(
    network: Network,
    options: SimMasterOptions,
    observer: MasterObserver,
    deliver: (from: string, to: string, message: PeerMessage) => void,
  ) {
    const { world } = network;
    this.#world = world;
    this.#network = network;
    this.#options = options;
    this.#observer = observer;
    this.#deliver = deliver;
    this.#random = world.fork();
    this.name = options.name;
    this.process = new Process(world, options.wallSkewMs);
    this.disk = new SimDisk(world, this.#random.fork(), options.diskMaxMs);
    this.#format();
    this.start();
  }

  /** All masters are of this version from the beginning: nothing has to wait until each has said so. */
  #format(): void {
    const { peers } = this.#options.raft;
    const membership = encodeMembership({ ...bootstrapMembership(peers), featureLevel: FEATURE_LEVEL });
    const snapshot = { index: 0, term: 0, membership };
    for (const image of [this.disk.live, this.disk.durable]) image.snapshot = snapshot;
  }

  get leads(): boolean {
    return this.node?.core.leader !== undefined;
  }

  start(): void {
    const { raft, settings } = this.#options;
    this.process.start(this.#random.u32());
    this.#turnPlanned = false;
    this.#tickAtMs = Number.POSITIVE_INFINITY;
    const id = uuidText(randomUuid(this.#random));
    this.node = new MasterNode({
      raft: { featureLevel: FEATURE_LEVEL, ...raft, self: this.name },
      settings: { ...settings, address: { id, hostname: this.name, ip: "10.0.0.1", port: 5050 } },
      restored: this.disk.live.restored(),
      registry: Registry.from(this.disk.live.records()),
      random: this.#random.fork(),
    });
    this.#world.note(`${this.name} starts, applied ${this.disk.live.appliedIndex}`);
    this.#observer.started(this);
    this.#push({ kind: "tick" });
  }

  /** kill -9 and power failure in one: unsynced writes go too. */
  crash(): void {
    this.#world.note(`${this.name} crashes`);
    this.process.kill();
    this.node = undefined;
    this.disk.crash();
    this.#inbox = [];
    this.#unanswered.clear();
    this.#streams.clear();
    this.#links.clear();
    this.#network.resetAll(this.name);
  }

  /** An operator's wish; only a leader heeds it. */
  transferLeadership(): void {
    if (this.process.answers) this.#push({ kind: "transfer", to: null });
  }

  ask(request: Request): void {
    this.process.guard(() => {
      this.feed({ ...request, ref: this.#newRef(request.kind) });
    })();
  }

  /** The oldest request that was not answered; undefined when all were. */
  get oldestUnanswered(): Unanswered | undefined {
    const [oldest] = this.#unanswered.values();
    return oldest;
  }

  feed(input: NodeInput): void {
    this.process.guard(() => this.#push(input))();
  }

  peerLost(peer: string): void {
    this.process.guard(() => this.#push({ kind: "peer-lost", peer }))();
  }

  receive(from: string, message: PeerMessage): void {
    this.process.guard(() => this.#push({ kind: "message", from, message }))();
  }

  /** An agent's link; undefined when nobody answers the hello. */
  openLink(from: string, ends: ClientEnds): Channel | undefined {
    if (!this.process.answers) return undefined;
    const link = this.#nextRef++;
    const channel = this.#network.connect(from, this.name, {
      ...ends,
      toServer: (payload) => {
        const message = payload as AgentToMaster;
        this.process.guard(() => {
          if (this.#links.has(link)) this.#push({ kind: "agent-message", link, message });
        })();
      },
      serverClosed: this.process.guard(() => {
        if (this.#links.delete(link)) this.#push({ kind: "agent-link-closed", link });
      }),
    });
    if (channel !== undefined) this.#links.set(link, channel);
    return channel;
  }

  /** A framework's SUBSCRIBE; undefined when nobody answers or another master leads. */
  subscribe(
    from: string,
    call: SchedulerCall,
    ends: ClientEnds,
  ): { streamId: string; channel: Channel } | undefined {
    if (!this.process.answers || this.node?.leadership().kind !== "leading") return undefined;
    const streamId = uuidText(randomUuid(this.#random));
    const channel = this.#network.connect(from, this.name, {
      ...ends,
      toServer: () => {},
      serverClosed: this.process.guard(() => {
        if (this.#streams.delete(streamId)) this.#push({ kind: "stream-closed", streamId });
      }),
    });
    if (channel === undefined) return undefined;
    this.#streams.set(streamId, channel);
    this.#push({ kind: "subscribe", streamId, call, principal: undefined });
    return { streamId, channel };
  }

  call(call: SchedulerCall, streamId: string): void {
    this.process.guard(() => {
      const ref = this.#newRef(call.type ?? "UNKNOWN");
      this.#push({ kind: "call", ref, call, context: { streamId, principal: undefined } });
    })();
  }

  #newRef(what: string): number {
    const ref = this.#nextRef++;
    this.#unanswered.set(ref, { what, askedAtMs: this.#world.nowMs });
    return ref;
  }

  #push(input: NodeInput): void {
    this.#inbox.push(input);
    if (this.#turnPlanned) return;
    this.#turnPlanned = true;
    this.process.after(this.#random.fraction() * this.#options.turnMaxMs, () => this.#turn());
  }

  #turn(): void {
    const { node } = this;
    if (node === undefined) return;
    this.#turnPlanned = false;
    const inputs = this.#inbox;
    this.#inbox = [];
    const { now } = this.process;
    if (now.monotonicMs >= node.nextDeadlineMs()) inputs.push({ kind: "tick" });
    const led = this.leads;
    // Slow and fast machines: all of what a turn may do, or a part of it.
    const share = Math.min(1, Math.max(TURN_SHARE_MIN, 2 * this.#random.fraction()));
    const effects = node.step(inputs, now, share);
    if (this.leads !== led) this.#noteRole(node);
    // What was applied in this turn counts as committed when its messages go out.
    for (const effect of effects) if (effect.kind === "write") this.#observer.writes(this, effect.write);
    for (const effect of effects) this.#carryOut(effect);
    this.#observer.turned(this);
    this.#armTick(node);
  }

  #noteRole(node: MasterNode): void {
    const { term, appliedIndex } = node.raftStatus();
    const what = this.leads ? "leads" : "leads no longer,";
    this.#world.note(`${this.name} ${what} term ${term}, applied ${appliedIndex}`);
  }

  #armTick(node: MasterNode): void {
    const atMs = node.nextDeadlineMs();
    if (atMs === this.#tickAtMs || atMs === Number.POSITIVE_INFINITY) return;
    this.#tickAtMs = atMs;
    this.process.after(this.process.worldMs(atMs) - this.#world.nowMs, () => {
      if (this.#tickAtMs !== atMs) return;
      this.#tickAtMs = Number.POSITIVE_INFINITY;
      this.#push({ kind: "tick" });
    });
  }

  #carryOut(effect: NodeEffect): void {
    switch (effect.kind) {
      case "write":
        this.#write(effect);
        return;
      case "send":
        this.#observer.sends(this, effect.to, effect.message);
        this.#deliver(this.name, effect.to, effect.message);
        return;
      case "answer":
        this.#answer(effect);
        return;
      case "scheduler-event":
        this.#observer.tellsFramework(this, effect.event);
        this.#streams.get(effect.streamId)?.send("server", effect.event);
        return;
      case "close-stream":
        this.#streams.get(effect.streamId)?.close("server");
        this.#streams.delete(effect.streamId);
        return;
      case "agent-send":
        this.#observer.tellsAgent(this, effect.message);
        this.#links.get(effect.link)?.send("server", effect.message);
        return;
      case "close-link":
        this.#links.get(effect.link)?.close("server");
        this.#links.delete(effect.link);
        return;
      case "read-entries":
        this.#readEntries(effect);
        return;
      case "read-snapshot":
        this.#readState(effect);
        return;
      case "close-snapshot":
        this.disk.closeState(effect.to);
        return;
      case "stage-snapshot":
        this.#stage(effect);
        return;
      case "operator-event":
      case "close-operator-streams":
      case "notice":
        return;
    }
  }

  #write({ write, token }: WriteEffect): void {
    const persisted = this.process.guard(() => {
      if (token !== undefined) this.#push({ kind: "persisted", token });
    });
    this.disk.write(write, persisted);
  }

  #answer({ ref, status, body }: EffectOf<"answer">): void {
    const asked = this.#unanswered.get(ref);
    if (asked === undefined) throw new Error(`${this.name} answered request ${ref} twice`);
    this.#unanswered.delete(ref);
    if (!ANSWERS.has(status)) throw new Error(`${this.name} answered ${asked.what} ${status} '${body}'`);
    this.#observer.answered(asked.what, status);
  }

  #readEntries({ peer, from, to }: EffectOf<"read-entries">): void {
    this.disk.read(from, to, (entries) => {
      this.process.guard(() => this.#push({ kind: "entries-read", peer, entries }))();
    });
  }

  #readState({ to, id, sequence }: EffectOf<"read-snapshot">): void {
    this.disk.readState(to, id, sequence, (part) => {
      const input: NodeInput =
        part === undefined
          ? { kind: "snapshot-failed", to, id }
          : { kind: "snapshot-read", to, id, sequence, ...part };
      this.process.guard(() => this.#push(input))();
    });
  }

  #stage({ chunk }: EffectOf<"stage-snapshot">): void {
    const { id, sequence } = chunk;
    if (chunk.done) this.#world.note(`${this.name} takes over the state at ${chunk.snapshot.index}`);
    const staged = this.process.guard(() => this.#push({ kind: "snapshot-staged", id, sequence }));
    this.disk.stage(chunk, staged);
  }
}
