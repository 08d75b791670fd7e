/**
 * Values of /metrics/snapshot under Mesos' names (mesos/docs/monitoring.md):
 * those that mesh can measure. What has no counterpart is left out rather
 * than shown as a constant; system metrics are the pump's.
 */
import type { TaskState } from "../model/v1/tasks.ts";
import type { MasterCore } from "./core.ts";
import type { Leader, RegistryReader } from "./leader.ts";
import type { FrameworkMemory } from "./memory.ts";
import { addResourceMetrics } from "./resource-metrics.ts";

/** Counters that are shown from the start, at 0. */
const COUNTERS = [
  "invalid_executor_to_framework_messages",
  "invalid_framework_to_executor_messages",
  "invalid_status_update_acknowledgements",
  "invalid_status_updates",
  "messages_decline_offers",
  "messages_executor_to_framework",
  "messages_exited_executor",
  "messages_framework_to_executor",
  "messages_kill_task",
  "messages_launch_tasks",
  "messages_reconcile_operations",
  "messages_reconcile_tasks",
  "messages_register_framework",
  "messages_register_slave",
  "messages_reregister_framework",
  "messages_reregister_slave",
  "messages_resource_request",
  "messages_revive_offers",
  "messages_status_update",
  "messages_status_update_acknowledgement",
  "messages_suppress_offers",
  "messages_unregister_framework",
  "messages_unregister_slave",
  "operations/error",
  "recovery_slave_removals",
  "slave_registrations",
  "slave_removals",
  "slave_removals/reason_registered",
  "slave_removals/reason_unhealthy",
  "slave_removals/reason_unregistered",
  "slave_reregistrations",
  "slave_unreachable_canceled",
  "slave_unreachable_completed",
  "slave_unreachable_scheduled",
  "tasks_dropped",
  "tasks_error",
  "tasks_failed",
  "tasks_finished",
  "tasks_gone",
  "tasks_gone_by_operator",
  "tasks_killed",
  "tasks_lost",
  "valid_executor_to_framework_messages",
  "valid_framework_to_executor_messages",
  "valid_status_update_acknowledgements",
  "valid_status_updates",
] as const;

const LIVE_STATES: readonly TaskState[] = [
  "TASK_KILLING",
  "TASK_RUNNING",
  "TASK_STAGING",
  "TASK_STARTING",
  "TASK_UNREACHABLE",
];

/** Tasks in one step: a fraction of a millisecond. */
const COUNTED_PER_STEP = 1_000;

export type Metrics = Record<string, number>;

/** In parts: every agent and task is looked at, so that a step may be followed by another turn. */
export function* masterMetrics(
  core: MasterCore,
  registry: RegistryReader,
  uptimeMs: number,
): Generator<undefined, Metrics> {
  const metrics: Metrics = {
    "master/elected": core.leader === undefined ? 0 : 1,
    "master/uptime_secs": uptimeMs / 1000,
    "registrar/log/recovered": core.leader === undefined ? 0 : 1,
  };
  for (const name of COUNTERS) metrics[`master/${name}`] = 0;
  for (const [name, count] of core.counters.entries()) {
    metrics[name === "allocation_runs" ? "allocator/mesos/allocation_runs" : `master/${name}`] = count;
  }
  const { leader } = core;
  if (leader === undefined) return metrics;
  addAgents(metrics, leader);
  addFrameworks(metrics, leader);
  yield* addTasks(metrics, leader, registry);
  yield* addResourceMetrics(metrics, leader);
  metrics["master/outstanding_offers"] = leader.offers.size;
  for (const { role, share } of leader.allocator.roles()) {
    metrics[`allocator/mesos/roles/${role}/shares/dominant`] = share;
  }
  addQuota(metrics, leader);
  return metrics;
}

/** ALO-18; offers count. */
function addQuota(metrics: Metrics, leader: Leader): void {
  for (const { role, guarantees, limits, consumed, allocated } of leader.allocator.quotaViews()) {
    const prefix = `allocator/mesos/quota/roles/${role}/resources`;
    for (const [name, milli] of guarantees) metrics[`${prefix}/${name}/guarantee`] = milli / 1000;
    for (const [name, milli] of limits) metrics[`${prefix}/${name}/limit`] = milli / 1000;
    for (const [name, milli] of consumed) metrics[`${prefix}/${name}/consumed`] = milli / 1000;
    for (const name of new Set([...guarantees.keys(), ...limits.keys()])) {
      metrics[`${prefix}/${name}/offered_or_allocated`] = (allocated.get(name) ?? 0) / 1000;
    }
  }
}

function addAgents(metrics: Metrics, leader: Leader): void {
  let [active, connected, disconnected, unreachable, draining] = [0, 0, 0, 0, 0];
  for (const agent of leader.agents.values()) {
    if (agent.unreachable) unreachable++;
    else if (agent.link !== undefined) connected++;
    else if (!agent.recovered) disconnected++;
    if (agent.link !== undefined && !agent.deactivated) active++;
    if (leader.draining.has(agent.id)) draining++;
  }
  metrics["master/slaves_active"] = active;
  metrics["master/slaves_connected"] = connected;
  metrics["master/slaves_disconnected"] = disconnected;
  metrics["master/slaves_inactive"] = connected + disconnected - active;
  metrics["mesh/agents_draining"] = draining;
  metrics["master/slaves_unreachable"] = unreachable;
}

function addFrameworks(metrics: Metrics, leader: Leader): void {
  let connected = 0;
  for (const framework of leader.frameworks.values()) {
    if (framework.streamId !== undefined) connected++;
    addFramework(metrics, framework);
  }
  const disconnected = leader.frameworks.size - connected;
  metrics["master/frameworks_active"] = connected;
  metrics["master/frameworks_connected"] = connected;
  metrics["master/frameworks_disconnected"] = disconnected;
  metrics["master/frameworks_inactive"] = disconnected;
}

function addFramework(metrics: Metrics, framework: FrameworkMemory): void {
  // As Mesos: a name with a slash would read as more levels.
  const prefix = `master/frameworks/${framework.info.name.replaceAll("/", "%2F")}/${framework.id}`;
  metrics[`${prefix}/subscribed`] = framework.streamId === undefined ? 0 : 1;
  for (const [name, count] of framework.counters.entries()) metrics[`${prefix}/${name}`] = count;
  for (const role of framework.roles) {
    metrics[`${prefix}/roles/${role}/suppressed`] = framework.suppressedRoles.has(role) ? 1 : 0;
  }
}

/** A cluster has a hundred thousand tasks, so each is only counted. */
function* addTasks(metrics: Metrics, leader: Leader, registry: RegistryReader): Generator<undefined> {
  const counts = new Map<TaskState, number>();
  let seen = 0;
  for (const framework of leader.frameworks.values()) {
    for (const { state } of registry.tasksOf(framework.id)) {
      counts.set(state, (counts.get(state) ?? 0) + 1);
      if (++seen % COUNTED_PER_STEP === 0) yield;
    }
  }
  for (const state of LIVE_STATES) metrics[taskMetric(state)] = counts.get(state) ?? 0;
  metrics["master/tasks_staging"] = (metrics["master/tasks_staging"] ?? 0) + leader.launching.size;
}

function taskMetric(state: TaskState): string {
  return `master/tasks_${state.slice("TASK_".length).toLowerCase()}`;
}
