/**
 * The master's core: decides what a leading master does. It reads the
 * registry and proposes commands; what agents and frameworks see follows from
 * commands that were applied (commit, then act).
 *
 *     calls, streams, links, time ──► step ──► propose ──► log ──► registry
 *                                      ▲  └──► answers (202 before the commit)
 *                                      │                            │
 *                                      └────────── applied ◄────────┘
 *                                         └──► events, messages to agents
 *
 * It holds leader memory only (leader.ts) and none while another master
 * leads. Handlers live in topic files; the tables here and in calls.ts,
 * accept.ts and applied.ts name one for every kind.
 */
import { Allocator } from "../allocator/allocator.ts";
import {
  INBOX_MAX_INPUTS,
  TURN_MAX_DEADLINES,
  TURN_MAX_HELD_INPUTS,
  TURN_MAX_ITEMS,
  TURN_MAX_VISITS,
  TURN_MIN_VISITS,
} from "../base/limits.ts";
import type { Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";
import { randomUuid, uuidText } from "../base/uuid.ts";
import type { AgentToMaster } from "../model/agent-protocol.ts";
import { regionOf } from "../model/regions.ts";
import { FEATURE_LEVEL } from "../registry/command-level.ts";
import { absenceDue, pingDue, pong, removalDue } from "./agent-liveness.ts";
import { retentionDue } from "./agent-retention.ts";
import { linkClosed, registerAgent } from "./agents.ts";
import { applied, proposalDropped } from "./applied.ts";
import { schedulerCall } from "./calls.ts";
import { changeCluster } from "./change-cluster.ts";
import { Counters } from "./counters.ts";
import { retryDue } from "./deferred.ts";
import { failoverDue, operatorTeardown, streamClosed } from "./disconnect.ts";
import { executorExited, executorMessage } from "./executors.ts";
import { heartbeatDue } from "./heartbeats.ts";
import { Inbox } from "./inbox.ts";
import { inverseFilterDue, inverseOfferDue, makeInverseOffers } from "./inverse-offers.ts";
import { operatorKill } from "./kill.ts";
import type { Job } from "./later.ts";
import { type IdCounters, Leader, type RegistryReader } from "./leader.ts";
import { leadershipGained, leadershipLost } from "./leadership.ts";
import type { AgentMemory } from "./memory.ts";
import { changeNote } from "./notes.ts";
import { makeOffers, offerDue } from "./offers.ts";
import { operate } from "./operate.ts";
import { operationsDue } from "./operation-status.ts";
import { recoveryDue } from "./recovery-pause.ts";
import { statusUpdate } from "./status-updates.ts";
import { subscribe } from "./subscribe.ts";
import { parseTimerName, type TimerKind } from "./timer-names.ts";
import type { AgentMessage, MasterEffect, MasterInput, MasterSettings } from "./types.ts";
import { whitelistChanged } from "./whitelist.ts";

const NOT_LEADING = "No leader elected";
const NO_EFFECTS: readonly MasterEffect[] = [];

type HandledInput = Exclude<MasterInput, { kind: "leadership-gained" | "leadership-lost" }>;

type Handlers = {
  readonly [K in HandledInput["kind"]]: (leader: Leader, input: Extract<MasterInput, { kind: K }>) => void;
};

const HANDLERS: Handlers = {
  tick: () => {},
  subscribe,
  "stream-closed": streamClosed,
  call: schedulerCall,
  teardown: operatorTeardown,
  "operator-kill": operatorKill,
  operate,
  change: changeCluster,
  note: changeNote,
  whitelist: (leader, { hostnames }) => whitelistChanged(leader, hostnames),
  "agent-message": agentMessage,
  "agent-link-closed": (leader, { link }) => linkClosed(leader, link),
  applied,
  "proposal-dropped": proposalDropped,
};

const TIMERS: { readonly [K in TimerKind]: (leader: Leader, id: string) => void } = {
  heartbeat: heartbeatDue,
  failover: failoverDue,
  ping: pingDue,
  unreachable: absenceDue,
  offer: offerDue,
  retry: retryDue,
  operations: operationsDue,
  "inverse-offer": inverseOfferDue,
  "inverse-filter": inverseFilterDue,
  retention: retentionDue,
  removal: removalDue,
  recovery: recoveryDue,
};

type FromAgent = Exclude<AgentToMaster, { kind: "register-agent" }>;

const FROM_AGENT: {
  readonly [K in FromAgent["kind"]]: (
    leader: Leader,
    agent: AgentMemory,
    message: Extract<FromAgent, { kind: K }>,
  ) => void;
} = {
  "status-update": statusUpdate,
  pong: (_, agent, message) => pong(agent, message),
  "executor-message": executorMessage,
  "executor-exited": executorExited,
  "unregister-agent": (leader, agent) => {
    leader.counters.bump("messages_unregister_slave");
    leader.unregistering.add(agent.id);
    leader.propose({ kind: "remove-agent", agentId: agent.id, atMs: leader.now.wallMs, remember: true });
  },
};

function agentMessage(leader: Leader, { link, message }: AgentMessage): void {
  leader.links.add(link);
  if (message.kind === "register-agent") {
    registerAgent(leader, link, message);
    return;
  }
  const agent = leader.agents.get(leader.agentOfLink.get(link) ?? "");
  // Before its registration is committed an agent has nothing to say that counts.
  if (agent === undefined) return;
  // The table is keyed by kind, so the handler found under it takes this message.
  const handler = FROM_AGENT[message.kind] as (l: Leader, a: AgentMemory, m: FromAgent) => void;
  handler(leader, agent, message);
}

export class MasterCore {
  readonly settings: MasterSettings;
  readonly counters = new Counters();
  /** The pump's to set before a turn. */
  readonly operators = { listen: true };
  readonly #registry: () => RegistryReader;
  readonly #random: Random;
  readonly #featureLevel: () => number;
  readonly #ids: IdCounters = { framework: 0, agent: 0, offer: 0 };
  #leader: Leader | undefined;
  /** A leader whose memory is being built, part by part. */
  #gaining: { readonly leader: Leader; readonly job: Job } | undefined;
  /** What came meanwhile, and what came behind it: order counts. */
  readonly #held = new Inbox<HandledInput>();
  #electedAtMs: number | undefined;
  #whitelist: ReadonlySet<string> | undefined;
  #effects: MasterEffect[] = [];

  /**
   * `registry` is asked at each gain of leadership: a transferred state may have replaced it. `featureLevel`
   * is the log's, which grows.
   */
  constructor(
    settings: MasterSettings,
    registry: () => RegistryReader,
    random: Random,
    featureLevel: () => number = () => FEATURE_LEVEL,
  ) {
    this.#featureLevel = featureLevel;
    this.settings = settings;
    this.#registry = registry;
    this.#random = random;
  }

  /** Leader memory for views and metrics; undefined while another master leads. */
  get leader(): Leader | undefined {
    return this.#leader;
  }

  /** Wall clock of the last gain of leadership, while it lasts. */
  get electedAtMs(): number | undefined {
    return this.#electedAtMs;
  }

  /** One whole turn. */
  step(inputs: readonly MasterInput[], now: Instant, share = 1): readonly MasterEffect[] {
    for (const input of inputs) this.handle(input, now);
    return this.finish(now, share);
  }

  /** Takes one input; what it leads to comes out of {@link finish}. */
  handle(input: MasterInput, now: Instant): void {
    if (this.#leader !== undefined) this.#leader.now = now;
    if (input.kind === "whitelist") this.#whitelist = input.hostnames;
    if (input.kind === "leadership-gained") this.#gain(input.term, now);
    else if (input.kind === "leadership-lost") this.#lose();
    else if (this.#holds(input)) this.#held.push(input);
    else this.#handleNow(input);
  }

  /**
   * Ends the turn: deadlines that came, offers, and all effects. `share`: the part of its bounds that the
   * turn may use up; 0: none of this, but the effects.
   */
  finish(now: Instant, share = 1): readonly MasterEffect[] {
    if (share > 0) this.#workOn(now, share);
    const news = this.#leader?.takeEffects() ?? NO_EFFECTS;
    if (this.#effects.length === 0) return news;
    const effects = this.#effects;
    this.#effects = [];
    for (const effect of news) effects.push(effect);
    return effects;
  }

  #workOn(now: Instant, share: number): void {
    const atMost = (bound: number): number => Math.ceil(bound * share);
    this.#gainMore(now, atMost(TURN_MAX_ITEMS));
    const leader = this.#leader;
    if (leader === undefined) return;
    leader.now = now;
    if (this.#held.waiting > 0) {
      for (const input of this.#held.take(atMost(TURN_MAX_HELD_INPUTS))) this.#handleNow(input);
    }
    this.#runTimers(leader, atMost(TURN_MAX_DEADLINES));
    if (leader.inverseOffers.due) makeInverseOffers(leader);
    const filterEndMs = leader.allocator.nextDeadlineMs();
    if (leader.allocationDue || (filterEndMs !== undefined && filterEndMs <= now.monotonicMs)) {
      makeOffers(leader, Math.max(TURN_MIN_VISITS, atMost(TURN_MAX_VISITS)));
    }
    leader.later.work(atMost(TURN_MAX_ITEMS));
  }

  /** When the core wants a turn even if nothing happens, 0: there is work left; undefined: never. */
  nextDeadlineMs(): number | undefined {
    const leader = this.#leader;
    if (this.#gaining !== undefined || this.#held.waiting > 0 || leader?.later.pending === true) return 0;
    // Set by work that came after the offers of the turn.
    if (leader?.allocationDue === true) return 0;
    const timerMs = leader?.timers.nextMs();
    const filterEndMs = leader?.allocator.nextDeadlineMs();
    if (timerMs === undefined || filterEndMs === undefined) return timerMs ?? filterEndMs;
    return Math.min(timerMs, filterEndMs);
  }

  #holds(input: HandledInput): boolean {
    if (this.#gaining === undefined && this.#held.waiting === 0) return false;
    if (input.kind === "applied" || input.kind === "proposal-dropped" || input.kind === "tick") return false;
    return this.#held.waiting < INBOX_MAX_INPUTS;
  }

  #handleNow(input: HandledInput): void {
    const leader = this.#leader;
    if (leader === undefined) {
      refuse(input, this.#effects);
      return;
    }
    // The table is keyed by kind, so the handler found under it takes this input.
    const handler = HANDLERS[input.kind] as (leader: Leader, input: HandledInput) => void;
    handler(leader, input);
  }

  #gain(term: number, now: Instant): void {
    const leader = new Leader(
      {
        settings: this.settings,
        registry: this.#registry(),
        allocator: new Allocator({
          ...this.settings.allocation,
          seed: this.#random.u32(),
          filterMinMs: 1,
          region: regionOf(this.settings.address.domain),
        }),
        counters: this.counters,
        ids: this.#ids,
        random: this.#random,
        featureLevel: this.#featureLevel,
        term,
        operators: this.operators,
      },
      now,
    );
    leader.whitelist = this.#whitelist;
    const job = leadershipGained(leader, () => uuidText(randomUuid(this.#random)));
    this.#gaining = { leader, job };
  }

  #gainMore(now: Instant, maxItems: number): void {
    if (this.#gaining === undefined) return;
    const { leader, job } = this.#gaining;
    leader.now = now;
    for (let items = 0; items < maxItems; ) {
      const part = job.next();
      items += part.value;
      if (part.done !== true) continue;
      this.#gaining = undefined;
      this.#leader = leader;
      this.#electedAtMs = now.wallMs;
      return;
    }
  }

  /** What the leader still wanted to propose cannot be. */
  #lose(): void {
    const leader = this.#leader;
    this.#leader = undefined;
    this.#gaining = undefined;
    this.#electedAtMs = undefined;
    if (leader !== undefined) {
      leadershipLost(leader);
      for (const effect of leader.takeEffects()) if (effect.kind !== "propose") this.#effects.push(effect);
    }
    for (const input of this.#held.take(INBOX_MAX_INPUTS)) refuse(input, this.#effects);
  }

  #runTimers(leader: Leader, maxDeadlines: number): void {
    for (let handled = 0; handled < maxDeadlines; handled++) {
      const name = leader.timers.takeDue(leader.now.monotonicMs);
      if (name === undefined) return;
      const { kind, id } = parseTimerName(name);
      TIMERS[kind](leader, id);
    }
  }
}

/** Inputs that reach a master just after it stopped leading, or before it does. */
function refuse(input: MasterInput, effects: MasterEffect[]): void {
  if ("ref" in input) {
    effects.push({ kind: "answer", ref: input.ref, status: 503, body: NOT_LEADING });
  } else if (input.kind === "subscribe") {
    effects.push({ kind: "close-stream", streamId: input.streamId });
  } else if (input.kind === "agent-message") {
    effects.push({ kind: "close-link", link: input.link });
  }
}
