/** When a task is to be checked and what follows, from its TaskInfo; defaults are those of mesos.proto. */
import { CHECK_INTERVAL_MIN_MS, CHECK_TIME_MAX_MS } from "../base/limits.ts";
import { SECOND_MS } from "../base/time.ts";
import type { CheckInfo, HealthCheck, TaskInfo } from "../model/v1/tasks.ts";
import type { HealthRules } from "./health.ts";

/** A health check may end the task; a status check is only reported. */
export const CHECK_KINDS = ["health", "status"] as const;
export type CheckKind = (typeof CHECK_KINDS)[number];

export function isCheckKind(kind: string): kind is CheckKind {
  return (CHECK_KINDS as readonly string[]).includes(kind);
}

export interface CheckTimes {
  readonly delayMs: number;
  /** From the end of one check to the next. */
  readonly intervalMs: number;
  /** Undefined: no limit. */
  readonly timeoutMs: number | undefined;
}

export interface CheckRules extends CheckTimes, HealthRules {}

const DEFAULTS = { delaySeconds: 15, intervalSeconds: 10, timeoutSeconds: 20, graceSeconds: 10, failures: 3 };

/** Undefined when the task asks for none of this kind. */
export function checkRules(info: TaskInfo, kind: CheckKind): CheckRules | undefined {
  const check: CheckInfo | HealthCheck | undefined = kind === "health" ? info.health_check : info.check;
  if (check === undefined) return undefined;
  const timeoutMs = timeMs(check.timeout_seconds ?? DEFAULTS.timeoutSeconds);
  return {
    delayMs: timeMs(check.delay_seconds ?? DEFAULTS.delaySeconds),
    intervalMs: Math.max(CHECK_INTERVAL_MIN_MS, timeMs(check.interval_seconds ?? DEFAULTS.intervalSeconds)),
    timeoutMs: timeoutMs === 0 ? undefined : timeoutMs,
    graceMs: timeMs(info.health_check?.grace_period_seconds ?? DEFAULTS.graceSeconds),
    maxFailures: info.health_check?.consecutive_failures ?? DEFAULTS.failures,
  };
}

function timeMs(seconds: number): number {
  return Math.min(seconds * SECOND_MS, CHECK_TIME_MAX_MS);
}
