/** The checks of one task as the core holds them. */
import type { CheckInfoType, CheckStatusInfo, TaskInfo } from "../model/v1/tasks.ts";
import { decodeBlob } from "../wire/blob.ts";
import { CHECK_KINDS, type CheckKind, type CheckRules, checkRules } from "./check-rules.ts";
import { emptyCheckStatus } from "./check-status.ts";
import type { Health } from "./health.ts";
import type { ToldChecks } from "./records.ts";

export interface TaskChecks {
  readonly rules: { readonly [K in CheckKind]: CheckRules | undefined };
  readonly health: Health;
  /** Of the status check. */
  readonly type: CheckInfoType | undefined;
  /** blob CheckStatusInfo as last told; undefined: nothing but its type. */
  status: Uint8Array | undefined;
  /** Monotonic time at which the grace period is over. */
  graceEndsAtMs: number;
  /** Of the newest check under way; a result of an older one counts for nothing. */
  readonly round: { [K in CheckKind]: number };
}

/**
 * Undefined when the task asks for none, and without a command: its own executor then checks it.
 * @param told what the framework was told before a restart
 */
export function newChecks(info: TaskInfo, told: ToldChecks | undefined): TaskChecks | undefined {
  if (info.command === undefined) return undefined;
  const rules = { health: checkRules(info, "health"), status: checkRules(info, "status") };
  if (CHECK_KINDS.every((kind) => rules[kind] === undefined)) return undefined;
  return {
    rules,
    health: { healthy: told?.healthy, failures: told?.failures ?? 0 },
    type: info.check?.type,
    status: told?.status,
    graceEndsAtMs: 0,
    round: { health: 0, status: 0 },
  };
}

/** The status as last told; undefined for a task without a status check. */
export function toldStatus(checks: TaskChecks | undefined): CheckStatusInfo | undefined {
  if (checks?.rules.status === undefined) return undefined;
  return checks.status === undefined
    ? emptyCheckStatus(checks.type)
    : decodeBlob("CheckStatusInfo", checks.status);
}
