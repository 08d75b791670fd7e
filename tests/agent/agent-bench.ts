/**
 * An agent core on a bench: a checkpoint disk in memory, a clock that only
 * moves when told, and effects as short lines of text.
 */
import { AgentCore } from "../../src/agent/core.ts";
import { planRecovery, readCheckpoint } from "../../src/agent/recovery.ts";
import type { AgentConfig, AgentEffect, AgentInput } from "../../src/agent/types.ts";
import { assert, present } from "../../src/base/assert.ts";
import type { Log } from "../../src/base/log.ts";
import { Random } from "../../src/base/random.ts";
import type { CheckResult } from "../../src/isolation/check.ts";
import type { Exit } from "../../src/isolation/container.ts";
import type { ContainerState } from "../../src/isolation/runtime.ts";
import type {
  AgentToMaster,
  MasterToAgent,
  RunTaskGroup,
  StatusUpdate,
} from "../../src/model/agent-protocol.ts";
import type { ExecutorEvent } from "../../src/model/v1/executor.ts";
import type { FrameworkInfo } from "../../src/model/v1/frameworks.ts";
import type { TaskInfo, TaskStatus } from "../../src/model/v1/tasks.ts";
import { decodeBlob, encodeBlob } from "../../src/wire/blob.ts";
import { MemoryDisk } from "../support/memory-checkpoint-store.ts";

export const LEADER = {
  masterId: "m1",
  hostname: "master1",
  port: 5050,
  linkHostname: "10.0.0.1",
  linkPort: 5060,
};

export const CONFIG: AgentConfig = {
  info: {
    hostname: "node1",
    port: 5051,
    resources: [
      { name: "cpus", type: "SCALAR", scalar: { value: 4 } },
      { name: "mem", type: "SCALAR", scalar: { value: 1024 } },
    ],
  },
  ip: "10.0.0.9",
  port: 5051,
  version: "0.0.0",
  workDir: "/var/lib/mesh",
  bootId: "boot-1",
  switchUser: false,
  commandChecks: true,
};

export function frameworkBlob(...capabilities: ("PARTITION_AWARE" | "TASK_KILLING_STATE")[]): Uint8Array {
  const info: FrameworkInfo = {
    user: "nobody",
    name: "test",
    id: { value: "F" },
    capabilities: capabilities.map((type) => ({ type })),
  };
  return encodeBlob("FrameworkInfo", info);
}

export function taskBlob(taskId: string, overrides: Partial<TaskInfo> = {}): Uint8Array {
  return encodeBlob("TaskInfo", {
    name: taskId,
    task_id: { value: taskId },
    agent_id: { value: "A" },
    resources: [{ name: "cpus", type: "SCALAR", scalar: { value: 0.5 } }],
    command: { value: "true" },
    ...overrides,
  });
}

/** Run id of the first run of a task. */
export function firstRun(taskId: string): string {
  return `${taskId}-r1`;
}

export interface BenchOptions {
  readonly disk?: MemoryDisk;
  readonly config?: Partial<AgentConfig>;
  readonly seed?: number;
}

export class AgentBench {
  readonly core: AgentCore;
  readonly disk: MemoryDisk;
  readonly warnings: string[] = [];
  /** Messages sent to the master, oldest first. */
  readonly sent: AgentToMaster[] = [];
  /** Under way or answered, oldest first. */
  readonly checks: Extract<AgentEffect, { kind: "check" }>[] = [];
  /** CPUs in thousandths of containers that were resized. */
  readonly cpusOf = new Map<string, number>();
  nowMs = 1_000;
  /** False: checkpoint effects stay unanswered until `sync`. */
  autoSync = true;
  #lines: string[] = [];
  #unsynced: Extract<AgentEffect, { kind: "checkpoint" }>[] = [];
  readonly #taskOf = new Map<string, string>();
  #linkId = 0;
  term = 1;

  constructor(options: BenchOptions = {}) {
    this.disk = options.disk ?? new MemoryDisk();
    const note = (message: string): void => {
      this.warnings.push(message);
    };
    const log: Log = { debug() {}, info() {}, warn: note, error: note };
    this.core = new AgentCore({ ...CONFIG, ...options.config }, new Random(options.seed ?? 1), log);
  }

  /** Recovers from the disk; `containers` says what became of the container of each task. */
  recover(
    containers: (taskId: string) => ContainerState = () => ({ state: "never-started" }),
    orphans: readonly string[] = [],
  ): this {
    const recorded = readCheckpoint(this.disk.entries());
    assert(recorded.ok, "The disk of a bench is whole");
    const states = recorded.value.tasks.map(({ task }) => {
      this.#taskOf.set(task.containerId, task.taskId);
      return [task.containerId, containers(task.taskId)] as const;
    });
    for (const { containerId, executorId } of recorded.value.executors) {
      this.#taskOf.set(containerId, executorId);
      states.push([containerId, containers(executorId)]);
    }
    for (const { spec } of recorded.value.nested)
      states.push([spec.containerId, containers(spec.containerId)]);
    const plan = planRecovery(this.core.state.config.bootId, recorded.value, new Map(states), orphans);
    this.step({ kind: "recovered", plan });
    return this;
  }

