/**
 * The memory of a leading master and the outlet for what a turn leads to.
 * Lives from leadership gained to leadership lost. Handlers (one topic a
 * file) are functions over it.
 */
import type { Allocator } from "../allocator/allocator.ts";
import { present } from "../base/assert.ts";
import type { Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";
import { randomUuid, uuidText } from "../base/uuid.ts";
import type { MasterToAgent } from "../model/agent-protocol.ts";
import type { MachineID } from "../model/v1/ids.ts";
import type { MasterEvent } from "../model/v1/master-events.ts";
import type { SchedulerCall, SchedulerEvent } from "../model/v1/scheduler.ts";
import { RUN_IDS_LEVEL } from "../registry/command-level.ts";
import type { Command, NoteCommand, Outcome, UpdateQuota } from "../registry/commands.ts";
import type { Registry } from "../registry/registry.ts";
import { derivedRunId } from "../registry/run-ids.ts";
import { CallRates } from "./call-rates.ts";
import type { Counters } from "./counters.ts";
import { InverseOfferBook } from "./inverse-offer-book.ts";
import { Later } from "./later.ts";
import type {
  AgentMemory,
  DeferredCommand,
  FrameworkMemory,
  OfferMemory,
  PendingAgent,
  PendingFramework,
} from "./memory.ts";
import { OperatorRequests } from "./operator-requests.ts";
import { RemovalPermits } from "./removal-permits.ts";
import { StoredResources } from "./stored-resources.ts";
import { Timers } from "./timers.ts";
import type { AnswerRef, LinkRef, MasterEffect, MasterSettings, StreamId } from "./types.ts";

/** The registry as the core may use it: reads only; changes go through the log. */
export type RegistryReader = Omit<Registry, "applyEntry" | "takeChanges" | "load" | "loadPart" | "loadEnd">;

/** What became of a proposed command; `overloaded`: the log was full, it will not be applied. */
export type Fate = Outcome | { readonly accepted: false; readonly reason: "overloaded" };

/** Numbers for new ids; they outlive a term, since the master id in front stays the same. */
export interface IdCounters {
  framework: number;
  agent: number;
  offer: number;
}

const NOT_TAKEN =
  "Nothing was changed: the log of the master is full, or a master of an older version is among the masters; try again";

const NO_EFFECTS: readonly MasterEffect[] = [];

/** Whether there are operators' event streams. */
export interface Operators {
  listen: boolean;
}

export interface LeaderParts {
  readonly settings: MasterSettings;
  readonly registry: RegistryReader;
  readonly allocator: Allocator;
  readonly counters: Counters;
  readonly ids: IdCounters;
  readonly random: Random;
  /** Of the log: what all masters can apply. */
  readonly featureLevel: () => number;
  readonly term: number;
  readonly operators: Operators;
}

export class Leader {
  readonly settings: MasterSettings;
  readonly registry: RegistryReader;
  readonly allocator: Allocator;
  readonly counters: Counters;
  readonly term: number;
  readonly frameworks = new Map<string, FrameworkMemory>();
  readonly agents = new Map<string, AgentMemory>();
  readonly offers = new Map<string, OfferMemory>();
  /** Streams of connected frameworks. */
  readonly frameworkOfStream = new Map<StreamId, string>();
  /** Links of registered agents. */
  readonly agentOfLink = new Map<LinkRef, string>();
  /** All links that are open, registered or not. */
  readonly links = new Set<LinkRef>();
  /** In the order proposed. */
  readonly pendingFrameworks: PendingFramework[] = [];
  readonly pendingAgents = new Map<string, PendingAgent>();
  /** Agents of launches that are proposed and not yet applied, by `taskKey`. */
  readonly launching = new Map<string, string>();
  /** Commands to be proposed a little later, see deferred.ts. */
  readonly deferred: DeferredCommand[] = [];
  /** Agents that wait for the commit of a task's acknowledged end, by `taskKey`. */
  readonly completions = new Map<string, string>();
  /** Agents by "ip:port", see agent-address.ts. */
  readonly agentsOfAddress = new Map<string, Set<string>>();
  /** Frameworks whose removal was asked for, with the requests that wait for it. */
  readonly teardowns = new Map<string, AnswerRef[]>();
  /** Proposed changes of notes with the requests that wait for them, in the order proposed. */
  readonly noteChanges = new Map<NoteCommand, AnswerRef>();
  /** Agents of operations with an id that are proposed and not yet applied, by framework and operation id. */
  readonly operating = new Map<string, string>();
  /** Agents that are here and still have something to end, see drain.ts. */
  readonly draining = new Set<string>();
  /** Agents whose mark as gone is proposed. */
  readonly markingGone = new Set<string>();
  /** Agents that take their leave. */
  readonly unregistering = new Set<string>();
  /** All machines of a call that takes several down. */
  readonly goingDown = new Map<AnswerRef, readonly MachineID[]>();
  /** Proposed and not yet applied, in the order proposed. */
  readonly quotaChanges: UpdateQuota[] = [];
  readonly requests = new OperatorRequests();
  readonly removalPermits = new RemovalPermits();
  /** Agents that were not unreachable when this master began to lead. */
  recoveredAgents = 0;
  readonly inverseOffers = new InverseOfferBook();
  readonly storedResources = new StoredResources();
  readonly timers = new Timers();
  readonly callRates: CallRates;
  /** Long work under way. */
  readonly later = new Later();
  /** Host names of agents that may be offered; undefined: all. */
  whitelist: ReadonlySet<string> | undefined;
  /** Agents that must be linked before the first offers after a failover; undefined: nothing is awaited. */
  awaitedAgents: number | undefined;
  /** Set by whatever may free resources or widen demand; the turn's end then asks the allocator. */
  allocationDue = false;
  now: Instant;
  readonly #ids: IdCounters;
  readonly #random: Random;
  readonly #operators: Operators;
  readonly #featureLevel: () => number;
  #effects: MasterEffect[] = [];
  #commands: Command[] = [];

  constructor(parts: LeaderParts, now: Instant) {
    this.settings = parts.settings;
    this.registry = parts.registry;
    this.allocator = parts.allocator;
    this.counters = parts.counters;
    this.callRates = new CallRates(parts.settings.rateLimits ?? {});
    this.term = parts.term;
    this.now = now;
    this.#ids = parts.ids;
    this.#random = parts.random;
    this.#operators = parts.operators;
    this.#featureLevel = parts.featureLevel;
  }

  newFrameworkId(): string {
    return `${this.settings.address.id}-${String(this.#ids.framework++).padStart(4, "0")}`;
  }

  newAgentId(): string {
    return `${this.settings.address.id}-S${this.#ids.agent++}`;
  }

  newOfferId(): string {
    return `${this.settings.address.id}-O${this.#ids.offer++}`;
  }

  /** 16 raw bytes. */
  newUuid(): Uint8Array {
    return randomUuid(this.#random);
  }

  /** Names one run of a task, for ever; made of the task's names while the log cannot hold another. */
  newRunId(frameworkId: string, taskId: string): string {
    if (!this.canWrite(RUN_IDS_LEVEL)) return derivedRunId(frameworkId, taskId);
    return uuidText(randomUuid(this.#random));
  }

  /** All masters know a field or command of this feature level. */
  canWrite(level: number): boolean {
    return this.#featureLevel() >= level;
  }

  newChangeId(): string {
    return uuidText(randomUuid(this.#random));
  }

  framework(id: string): FrameworkMemory {
    return present(this.frameworks.get(id), `Framework ${id} must be in leader memory`);
  }

  agent(id: string): AgentMemory {
    return present(this.agents.get(id), `Agent ${id} must be in leader memory`);
  }

  /** A call that would begin what the framework has under way already: it may not pile up. */
  mustWait(frameworkId: string, call: SchedulerCall): boolean {
    return call.type === "RECONCILE" && (this.frameworks.get(frameworkId)?.reconciling ?? 0) > 0;
  }

  propose(command: Command): void {
    this.#commands.push(command);
  }

  /** Proposes what an operator asked for; the answer comes with {@link answerRequest}. */
  proposeFor(ref: AnswerRef, command: Command): void {
    this.requests.add(command, ref);
    this.propose(command);
  }

  /** Answers whoever waits for the command: 200, or why it was not done. False when nobody does. */
  answerRequest(
    command: Command,
    fate: Fate,
    refusal: () => readonly [status: number, body: string],
  ): boolean {
    const ref = this.requests.take(command);
    if (ref === undefined) return false;
    if (fate.accepted) this.answer(ref, 200);
    else if (fate.reason === "overloaded") this.answer(ref, 503, NOT_TAKEN);
    else this.answer(ref, ...refusal());
    return true;
  }

  answer(ref: AnswerRef, status: number, body = ""): void {
    this.emit({ kind: "answer", ref, status, body });
  }

  /** To a framework, if it is connected. */
  send(framework: FrameworkMemory, event: SchedulerEvent): void {
    if (framework.streamId === undefined) return;
    framework.counters.bump("events");
    framework.counters.bump(`events/${(event.type ?? "UNKNOWN").toLowerCase()}`);
    this.emit({ kind: "scheduler-event", streamId: framework.streamId, event });
  }

  /** Made only if somebody listens: what it tells of a task takes longer than launching it. */
  sendOperators(event: () => MasterEvent): void {
    if (this.#operators.listen) this.emit({ kind: "operator-event", event: event() });
  }

  /** To an agent, if it is registered and linked. */
  sendAgent(agent: AgentMemory, message: MasterToAgent): void {
    if (agent.link !== undefined) this.emit({ kind: "agent-send", link: agent.link, message });
  }

  closeLink(link: LinkRef): void {
    this.links.delete(link);
    this.agentOfLink.delete(link);
    this.emit({ kind: "close-link", link });
  }

  emit(effect: MasterEffect): void {
    this.#effects.push(effect);
  }

  /** Ends a turn: its effects, its commands as one `propose` last. */
  takeEffects(): readonly MasterEffect[] {
    if (this.#commands.length > 0) {
      this.#effects.push({ kind: "propose", commands: this.#commands });
      this.#commands = [];
    }
    if (this.#effects.length === 0) return NO_EFFECTS;
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}
