/**
 * A whole replicated log in one process: members with machines, disks and a
 * network, clients with a recorded history, and the checkers that watch. Time
 * is virtual; promises are settled by hand after each event, so that one seed
 * always gives one history.
 */
import { drainMicrotasks } from "bun:jsc";
import { describeMessage } from "../../src/raft/describe.ts";
import { decodeRaftMessage, encodeRaftMessage } from "../../src/raft/message-codec.ts";
import type { PeerId, RaftConfig, RaftEffect, RaftMessage } from "../../src/raft/types.ts";
import { World } from "../sim/world.ts";
import type { RegisterOperation } from "../support/linearizability.ts";
import { Checkers } from "./checkers/checkers.ts";
import { Client } from "./client.ts";
import type { KvCommand } from "./kv-machine.ts";
import { Member, NEWEST_FEATURE_LEVEL } from "./member.ts";
import { Network } from "./network.ts";
import type { VoprOptions } from "./options.ts";
import { Pace } from "./pace.ts";
import type { Answer } from "./requests.ts";
import { Violation } from "./violation.ts";

/** Ten times what the busiest of some thousand seeds needs; most need less than a thousand. */
const EVENTS_MAX_PER_SECOND = 250_000;

export class Cluster {
  readonly options: VoprOptions;
  readonly world: World;
  readonly network: Network;
  readonly members: Member[];
  readonly clients: Client[];
  readonly checkers: Checkers;
  readonly history: RegisterOperation[] = [];
  readonly #pace = new Pace(EVENTS_MAX_PER_SECOND);
  readonly raft: Omit<RaftConfig, "self" | "peers">;
  /** Voters of the first membership. */
  readonly peers: readonly PeerId[];
  /** Clients go on. */
  working = true;
  /** Called with every message; for replays. */
  onMessage: ((text: string) => void) | undefined;
  messages = 0;
  /** Changes of the membership that were carried out. */
  changes = 0;
  #failure: unknown;
  #events = 0;
  #sessions = 0;
  #values = 0;

  constructor(seed: number, options: VoprOptions) {
    this.options = options;
    this.world = new World(seed);
    this.network = new Network(this.world, options.network);
    this.raft = { ...options.raft, announceMembership: options.faults.includes("membership") };
    this.peers = Array.from({ length: options.members }, (_, n) => `m${n + 1}`);
    this.checkers = new Checkers((id) => this.members.find((member) => member.id === id));
    this.members = this.peers.map((id) => new Member(this, id, this.peers, options.featureLevel));
    this.clients = Array.from({ length: options.clients }, (_, n) => new Client(this, `c${n + 1}`));
  }

  /** Runs everything that happens until `untilMs`, or until `enough`. Throws what a checker found. */
  runUntil(untilMs: number, enough: () => boolean = () => false): void {
    this.#settle();
    while (!enough() && this.world.step(untilMs)) {
      this.countEvent();
      this.#settle();
    }
  }

  /** Throws when there are far too many. */
  countEvent(): void {
    this.#pace.count(this.world.nowMs);
  }

  leader(): Member | undefined {
    let best: Member | undefined;
    let bestTerm = 0;
    for (const member of this.members) {
      const status = member.node?.status();
      if (status?.role !== "leader" || status.term < bestTerm) continue;
      best = member;
      bestTerm = status.term;
    }
    return best;
  }

  /** A new member with an empty disk and an id that was never used; it waits to be taken in. */
  join(): Member {
    const member = new Member(this, `m${this.members.length + 1}`, [], NEWEST_FEATURE_LEVEL);
    this.members.push(member);
    member.start();
    return member;
  }

  note(text: string): void {
    this.world.note(text);
  }

  /** Ends the run: a promise was broken outside the run's own call stack. */
  fail(error: unknown): void {
    this.#failure ??= error;
  }

  /** Lets everything that waits for nothing but a settled promise go on. */
  settle(): void {
    this.#settle();
  }

  nextEvent(): number {
    return ++this.#events;
  }

  newSession(): number {
    return ++this.#sessions;
  }

  newValue(): number {
    return ++this.#values;
  }

  sends(from: Member, to: PeerId, sent: RaftMessage): void {
    this.messages++;
    const hinted = this.options.vagueHints ? vague(sent, this.messages) : sent;
    const isOlder = this.options.olderBuilds && this.members.indexOf(from) % 2 === 1;
    const message = isOlder ? asOlderBuild(hinted) : hinted;
    this.checkers.sends(from, to, message);
    const fields = this.network.encoded ? encodeRaftMessage(message) : null;
    this.network.send(`${from.id}>${to}`, () => {
      const target = this.members.find((member) => member.id === to);
      const received = fields === null ? message : decoded(fields);
      this.onMessage?.(`${from.id} > ${to} ${describeMessage(received)}`);
      if (target === undefined) return;
      if (knowsRemoved(target, from.id)) this.#expel(target, from);
      else target.machine.guard(() => target.step({ kind: "message", from: from.id, message: received }))();
    });
  }

  /** As the transport does when it hears from a removed member. */
  #expel(by: Member, member: Member): void {
    if (!by.machine.answers) return;
    this.network.send(`${by.id}>${member.id}`, () =>
      member.machine.guard(() => member.step({ kind: "expelled" }))(),
    );
  }

  changesRole(member: Member, { role, term }: RaftEffect & { kind: "role" }): void {
    member.leadsTerm = role === "leader" ? term : null;
    if (role !== "leader") return;
    this.note(`${member.id} leads term ${term}`);
    this.checkers.leads(member, term);
  }

  /** A client's question to a member, and the answer's way back. */
  ask(
    client: string,
    member: Member,
    key: string,
    command: KvCommand | null,
    answered: (answer: Answer) => void,
  ): void {
    const reply = (answer: Answer): void => {
      this.network.send(`${member.id}>${client}`, () => answered(answer));
    };
    // Once: of two copies one could be refused and the other take effect, and a refusal is definite.
    this.network.sendOnce(`${client}>${member.id}`, () => {
      const handle = member.machine.guard(() => {
        if (member.node === null) reply({ kind: "refused" });
        else if (command === null) member.requests.read(key, reply);
        else member.requests.command(command, reply);
      });
      if (member.machine.alive) handle();
      else reply({ kind: "refused" });
    });
  }

  #settle(): void {
    drainMicrotasks();
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** `draw` is any number. */
function vague(message: RaftMessage, draw: number): RaftMessage {
  if (message.kind !== "append-rejected") return message;
  return { ...message, hintIndex: draw % (message.hintIndex + 1) };
}

/** What a build sends that knows no windows. */
function asOlderBuild(message: RaftMessage): RaftMessage {
  if (message.kind !== "append" && message.kind !== "append-rejected") return message;
  const { window: _, ...known } = message;
  return known;
}

function decoded(fields: readonly unknown[]): RaftMessage {
  const message = decodeRaftMessage(fields);
  if (!message.ok) throw new Violation(`Codec: a message cannot be read back: ${message.error}`);
  return message.value;
}

/** As the transport asks: by the committed membership; one that is only appended may never come to be. */
function knowsRemoved(target: Member, id: PeerId): boolean {
  return target.membership.removed.includes(id) && target.node?.status().removed.includes(id) === true;
}
