/**
 * What a healed cluster owes when it has just healed, and must have paid a
 * little later without anybody asking again: updates to frameworks, long
 * before the agents' next retry, and kills that an agent missed.
 */
import { isTerminalState } from "../../src/model/task-state.ts";
import type { SimCluster } from "./sim-cluster.ts";

interface Debt {
  readonly agent: string;
  readonly frameworkId: string;
  readonly taskId: string;
  readonly runId: string | undefined;
}

/** The update that its agent must have acknowledged before it tells more of the task. */
interface Update extends Debt {
  readonly uuid: string;
  readonly state: string;
}

export class Owed {
  readonly #cluster: SimCluster;
  readonly #updates: readonly Update[];
  readonly #kills: readonly Debt[];

  /** Notes what is owed now. */
  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    this.#updates = [...heads(cluster)];
    this.#kills = [...kills(cluster)];
  }

  /** What is still owed; undefined when nothing is. */
  missing(): string | undefined {
    const present = new Set([...heads(this.#cluster)].map(({ uuid }) => uuid));
    for (const { agent, frameworkId, taskId, uuid, state } of this.#updates) {
      if (!present.has(uuid)) continue;
      const framework = this.#cluster.frameworks.find((one) => one.frameworkId === frameworkId);
      if (framework === undefined || framework.removed || framework.hasHeard(uuid)) continue;
      return `${agent} still has ${state} of ${taskId}, which ${framework.name} has not heard`;
    }
    for (const { agent, frameworkId, taskId, runId } of this.#kills) {
      const state = this.#cluster.agents.find(({ name }) => name === agent)?.core?.state;
      const task = state?.tasks.get(`${frameworkId}/${taskId}`);
      if (task === undefined || task.runId !== runId || task.ending !== undefined) continue;
      if (isTerminalState(task.stream.state)) continue;
      return `${agent} was never told to kill ${taskId}, which is ${task.stream.state}`;
    }
    return undefined;
  }
}

function* heads({ agents }: SimCluster): Iterable<Update> {
  for (const { name: agent, core } of agents) {
    for (const { frameworkId, taskId, runId, stream } of core?.state.tasks.values() ?? []) {
      const [head] = stream.pending;
      if (head === undefined) continue;
      const uuid = Buffer.from(head.uuid).toString("hex");
      yield { agent, frameworkId, taskId, runId, uuid, state: head.state };
    }
  }
}

/** Kills that the leader accepted and of which it knows no end. */
function* kills(cluster: SimCluster): Iterable<Debt> {
  const memories = cluster.leader()?.node?.core.leader?.agents;
  for (const { name: agent, core } of cluster.agents) {
    for (const wish of memories?.get(core?.state.agentId ?? "")?.kills.values() ?? [])
      yield { agent, ...wish };
  }
}
