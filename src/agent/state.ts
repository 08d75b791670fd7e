/**
 * The agent's memory, and the outputs of the step that is under way. Handlers
 * in the other files change it; core.ts brings inputs in and takes effects out.
 */
import { assert } from "../base/assert.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";
import type { ExecutorExited } from "../model/agent-protocol.ts";
import type { Drain } from "../model/drain-info.ts";
import type { ExecutorEvent } from "../model/v1/executor.ts";
import { encodeBlob } from "../wire/blob.ts";
import { amountsOf, Usage } from "./accounting.ts";
import type { CheckpointChange } from "./checkpoint.ts";
import { AGENT_KEY } from "./checkpoint.ts";
import { Deadlines } from "./deadlines.ts";
import type { Executor } from "./executor.ts";
import { History } from "./history.ts";
import type { Nested } from "./nested.ts";
import type { Pod } from "./pod.ts";
import { encodeAgentRecord } from "./records.ts";
import type { Framework, Successor, Task, WaitingGroup } from "./task.ts";
import type { AgentConfig, AgentEffect, LeaderAddress } from "./types.ts";
import { Volumes } from "./volumes.ts";

/** What waits for changes to be on disk. Named by container: the task may be gone by then. */
export type Deferred =
  | { readonly kind: "launch"; readonly containerId: string }
  /** By the keys of the run: several tasks may share a container. */
  | { readonly kind: "send-updates"; readonly key: string; readonly recordKey: string }
  | { readonly kind: "launch-executor"; readonly containerId: string }
  /** The subscription is on disk: greet the executor, then send what waits for it. */
  | { readonly kind: "greet-executor"; readonly containerId: string; readonly streamId: number }
  | { readonly kind: "deliver-tasks"; readonly containerId: string }
  | { readonly kind: "tell-executor"; readonly containerId: string; readonly event: ExecutorEvent }
  /** Ask the task's processes to end; SIGKILL follows after the grace period. */
  | { readonly kind: "terminate"; readonly containerId: string; readonly graceMs: number }
  | { readonly kind: "cleanup" | "launch-nested" | "remove-orphan"; readonly containerId: string }
  /** Leave the cluster and end the process. */
  | { readonly kind: "goodbye" };

/** The way to the leading master; see registration.ts. */
export type Connection =
  | { readonly kind: "idle" }
  | { readonly kind: "waiting" }
  | { readonly kind: "finding" }
  | { readonly kind: "connecting"; readonly linkId: number; readonly leader: LeaderAddress }
  | {
      readonly kind: "registering";
      readonly linkId: number;
      readonly leader: LeaderAddress;
      /** Of executors that the report names: told once the master took it. */
      readonly exits: ExecutorExited[];
    }
  | {
      readonly kind: "registered";
      readonly linkId: number;
      readonly leader: LeaderAddress;
      readonly pingTimeoutMs: number;
    };

/** The process is to end once no container is left. */
export interface Stopping {
  readonly failed: boolean;
  readonly reason: string;
  /** Give up the agent id and tell the master goodbye. */
  readonly unregister: boolean;
  /** No container is left; the last write is under way. */
  readonly empty: boolean;
}

/** Counts since the process started. */
export interface Counters {
  launchErrors: number;
  updatesSent: number;
  staleMessages: number;
  registrationAttempts: number;
  readonly ended: Map<string, number>;
}

