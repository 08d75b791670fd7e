/**
 * The promises made about task groups (TSK-17): all tasks of a group come to
 * one agent, or none; none of a pod is told to run before all were started.
 */
import type { ContainerSpec } from "../../src/isolation/container.ts";
import type { AgentToMaster } from "../../src/model/agent-protocol.ts";
import { isTerminalState } from "../../src/model/task-state.ts";
import type { TaskState } from "../../src/model/v1/tasks.ts";
import type { Command } from "../../src/registry/commands.ts";
import type { SimAgent } from "./sim-agent.ts";
import { Violation } from "./violation.ts";

interface Group {
  readonly runIds: readonly string[];
  /** Set with the first of its tasks that started. */
  agent: SimAgent | undefined;
}

export class GroupPromises {
  /** By the run ids of their tasks. */
  readonly #groups = new Map<string, Group>();
  /** Runs whose containers were started. */
  readonly #started = new Set<string>();

  committed(command: Command): void {
    if (command.kind !== "launch-group") return;
    const runIds = command.tasks.map(({ runId }) => runId);
    const group: Group = { runIds, agent: undefined };
    for (const runId of runIds) this.#groups.set(runId, group);
  }

  starting(agent: SimAgent, { containerId, pod }: ContainerSpec): void {
    if (pod === undefined) return;
    const runId = containerId.slice(pod.containerId.length + 1);
    this.#started.add(runId);
    this.#at(agent, runId);
  }

  /** A task came to its executor. */
  arriving(agent: SimAgent, runId: string): void {
    this.#at(agent, runId);
  }

  #at(agent: SimAgent, runId: string): void {
    const group = this.#groups.get(runId);
    if (group === undefined) return;
    group.agent ??= agent;
    if (group.agent === agent) return;
    throw new Violation(`Of the group of ${runId} one task is on ${group.agent.name}, one on ${agent.name}`);
  }

  agentSends(agent: SimAgent, message: AgentToMaster): void {
    if (message.kind !== "status-update" || message.state !== "TASK_RUNNING") return;
    const { latestState, runId = "" } = message;
    // One that ended before the others were started did run.
    if (!this.#started.has(runId) || isTerminalState(latestState as TaskState)) return;
    const other = this.#groups.get(runId)?.runIds.find((id) => !this.#started.has(id));
    if (other === undefined) return;
    throw new Violation(`${agent.name} tells that ${runId} runs before ${other} of its group was started`);
  }
}
