/**
 * A master core with a registry and a log that commits on demand, for tests:
 * no raft, no drivers. Frameworks and agents are what the test says they do.
 */
import { Random } from "../../src/base/random.ts";
import type { Instant } from "../../src/base/time.ts";
import { MasterCore } from "../../src/master/core.ts";
import type { ClusterChange } from "../../src/master/port.ts";
import { DEFAULT_SETTINGS } from "../../src/master/settings.ts";
import type { MasterEffect, MasterInput, MasterSettings } from "../../src/master/types.ts";
import type { AgentTaskReport, AgentToMaster, MasterToAgent } from "../../src/model/agent-protocol.ts";
import type { FrameworkInfo } from "../../src/model/v1/frameworks.ts";
import type { MasterEvent } from "../../src/model/v1/master-events.ts";
import type { Offer } from "../../src/model/v1/offers.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import type { SchedulerCall, SchedulerEvent } from "../../src/model/v1/scheduler.ts";
import type { TaskInfo, TaskState, TaskStatus } from "../../src/model/v1/tasks.ts";
import { encodeCommands } from "../../src/registry/codec.ts";
import { FEATURE_LEVEL } from "../../src/registry/command-level.ts";
import type { Command } from "../../src/registry/commands.ts";
import { Registry } from "../../src/registry/registry.ts";
import { encodeBlob } from "../../src/wire/blob.ts";

export interface Answered {
  readonly status: number;
  readonly body: string;
}

export function scalar(name: string, value: number): Resource {
  return { name, type: "SCALAR", scalar: { value } };
}

export class MasterBench {
  readonly registry: Registry;
  readonly core: MasterCore;
  now: Instant = { monotonicMs: 1_000, wallMs: 1_700_000_000_000 };
  /** False: proposals wait for {@link commit}. */
  autoCommit = true;
  /** Of the bounds of a turn. */
  share = 1;
  /** Of the log. */
  featureLevel = FEATURE_LEVEL;
  readonly answers = new Map<number, Answered>();
  readonly closedStreams = new Set<string>();
  readonly closedLinks = new Set<number>();
  readonly operatorEvents: MasterEvent[] = [];
  /** Every effect in order, for tests that show them all; they take them out. */
  readonly effects: MasterEffect[] = [];
  readonly #events = new Map<string, SchedulerEvent[]>();
  readonly #toAgents = new Map<number, MasterToAgent[]>();
  #proposed: (readonly Command[])[] = [];
  #index = 0;
  #nextRef = 1;
  /** Of the last {@link change}: its answer may come with a later commit. */
  lastRef = 0;
  #nextStream = 1;
  #nextUuid = 1;

  constructor(settings: Partial<MasterSettings> = {}, registry = new Registry(), masterId = "m1") {
    this.registry = registry;
    const address = { id: masterId, hostname: "master.test", ip: "10.0.0.1", port: 5050 };
    this.core = new MasterCore(
      { ...DEFAULT_SETTINGS, version: "0.1.0", address, ...settings },
      () => registry,
      new Random(1),
      () => this.featureLevel,
    );
  }

  lead(term = 1): void {
    this.step({ kind: "leadership-gained", term });
  }

  step(...inputs: MasterInput[]): void {
    this.#follow(this.core.step(inputs, this.now, this.share));
    if (this.autoCommit) this.commit();
  }

  /** Applies what was proposed, and what that leads to. */
  commit(): void {
    while (this.commitNext());
  }

