/**
 * The promises made to frameworks and agents about tasks: commit, then act; a
 * task starts once, on one agent; an agent obeys no leader of the past; what
 * is told of an end is what happened.
 */
import { STREAM_PREFIX, TASK_PREFIX } from "../../src/agent/checkpoint.ts";
import { decodeStreamRecord } from "../../src/agent/records.ts";
import type { AgentEffect } from "../../src/agent/types.ts";
import type { ContainerSpec, Exit } from "../../src/isolation/container.ts";
import type { AgentToMaster, MasterToAgent } from "../../src/model/agent-protocol.ts";
import { isTerminalState } from "../../src/model/task-state.ts";
import type { SchedulerEvent } from "../../src/model/v1/scheduler.ts";
import type { Command } from "../../src/registry/commands.ts";
import type { SimAgent, TaskRun } from "./sim-agent.ts";
import type { SimMaster } from "./sim-master.ts";
import { Violation } from "./violation.ts";

const SANDBOX_TASK = /\/frameworks\/([^/]+)\/.*\/([^/]+)\/runs\/[^/]+$/;

export class TaskPromises {
  /** "framework/task/run": agent that started it. */
  readonly #starts = new Map<string, string>();
  readonly #exits = new Map<string, Exit>();
  /** Uuids of updates in the committed log. */
  readonly #committedUpdates = new Set<string>();
  readonly #committedLaunches = new Set<string>();
  readonly #highestTerm = new Map<SimAgent, number>();

  /** Keys of started runs with their agents. */
  get starts(): ReadonlyMap<string, string> {
    return this.#starts;
  }

  committed(command: Command): void {
    if (command.kind === "update-task" && command.uuid !== undefined) {
      this.#committedUpdates.add(hex(command.uuid));
    } else if (command.kind === "launch-tasks" || command.kind === "launch-group") {
      for (const { taskId, runId } of command.tasks) {
        this.#committedLaunches.add(`${command.frameworkId}/${taskId}/${runId}`);
      }
    }
  }

  starting(agent: SimAgent, spec: ContainerSpec): void {
    const key = taskOf(spec);
    const before = this.#starts.get(key);
    if (before !== undefined) {
      throw new Violation(`Run ${key} was started on ${before} and again on ${agent.name}`);
    }
    if (!this.#committedLaunches.has(key)) {
      throw new Violation(`Run ${key} was started on ${agent.name} before its launch was committed`);
    }
    if (agent.durable(TASK_PREFIX + key) === undefined) {
      throw new Violation(`${agent.name} starts ${key} before its record is on disk`);
    }
    const task = key.slice(0, key.lastIndexOf("/") + 1);
    const other = agent.kernel.running().find((one) => taskOf(one).startsWith(task));
    if (other !== undefined) {
      throw new Violation(`${agent.name} starts ${key} while ${other.containerId} of the same task id runs`);
    }
    this.#starts.set(key, agent.name);
  }

  /** An executor gets a task once; its container stands for the run, as in statuses. */
  arriving(agent: SimAgent, { containerId }: ContainerSpec, { frameworkId, taskId, runId }: TaskRun): void {
    const record = `${frameworkId}/${taskId}/${runId}`;
    const key = `${frameworkId}/${taskId}/${containerId}`;
    if (this.#starts.has(key)) throw new Violation(`${agent.name} sent ${key} to its executor twice`);
    if (!this.#committedLaunches.has(record)) {
      throw new Violation(`${record} came to its executor on ${agent.name} before its launch was committed`);
    }
    if (agent.durable(TASK_PREFIX + record) === undefined) {
      throw new Violation(`${agent.name} sends ${record} to its executor before its record is on disk`);
    }
    this.#starts.set(key, agent.name);
  }

  /** An update that left the agent must not be forgotten by a crash of it. */
  agentSends(agent: SimAgent, message: AgentToMaster): void {
    if (message.kind !== "status-update") return;
    const key = `${message.frameworkId}/${message.taskId}/${message.runId}`;
    const stream = decodeStreamRecord(agent.durable(STREAM_PREFIX + key) ?? new Uint8Array(0));
    if (stream.ok && stream.value.pending.some(({ uuid }) => hex(uuid) === hex(message.uuid))) return;
    throw new Violation(`${agent.name} sends ${message.state} of ${key} before it is on disk`);
  }

  /** From the kernel: how a container really ended. */
  ended(spec: ContainerSpec, exit: Exit): void {
    // Of an executor: it may have ended its tasks before.
    if (this.#starts.has(taskOf(spec))) this.#exits.set(taskOf(spec), exit);
  }

  tellsFramework(master: SimMaster, event: SchedulerEvent): void {
    const status = event.update?.status;
    if (status?.uuid === undefined) return;
    if (this.#committedUpdates.has(hex(status.uuid))) return;
    const what = `${status.state} of ${status.task_id.value}`;
    throw new Violation(`${master.name} tells a framework ${what}, which is not committed`);
  }

  tellsAgent(master: SimMaster, message: MasterToAgent): void {
    if (message.kind === "run-task") {
      const key = `${message.frameworkId}/${message.taskId}/${message.runId}`;
      if (this.#committedLaunches.has(key)) return;
      throw new Violation(`${master.name} lets an agent run ${key} before the launch is committed`);
    }
    if (message.kind !== "acknowledge-update") return;
    const task = master.node?.registry.task(message.frameworkId, message.taskId);
    if (task?.updateState === undefined || !isTerminalState(task.updateState)) return;
    if (hex(task.updateUuid ?? new Uint8Array(0)) !== hex(message.uuid)) return;
    throw new Violation(
      `${master.name} acknowledges the end of ${message.taskId} to its agent before that is committed`,
    );
  }

  /** Fencing: what a master of an earlier term says changes nothing (design.md 2.5). */
  heeded(agent: SimAgent, message: MasterToAgent, effects: readonly AgentEffect[]): void {
    const highest = this.#highestTerm.get(agent) ?? 0;
    this.#highestTerm.set(agent, Math.max(highest, message.term));
    if (message.term >= highest || effects.length === 0) return;
    const done = effects.map((effect) => effect.kind).join(", ");
    throw new Violation(
      `${agent.name} heeded ${message.kind} of term ${message.term} after term ${highest}: ${done}`,
    );
  }

  /** What the framework was told of a started task's end, against what the kernel saw. */
  checkEnd(key: string, told: string): void {
    const exit = this.#exits.get(key);
    // A kill, or draining for good, may come too late to change how the task ended.
    if (exit === undefined || told === "TASK_KILLED" || told === "TASK_GONE_BY_OPERATOR") return;
    if (exit.kind === "unknown" && told !== "TASK_FINISHED") return;
    const expected = exit.kind === "exited" && exit.code === 0 ? "TASK_FINISHED" : "TASK_FAILED";
    if (told === expected) return;
    throw new Violation(`Task ${key} was told to be ${told}, but it ended so: ${JSON.stringify(exit)}`);
  }
}

/** "framework/task/run" of a container, by its sandbox (src/agent/paths.ts). */
function taskOf(spec: ContainerSpec): string {
  const { containerId, pod } = spec;
  if (pod !== undefined) {
    const framework = SANDBOX_TASK.exec(pod.sandbox)?.[1];
    return `${framework}/${pod.linkName}/${containerId.slice(pod.containerId.length + 1)}`;
  }
  const found = SANDBOX_TASK.exec(spec.sandbox);
  if (found === null) throw new Error(`Sandbox '${spec.sandbox}' names no task`);
  return `${found[1]}/${found[2]}/${spec.containerId}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