export class AgentState {
  readonly config: AgentConfig;
  /** blob of `config.info`. */
  readonly info: Uint8Array;
  readonly random: Random;
  readonly log: Log;
  readonly usage: Usage;
  readonly history: History;
  readonly deadlines = new Deadlines();
  /** By key, in the order they came. */
  readonly tasks = new Map<string, Task>();
  /** Runs that wait for the end of an older run, by key; see task-runs.ts. */
  readonly successors = new Map<string, Successor>();
  /** The same tasks by container id, but for those that share their executor's. */
  readonly containers = new Map<string, Task>();
  /** Executors of frameworks whose containers may live, by key; see executor.ts. */
  readonly executors = new Map<string, Executor>();
  /** The same by container id. */
  readonly executorContainers = new Map<string, Executor>();
  /** Pods of tasks that have not ended, by container id; see pod.ts. */
  readonly pods = new Map<string, Pod>();
  /** Containers inside others, by id; see nested.ts. */
  readonly nested = new Map<string, Nested>();
  /** Tasks of pods that ended in this step; see end-pod.ts. */
  readonly endedMembers: Task[] = [];
  /** Groups of tasks that wait for the end of older runs; see run-task-group.ts. */
  readonly waitingGroups: WaitingGroup[] = [];
  readonly frameworks = new Map<string, Framework>();
  readonly volumes = new Volumes();
  /** Containers being ended that belong to no task any more. */
  readonly condemned = new Set<string>();
  readonly counters: Counters = {
    launchErrors: 0,
    updatesSent: 0,
    staleMessages: 0,
    registrationAttempts: 0,
    ended: new Map(),
  };
  recovered = false;
  agentId: string | undefined;
  term = 0;
  connection: Connection = { kind: "idle" };
  /** Failed tries to reach the leader since the last registration. */
  failures = 0;
  lastLinkId = 0;
  stopping: Stopping | undefined;
  /** What the master last said of draining on this link; only to be shown. */
  drain: Drain | undefined;
  /** Everything up to this token is on disk. */
  durableToken = 0;
  /** What no longer waits for a write, in order. */
  readonly ready: Deferred[] = [];
  now: Instant = { monotonicMs: 0, wallMs: 0 };

  #lastToken = 0;
  #effects: AgentEffect[] = [];
  #changes: CheckpointChange[] = [];
  #afterwards: Deferred[] = [];
  readonly #waiting: { readonly token: number; readonly deferred: Deferred[] }[] = [];

  constructor(config: AgentConfig, random: Random, log: Log) {
    this.config = config;
    this.history = new History(config.maxCompletedExecutors);
    this.info = encodeBlob("AgentInfo", config.info);
    this.random = random;
    this.log = log;
    this.usage = new Usage(amountsOf(config.info.resources ?? []));
  }

  emit(effect: AgentEffect): void {
    this.#effects.push(effect);
  }

  /** Adds changes to this step's batch; returns the batch's token. */
  write(...changes: readonly CheckpointChange[]): number {
    for (const change of changes) {
      // Two updates in one step write the stream once.
      if (this.#changes.at(-1)?.key === change.key) this.#changes.pop();
      this.#changes.push(change);
    }
    return this.#lastToken + 1;
  }

  /** Without the id once the agent is to leave, whatever else changes meanwhile. */
  writeAgentRecord(): void {
    const { term } = this;
    const agentId = this.stopping?.unregister === true ? undefined : this.agentId;
    const record = { agentId, term, bootId: this.config.bootId, info: this.info };
    this.write({ key: AGENT_KEY, value: encodeAgentRecord(record) });
  }

  /** Does `deferred` once everything written so far in this step is on disk. */
  afterwards(deferred: Deferred): void {
    this.#afterwards.push(deferred);
  }

  /** The same for writes of earlier steps too; false when all of them are on disk already. */
  afterWrites(deferred: Deferred): boolean {
    const last = this.#changes.length > 0 ? this.#afterwards : this.#waiting.at(-1)?.deferred;
    last?.push(deferred);
    return last !== undefined;
  }

  /** Ends the step. */
  takeEffects(): AgentEffect[] {
    if (this.#changes.length > 0) {
      const token = ++this.#lastToken;
      this.#effects.unshift({ kind: "checkpoint", token, changes: this.#changes });
      this.#waiting.push({ token, deferred: this.#afterwards });
      this.#changes = [];
      this.#afterwards = [];
    }
    assert(this.#afterwards.length === 0, "Something waits for a write that nobody made");
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** Marks everything up to `token` as durable; returns what waited for it, in order. */
  takeDurable(token: number): readonly Deferred[] {
    if (token > this.durableToken) this.durableToken = token;
    const count = this.#waiting.findIndex((waiting) => waiting.token > token);
    const due = this.#waiting.splice(0, count === -1 ? this.#waiting.length : count);
    return due.flatMap((waiting) => waiting.deferred);
  }
}