  /** Applies the oldest entry; false when there is none. */
  commitNext(): boolean {
    const entry = this.#proposed.shift();
    if (entry === undefined) return false;
    const { commands, outcomes } = this.registry.applyEntry(encodeCommands(entry));
    const input = { kind: "applied", index: ++this.#index, commands, outcomes } as const;
    this.#follow(this.core.step([input], this.now, this.share));
    return true;
  }

  /** The log has no room for what was proposed. */
  drop(): void {
    const dropped = this.#proposed;
    this.#proposed = [];
    for (const commands of dropped)
      this.#follow(this.core.step([{ kind: "proposal-dropped", commands }], this.now));
  }

  /** The log takes the first `count` of the commands that were proposed, and has no room for the rest. */
  refuseFrom(count: number): void {
    const all = this.proposed;
    this.#proposed = [all.slice(0, count)];
    this.#follow(this.core.step([{ kind: "proposal-dropped", commands: all.slice(count) }], this.now));
  }

  get proposed(): readonly Command[] {
    return this.#proposed.flat();
  }

  /** Lets time pass in one go, then ticks. */
  pass(ms: number): void {
    this.now = { monotonicMs: this.now.monotonicMs + ms, wallMs: this.now.wallMs + ms };
    this.step({ kind: "tick" });
  }

  #follow(effects: readonly MasterEffect[]): void {
    for (const effect of effects) {
      this.effects.push(effect);
      if (effect.kind === "propose") this.#proposed.push(effect.commands);
      else if (effect.kind === "answer") this.answers.set(effect.ref, effect);
      else if (effect.kind === "scheduler-event") push(this.#events, effect.streamId, effect.event);
      else if (effect.kind === "close-stream") this.closedStreams.add(effect.streamId);
      else if (effect.kind === "operator-event") this.operatorEvents.push(effect.event);
      else if (effect.kind === "agent-send") push(this.#toAgents, effect.link, effect.message);
      else if (effect.kind === "close-link") this.closedLinks.add(effect.link);
    }
  }

  /** Events of a stream since the last look. */
  events(streamId: string): SchedulerEvent[] {
    const events = this.#events.get(streamId) ?? [];
    this.#events.delete(streamId);
    return events;
  }

  types(streamId: string): string[] {
    return this.events(streamId).map((event) => event.type ?? "UNKNOWN");
  }

  statuses(streamId: string): TaskStatus[] {
    return this.events(streamId).flatMap((event) =>
      event.update === undefined ? [] : [event.update.status],
    );
  }

  /** Messages to an agent's link since the last look. */
  toAgent(link: number): MasterToAgent[] {
    const messages = this.#toAgents.get(link) ?? [];
    this.#toAgents.delete(link);
    return messages;
  }

  subscribe(info: Partial<FrameworkInfo> = {}): string {
    const streamId = `stream-${this.#nextStream++}`;
    const framework_info = { user: "alice", name: "demo", ...info };
    const call: SchedulerCall = { type: "SUBSCRIBE", subscribe: { framework_info } };
    if (info.id !== undefined) call.framework_id = info.id;
    this.step({ kind: "subscribe", streamId, call, principal: undefined });
    return streamId;
  }

  /** A subscribed PARTITION_AWARE framework with a failover timeout of an hour; its first events are read. */
  framework(info: Partial<FrameworkInfo> = {}): BenchFramework {
    const capabilities = [{ type: "PARTITION_AWARE" as const }];
    const streamId = this.subscribe({ capabilities, failover_timeout: 3600, ...info });
    const events = this.events(streamId);
    const id = events[0]?.subscribed?.framework_id.value ?? "";
    return new BenchFramework(
      this,
      id,
      streamId,
      events.flatMap((event) => event.offers?.offers ?? []),
    );
  }

  call(call: SchedulerCall, streamId: string | undefined, principal?: string): Answered | undefined {
    const ref = this.#nextRef++;
    this.step({ kind: "call", ref, call, context: { streamId, principal } });
    return this.answers.get(ref);
  }

  /** What an operator asks for. */
  change(change: ClusterChange): Answered | undefined {
    const ref = this.#nextRef++;
    this.lastRef = ref;
    this.step({ kind: "change", ref, change });
    return this.answers.get(ref);
  }

  teardown(frameworkId: string): Answered | undefined {
    const ref = this.#nextRef++;
    this.step({ kind: "teardown", ref, frameworkId });
    return this.answers.get(ref);
  }

  /** Registers an agent of 4 cpus and 1,024 MB on `link`; returns its id. Its answer stays to be read. */
  agent(link: number, agentId?: string, tasks: readonly AgentTaskReport[] = [], port = 5051): string {
    this.fromAgent(link, this.registration(link, agentId, tasks, port));
    for (const message of this.#toAgents.get(link) ?? []) {
      if (message.kind === "agent-registered") return message.agentId;
    }
    return "";
  }

  registration(
    host: number,
    agentId: string | undefined,
    tasks: readonly AgentTaskReport[],
    port = 5051,
    resources = [scalar("cpus", 4), scalar("mem", 1024)],
  ): AgentToMaster {
    const info = encodeBlob("AgentInfo", { hostname: `agent-${host}.test`, port, resources });
    const ip = `10.0.1.${host}`;
    const capabilities = ["AGENT_DRAINING"];
    return { kind: "register-agent", agentId, info, ip, version: "0.1.0", capabilities, tasks };
  }

  fromAgent(link: number, message: AgentToMaster): void {
    this.step({ kind: "agent-message", link, message });
  }

  /** An update as an agent sends it; returns its uuid. */
  update(
    link: number,
    frameworkId: string,
    taskId: string,
    state: TaskState,
    options: { latestState?: TaskState; uuid?: Uint8Array; data?: Uint8Array; runId?: string } = {},
  ): Uint8Array {
    const { latestState = state, uuid = this.newUuid(), data } = options;
    const status = encodeBlob("TaskStatus", {
      task_id: { value: taskId },
      state,
      source: "SOURCE_EXECUTOR",
      timestamp: this.now.wallMs / 1000,
      uuid,
      ...(data === undefined ? {} : { data }),
    });
    const runId = options.runId ?? this.registry.task(frameworkId, taskId)?.runId;
    const message = { frameworkId, taskId, uuid, state, latestState, status, runId };
    this.fromAgent(link, { kind: "status-update", ...message });
    return uuid;
  }

  newUuid(): Uint8Array {
    const uuid = new Uint8Array(16);
    new DataView(uuid.buffer).setUint32(12, this.#nextUuid++);
    return uuid;
  }
}

function push<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

export class BenchFramework {
  readonly bench: MasterBench;
  readonly id: string;
  streamId: string;
  /** Offers of its subscription. */
  readonly offers: readonly Offer[];

  constructor(bench: MasterBench, id: string, streamId: string, offers: readonly Offer[]) {
    this.bench = bench;
    this.id = id;
    this.streamId = streamId;
    this.offers = offers;
  }

  call(call: Omit<SchedulerCall, "framework_id">): Answered | undefined {
    return this.bench.call({ framework_id: { value: this.id }, ...call }, this.streamId);
  }

  events(): SchedulerEvent[] {
    return this.bench.events(this.streamId);
  }

  types(): string[] {
    return this.bench.types(this.streamId);
  }

  statuses(): TaskStatus[] {
    return this.bench.statuses(this.streamId);
  }

  newOffers(): Offer[] {
    return this.events().flatMap((event) => event.offers?.offers ?? []);
  }

  task(taskId: string, agentId: string, cpus = 1, extra: Partial<TaskInfo> = {}): TaskInfo {
    return {
      name: taskId,
      task_id: { value: taskId },
      agent_id: { value: agentId },
      resources: [scalar("cpus", cpus), scalar("mem", 64)],
      command: { value: "true" },
      ...extra,
    };
  }

  /** ACCEPT of one offer with one LAUNCH; what is left is not refused. */
  launch(offer: Offer | undefined, ...tasks: TaskInfo[]): Answered | undefined {
    return this.call({
      type: "ACCEPT",
      accept: {
        offer_ids: [{ value: offer?.id.value ?? "none" }],
        operations: [{ type: "LAUNCH", launch: { task_infos: tasks } }],
        filters: { refuse_seconds: 0 },
      },
    });
  }

  acknowledge(agentId: string, taskId: string, uuid: Uint8Array): Answered | undefined {
    return this.call({
      type: "ACKNOWLEDGE",
      acknowledge: { agent_id: { value: agentId }, task_id: { value: taskId }, uuid },
    });
  }
}
