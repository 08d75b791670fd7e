/**
 * Checking tasks that run (TSK-13, TSK-16), as Mesos' command executor does it
 * (src/launcher/executor.cpp, src/checks/). A check goes round:
 *
 *     delay -> due -> under way -> result -> interval -> due ...
 *
 * It stops with the first step to end the task. A new agent process takes it
 * up again with the health and status told last, which the stream's record
 * holds; what it finds due is spread over one interval.
 */
import { sameBytes } from "../base/bytes.ts";
import type { CheckResult } from "../isolation/check.ts";
import { encodeBlob } from "../wire/blob.ts";
import { checkProbe } from "./check-probe.ts";
import type { CheckKind } from "./check-rules.ts";
import { failureOf, statusOf } from "./check-status.ts";
import { noteHealth } from "./health.ts";
import { killTask } from "./kill-task.ts";
import { planTask } from "./plan-task.ts";
import type { AgentState } from "./state.ts";
import { addNews } from "./status-updates.ts";
import type { Task } from "./task.ts";
import { type TaskChecks, toldStatus } from "./task-checks.ts";

/** A deadline of a check has come. */
export function checkDue(state: AgentState, task: Task, kind: CheckKind): void {
  const { checks, containerId } = task;
  const rules = checks?.rules[kind];
  if (checks === undefined || rules === undefined || task.phase !== "running") return;
  const planned = planTask(state, task);
  const probe = planned.ok ? checkProbe(planned.value.info, kind, planned.value.spec) : planned;
  if (!probe.ok) {
    untried(state, task, kind, probe.error);
    return;
  }
  const round = ++checks.round[kind];
  const { timeoutMs } = rules;
  state.emit({ kind: "check", containerId, check: kind, round, probe: probe.value, timeoutMs });
}

/** A check has come to its end, one way or another. */
export function checked(
  state: AgentState,
  containerId: string,
  kind: CheckKind,
  round: number,
  result: CheckResult,
): void {
  const task = state.containers.get(containerId);
  if (task?.checks === undefined || task.phase !== "running" || task.ending !== undefined) return;
  if (task.checks.round[kind] !== round) return;
  if (result.kind === "untried") {
    untried(state, task, kind, result.reason);
    return;
  }
  checkAgain(state, task, kind);
  if (kind === "health") noteHealthResult(state, task, task.checks, result);
  else noteStatusResult(state, task, task.checks, result);
}

function checkAgain(state: AgentState, task: Task, kind: CheckKind): void {
  const intervalMs = task.checks?.rules[kind]?.intervalMs;
  if (intervalMs !== undefined) {
    state.deadlines.set(`${kind}/${task.key}`, state.now.monotonicMs + intervalMs);
  }
}

/** Nobody may take the agent's trouble for the task's. */
function untried(state: AgentState, task: Task, kind: CheckKind, reason: string): void {
  const { frameworkId, taskId } = task;
  state.log.warn("Cannot check a task; trying again", { frameworkId, taskId, check: kind, reason });
  checkAgain(state, task, kind);
}

function noteHealthResult(state: AgentState, task: Task, checks: TaskChecks, result: CheckResult): void {
  const rules = checks.rules.health;
  if (rules === undefined) return;
  const failure = failureOf(result);
  const inGrace = rules.graceMs > 0 && state.now.monotonicMs <= checks.graceEndsAtMs;
  const news = noteHealth(checks.health, rules, failure === undefined, inGrace);
  const { frameworkId, taskId } = task;
  if (failure !== undefined) {
    const fields = { frameworkId, taskId, reason: failure, failures: checks.health.failures };
    state.log.info(
      news === undefined ? "A health check failed in the grace period" : "A health check failed",
      fields,
    );
  }
  if (news === undefined) return;
  const reason = "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED";
  if (news.healthy) {
    addNews(state, task, reason, undefined);
    return;
  }
  const message = `Health check failed (${news.failures} in a row, ${rules.maxFailures} end the task): ${failure}`;
  addNews(state, task, reason, message);
  if (!news.kill) return;
  state.log.info("Ending a task that is not healthy", { frameworkId, taskId, failures: news.failures });
  task.endedAsUnhealthy = true;
  killTask(state, task, undefined);
}

function noteStatusResult(state: AgentState, task: Task, checks: TaskChecks, result: CheckResult): void {
  const before = toldStatus(checks);
  if (before === undefined) return;
  const status = statusOf(result, before.type);
  const bytes = encodeBlob("CheckStatusInfo", status);
  if (sameBytes(bytes, encodeBlob("CheckStatusInfo", before))) return;
  checks.status = bytes;
  const failure = result.kind === "failed" ? `Check failed: ${result.reason}` : undefined;
  addNews(state, task, "REASON_TASK_CHECK_STATUS_UPDATED", failure);
}
