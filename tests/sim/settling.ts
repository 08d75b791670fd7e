/**
 * What a healed cluster must come to in bounded time, and what must be left
 * when every framework has ended its tasks. Each function answers what is
 * still missing, or undefined.
 */
import { isTerminalState } from "../../src/model/task-state.ts";
import { nextRepair } from "./operators.ts";
import type { SimCluster } from "./sim-cluster.ts";
import type { SimMaster } from "./sim-master.ts";
import { Violation } from "./violation.ts";

/** Longer than any request takes in a cluster without faults. */
const ANSWER_MAX_MS = 2_000;

/** One leader; everybody follows, has caught up, is registered or subscribed. */
export function unhealed(cluster: SimCluster): string | undefined {
  const leaders = cluster.masters.filter(({ leads }) => leads);
  const [leader] = leaders;
  if (leader === undefined || leaders.length > 1) return `${leaders.length} masters lead`;
  const repair = leader.node === undefined ? undefined : nextRepair(leader.node.registry);
  if (repair !== undefined) return `${JSON.stringify(repair)} is outstanding`;
  return (
    behind(cluster, leader) ??
    leaving(leader) ??
    unregistered(cluster, leader) ??
    unsubscribed(cluster, leader)
  );
}

/** A guarantee that nothing stands in the way of. */
export function starved(cluster: SimCluster): string | undefined {
  const leader = cluster.leader();
  return leader === undefined ? "no leader" : cluster.checker.quotas.starved(leader);
}

function behind(cluster: SimCluster, leader: SimMaster): string | undefined {
  const { highestAppliedIndex } = cluster.checker.raft;
  const digest = leader.node?.registry.digest();
  for (const { name, node } of cluster.masters) {
    const status = node?.raftStatus();
    if (node === undefined || status === undefined) return `${name} is down`;
    if (status.leader !== leader.name) return `${name} follows ${status.leader}`;
    if (status.appliedIndex < highestAppliedIndex) {
      return `${name} applied ${status.appliedIndex}, ${highestAppliedIndex} was applied once`;
    }
    if (status.appliedIndex === leader.node?.raftStatus().appliedIndex && node.registry.digest() !== digest) {
      return `${name} holds another state`;
    }
  }
  return undefined;
}

/** A removal that began under a leader that went is carried on by the next one. */
function leaving({ node }: SimMaster): string | undefined {
  for (const { id, leavingAtMs } of node?.registry.frameworks.values() ?? []) {
    if (leavingAtMs !== undefined) return `${id} still leaves`;
  }
  return undefined;
}

function unregistered(cluster: SimCluster, leader: SimMaster): string | undefined {
  const agents = leader.node?.core.leader?.agents;
  for (const { name, core } of cluster.agents) {
    const agentId = core?.state.agentId;
    if (core?.state.connection.kind !== "registered") return `${name} is ${core?.state.connection.kind}`;
    const memory = agents?.get(agentId ?? "");
    if (memory?.link === undefined) return `${name} (${agentId}) is not linked`;
  }
  for (const { id, link, unreachable } of agents?.values() ?? []) {
    if (link === undefined && !unreachable) return `agent ${id} is awaited`;
  }
  return undefined;
}

function unsubscribed(cluster: SimCluster, leader: SimMaster): string | undefined {
  const frameworks = leader.node?.core.leader?.frameworks;
  for (const { name, removed, subscribed, frameworkId } of cluster.frameworks) {
    if (removed) continue;
    if (!subscribed) return `${name} is not subscribed`;
    if (frameworks?.get(frameworkId ?? "")?.streamId === undefined) return `${name} has no stream`;
  }
  return undefined;
}