  /** Recovered, linked and registered as agent A. */
  static registered(options: BenchOptions = {}): AgentBench {
    const bench = new AgentBench(options).recover();
    bench.register();
    bench.lines();
    return bench;
  }

  register(): void {
    this.report();
    this.confirm();
  }

  /** The first half of a registration. */
  report(): void {
    this.step({ kind: "leader-found", leader: LEADER });
    this.step({ kind: "link-opened", linkId: this.#linkId });
  }

  /** The second half. */
  confirm(agentId = "A"): void {
    this.message({
      kind: "agent-registered",
      term: this.term,
      agentId,
      masterId: "m1",
      pingTimeoutMs: 75_000,
    });
  }

  get linkId(): number {
    return this.#linkId;
  }

  step(input: AgentInput): void {
    const effects = this.core.step(input, { monotonicMs: this.nowMs, wallMs: 1e12 + this.nowMs });
    for (const effect of effects) this.#note(effect);
    if (this.autoSync) this.sync();
  }

  sync(): void {
    for (let next = this.#unsynced.shift(); next !== undefined; next = this.#unsynced.shift()) {
      this.disk.apply(next.changes);
      this.step({ kind: "checkpointed", token: next.token });
    }
  }

  message(message: MasterToAgent): void {
    this.step({ kind: "message", linkId: this.#linkId, message });
  }

  /** The task's first run; other run ids than `<task>-r1` by {@link runAs}. */
  run(taskId: string, overrides: Partial<TaskInfo> = {}, framework = frameworkBlob()): void {
    this.runAs(firstRun(taskId), taskId, overrides, framework);
  }

  runAs(
    runId: string | undefined,
    taskId: string,
    overrides: Partial<TaskInfo> = {},
    framework = frameworkBlob(),
  ): void {
    const { term } = this;
    const task = taskBlob(taskId, overrides);
    this.message({ kind: "run-task", term, frameworkId: "F", taskId, framework, task, runId });
  }

  /** The tasks' first runs as one group; `overrides` must name its executor. */
  runGroup(
    taskIds: readonly string[],
    overrides: Partial<TaskInfo> | ((taskId: string) => Partial<TaskInfo>),
    more: Partial<RunTaskGroup> = {},
  ): void {
    const { term } = this;
    const tasks = taskIds.map((taskId) => {
      const own = typeof overrides === "function" ? overrides(taskId) : overrides;
      return { taskId, task: taskBlob(taskId, own), runId: firstRun(taskId) };
    });
    const framework = frameworkBlob("PARTITION_AWARE");
    this.message({ kind: "run-task-group", term, frameworkId: "F", framework, tasks, ...more });
  }

  kill(taskId: string, gracePeriodMs?: number, runId: string | undefined = firstRun(taskId)): void {
    this.message({ kind: "kill-task", term: this.term, frameworkId: "F", taskId, gracePeriodMs, runId });
  }

  /** Acknowledges the newest update that was sent for the task. */
  acknowledge(taskId: string, uuid = this.lastUpdate(taskId).uuid): void {
    const runId = this.core.state.tasks.get(`F/${taskId}`)?.runId;
    this.message({ kind: "acknowledge-update", term: this.term, frameworkId: "F", taskId, uuid, runId });
  }

  lastUpdate(taskId: string): StatusUpdate {
    const update = this.sent.findLast((one) => one.kind === "status-update" && one.taskId === taskId);
    assert(update?.kind === "status-update", `No update of ${taskId} was sent`);
    return update;
  }

  lastStatus(taskId: string): TaskStatus {
    return decodeBlob("TaskStatus", this.lastUpdate(taskId).status);
  }

  containerOf(taskId: string): string {
    const found = [...this.#taskOf].findLast(([, id]) => id === taskId);
    return present(found?.[0], `Task ${taskId} was never launched`);
  }

  launched(taskId: string): void {
    const containerId = this.containerOf(taskId);
    this.step({ kind: "launched", containerId, launched: { pid: 42, startTime: "1" } });
  }

  exited(taskId: string, exit: Exit = { kind: "exited", code: 0 }): void {
    this.step({ kind: "exited", containerId: this.containerOf(taskId), exit });
  }

  /** Answers the newest check of the task. */
  checked(taskId: string, result: CheckResult): void {
    const containerId = this.containerOf(taskId);
    const asked = this.checks.findLast((one) => one.containerId === containerId);
    const { check, round } = present(asked, `Task ${taskId} was never checked`);
    this.step({ kind: "checked", containerId, check, round, result });
  }

  /** A task that runs, its first two updates acknowledged. */
  running(taskId: string, overrides: Partial<TaskInfo> = {}, framework = frameworkBlob()): void {
    this.run(taskId, overrides, framework);
    this.launched(taskId);
    this.acknowledge(taskId);
    this.acknowledge(taskId);
    this.lines();
  }

  /** Moves the clock, ticking at each deadline on the way. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const nextMs = this.core.nextDeadlineMs();
      if (nextMs === undefined || nextMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      this.step({ kind: "tick" });
    }
    this.nowMs = untilMs;
  }

  /** The effects since the last call, but for checkpoint writes that were synced at once. */
  lines(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  keys(): string[] {
    return this.disk.entries().map((entry) => entry.key);
  }

  #note(effect: AgentEffect): void {
    switch (effect.kind) {
      case "checkpoint":
        this.#unsynced.push(effect);
        if (!this.autoSync) this.#lines.push(`write ${effect.changes.map(changeText).join(" ")}`);
        return;
      case "connect":
        this.#linkId = effect.linkId;
        this.#lines.push(`connect ${effect.leader.linkHostname}:${effect.leader.linkPort}`);
        return;
      case "send":
        this.sent.push(effect.message);
        this.#lines.push(`send ${messageText(effect.message)}`);
        return;
      case "launch": {
        const taskId =
          effect.spec.pod?.linkName ?? /\/executors\/([^/]+)\//.exec(effect.spec.sandbox)?.[1] ?? "?";
        this.#taskOf.set(effect.spec.containerId, taskId);
        this.#lines.push(`launch ${taskId}`);
        return;
      }
      case "signal":
        this.#lines.push(`${effect.signal} ${this.#name(effect.containerId)}`);
        return;
      case "resize":
        this.cpusOf.set(this.#name(effect.containerId), effect.resources.cpusMilli);
        return;
      case "kill":
      case "cleanup":
      case "remove-orphan":
        this.#lines.push(`${effect.kind} ${this.#name(effect.containerId)}`);
        return;
      case "check":
        this.checks.push(effect);
        this.#lines.push(`check ${effect.check} of ${this.#name(effect.containerId)}: ${effect.probe.kind}`);
        return;
      case "remove-nested":
        this.#lines.push(`remove ${this.#name(effect.containerId)} ${effect.sandbox ?? "but its sandbox"}`);
        return;
      case "remove-volume":
        this.#lines.push(`${effect.kind} ${effect.path}`);
        return;
      case "executor-event":
        this.#lines.push(`to executor: ${eventText(effect.event)}`);
        return;
      case "close-executor-stream":
        this.#lines.push(`close stream ${effect.streamId}: ${effect.reason}`);
        return;
      case "nested-answer":
        this.#lines.push(`nested answer ${effect.status}${effect.body === "" ? "" : `: ${effect.body}`}`);
        return;
      case "nested-ended":
        this.#lines.push(`nested ended ${this.#name(effect.containerId)}: ${effect.exit.kind}`);
        return;
      case "executor-answer":
        this.#lines.push(`answer ${effect.status}${effect.body === "" ? "" : `: ${effect.body}`}`);
        return;
      case "stop":
        this.#lines.push(`stop ${effect.failed ? "failed" : "done"}: ${effect.reason}`);
        return;
      case "find-leader":
      case "disconnect":
        this.#lines.push(effect.kind);
    }
  }

  #name(containerId: string): string {
    return this.#taskOf.get(containerId) ?? containerId;
  }
}

function eventText(event: ExecutorEvent): string {
  const { type, launch, launch_group, kill, acknowledged, message } = event;
  if (launch !== undefined) return `${type} ${launch.task.task_id.value}`;
  if (launch_group !== undefined) {
    return `${type} ${(launch_group.task_group.tasks ?? []).map(({ task_id }) => task_id.value).join("+")}`;
  }
  if (kill !== undefined) {
    const grace = kill.kill_policy?.grace_period?.nanoseconds;
    return `${type} ${kill.task_id.value}${grace === undefined ? "" : ` within ${grace / 1e6} ms`}`;
  }
  if (acknowledged !== undefined) return `${type} ${acknowledged.task_id.value}`;
  if (message !== undefined) return `${type} ${new TextDecoder().decode(message.data)}`;
  return type ?? "";
}

function changeText({
  key,
  value,
}: {
  readonly key: string;
  readonly value: Uint8Array | undefined;
}): string {
  return value === undefined ? `-${key}` : key;
}

function messageText(message: AgentToMaster): string {
  switch (message.kind) {
    case "register-agent": {
      const tasks = message.tasks.map((task) => ` ${task.taskId}:${task.state}`).join("");
      const executors = (message.executors ?? []).map((one) => ` executor=${one.executorId}`).join("");
      return `register-agent ${message.agentId ?? "new"}${tasks}${executors}`;
    }
    case "status-update":
      return message.state === message.latestState
        ? `${message.taskId} ${message.state}`
        : `${message.taskId} ${message.state} (latest ${message.latestState})`;
    case "pong":
      return `pong ${message.nonce}`;
    case "unregister-agent":
      return "unregister-agent";
    case "executor-message":
      return `message of ${message.executorId}: ${new TextDecoder().decode(message.data)}`;
    case "executor-exited":
      return `executor ${message.executorId} exited, status ${message.status}`;
  }
}
