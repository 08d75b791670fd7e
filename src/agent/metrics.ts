/**
 * The agent's part of /metrics/snapshot, under the names of the Mesos agent
 * (docs/monitoring.md). Only what this agent can tell is there.
 */
import { SECOND_MS } from "../base/time.ts";
import type { AgentState } from "./state.ts";

const RESOURCES = ["cpus", "mem", "disk", "gpus"] as const;
const MILLI = 1_000;

/** States of tasks that have not ended, with the name of their gauge. */
const LIVE_STATES = {
  TASK_STAGING: "slave/tasks_staging",
  TASK_STARTING: "slave/tasks_starting",
  TASK_RUNNING: "slave/tasks_running",
  TASK_KILLING: "slave/tasks_killing",
} as const;

/** States of tasks that ended since the process started, with the name of their counter. */
const ENDED_STATES = {
  TASK_FINISHED: "slave/tasks_finished",
  TASK_FAILED: "slave/tasks_failed",
  TASK_KILLED: "slave/tasks_killed",
  TASK_LOST: "slave/tasks_lost",
  TASK_GONE: "slave/tasks_gone",
  TASK_DROPPED: "mesh/agent/tasks_dropped",
} as const;

/** @param upMs time since the process started */
export function agentMetrics(state: AgentState, upMs: number): Record<string, number> {
  const metrics: Record<string, number> = {
    "slave/uptime_secs": upMs / SECOND_MS,
    "slave/registered": state.connection.kind === "registered" ? 1 : 0,
    "slave/frameworks_active": state.frameworks.size,
    "slave/container_launch_errors": state.counters.launchErrors,
    "slave/valid_status_updates": state.counters.updatesSent,
    "slave/executors_running": 0,
    "slave/executors_registering": 0,
    "slave/executors_terminating": state.condemned.size,
    "slave/executors_preempted": 0,
    "mesh/agent/stale_master_messages": state.counters.staleMessages,
    "mesh/agent/registration_attempts": state.counters.registrationAttempts,
  };
  for (const name of Object.values(LIVE_STATES)) metrics[name] = 0;
  for (const { subscribed, terminating } of state.executors.values()) {
    const name = terminating ? "terminating" : subscribed ? "running" : "registering";
    increment(metrics, `slave/executors_${name}`);
  }
  for (const { terminating } of state.pods.values()) {
    increment(metrics, `slave/executors_${terminating ? "terminating" : "running"}`);
  }
  for (const task of state.tasks.values()) {
    // A command task counts as an executor of its own.
    const alone = task.executorId === undefined;
    if (alone && task.phase === "running") increment(metrics, "slave/executors_running");
    else if (alone && task.phase !== "ended") increment(metrics, "slave/executors_registering");
    const gauge = (LIVE_STATES as Readonly<Record<string, string>>)[task.stream.state];
    if (gauge !== undefined) increment(metrics, gauge);
  }
  for (const [taskState, name] of Object.entries(ENDED_STATES)) {
    metrics[name] = state.counters.ended.get(taskState) ?? 0;
  }
  for (const name of RESOURCES) {
    const total = state.usage.total(name) / MILLI;
    const used = state.usage.used(name) / MILLI;
    metrics[`slave/${name}_total`] = total;
    metrics[`slave/${name}_used`] = used;
    metrics[`slave/${name}_percent`] = total === 0 ? 0 : used / total;
  }
  return metrics;
}

function increment(metrics: Record<string, number>, name: string): void {
  metrics[name] = (metrics[name] ?? 0) + 1;
}