/** Every task ended and was told, everything of it is cleared away. */
export function undrained(cluster: SimCluster): string | undefined {
  const leader = cluster.leader();
  if (leader?.node === undefined) return "no leader";
  const { registry } = leader.node;
  for (const id of registry.frameworks.keys()) {
    for (const { taskId, state } of registry.tasksOf(id)) return `the registry still has ${taskId}, ${state}`;
  }
  for (const { name, kernel, core } of cluster.agents) {
    const [runs] = kernel.running();
    if (runs !== undefined) return `${name} still runs ${runs.sandbox}`;
    const [task] = core?.state.tasks.keys() ?? [];
    if (task !== undefined) return `${name} still knows ${task}`;
    if (kernel.containers().length > 0) return `${name} still has container records`;
    const { pods, waitingGroups } = core?.state ?? {};
    if ((pods?.size ?? 0) + (waitingGroups?.length ?? 0) > 0) return `${name} still has a pod or a group`;
    if ((core?.state.condemned.size ?? 0) > 0) return `${name} still ends a container`;
  }
  return (
    replaced(cluster, leader) ??
    unanswered(cluster) ??
    unansweredRequest(cluster) ??
    untold(cluster) ??
    cluster.checker.resources.leftOver(leader) ??
    unhealed(cluster)
  );
}

/** An id that its agent gave up for another is not kept as unreachable for ever. */
function replaced(cluster: SimCluster, { node }: SimMaster): string | undefined {
  // Masters whose clocks disagree may not see which of two agents came later.
  if (cluster.options.wallSkewMaxMs > 0) return undefined;
  const present = new Set(cluster.agents.map(({ core }) => core?.state.agentId));
  for (const id of node?.registry.agents.keys() ?? []) {
    if (!present.has(id)) return `the registry still has agent ${id}, which gave up that id`;
  }
  return undefined;
}

/** An operation that nobody said anything of. */
function unanswered(cluster: SimCluster): string | undefined {
  for (const { name, removed, operations } of cluster.frameworks) {
    const [open] = removed ? [] : operations.open;
    if (open !== undefined) return `${name} was not told how ${open} ended`;
  }
  return undefined;
}

/** A request that was asked long ago and is still waited for. */
function unansweredRequest(cluster: SimCluster): string | undefined {
  for (const { name, oldestUnanswered } of cluster.masters) {
    if (oldestUnanswered === undefined) continue;
    const { what, askedAtMs } = oldestUnanswered;
    if (cluster.world.nowMs - askedAtMs > ANSWER_MAX_MS) return `${name} did not answer ${what}`;
  }
  return undefined;
}

/** A started task whose end its framework has not been told by the agent. */
function untold(cluster: SimCluster): string | undefined {
  const former = new Set(cluster.agents.flatMap(({ formerIds }) => [...formerIds]));
  const { lost, takenDown } = cluster.checker.agents;
  for (const id of lost) former.add(id);
  for (const { name, core } of cluster.agents) if (takenDown.has(name)) former.add(core?.state.agentId ?? "");
  for (const { name, removed, frameworkId, book } of cluster.frameworks) {
    if (removed) continue;
    for (const id of book.unended()) {
      // What an agent that is no more would have told, the master tells, or that nobody knows of the task.
      const state = book.stateOf(id) ?? "TASK_STAGING";
      const over = isTerminalState(state) || state === "TASK_UNKNOWN";
      if (over && former.has(book.agentOf(id) ?? "")) continue;
      const prefix = `${frameworkId}/${id}/`;
      const runs = [...cluster.checker.tasks.starts.keys()].filter((key) => key.startsWith(prefix));
      if (runs.some((key) => book.endOf(key.slice(prefix.length)) === undefined))
        return `${name} was not told how ${id} ended`;
    }
    for (const [id] of book.open()) {
      if (book.stateOf(id) !== "TASK_UNKNOWN") return `${name} was told ${book.stateOf(id)} of ${id} at last`;
    }
  }
  return undefined;
}

/** The last look, when everything is still. */
export function checkEnds(cluster: SimCluster): void {
  for (const { frameworkId, book, name } of cluster.frameworks) {
    for (const key of cluster.checker.tasks.starts.keys()) {
      const [owner, , run = ""] = key.split("/");
      const end = owner === frameworkId ? book.endOf(run) : undefined;
      if (end !== undefined) cluster.checker.tasks.checkEnd(key, end);
    }
    if (book.launched > cluster.options.frameworks.reduce((sum, plan) => sum + plan.tasks, 0)) {
      throw new Violation(`${name} launched more than it planned`);
    }
  }
}
