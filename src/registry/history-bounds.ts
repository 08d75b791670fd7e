/**
 * How much history the registry keeps (`--max_completed_frameworks`,
 * `--max_completed_tasks_per_framework`). It stands in the registry itself:
 * masters whose flags differ must still forget alike, so the leader's hold.
 */
import { COMPLETED_FRAMEWORKS_MAX, COMPLETED_TASKS_PER_FRAMEWORK_MAX } from "../base/limits.ts";
import { Fields } from "./fields.ts";

export interface HistoryBounds {
  readonly completedFrameworks: number;
  /** At least 1: the newest one tells a restarted master the number of the next. */
  readonly completedTasksPerFramework: number;
}

export const DEFAULT_HISTORY_BOUNDS: HistoryBounds = {
  completedFrameworks: COMPLETED_FRAMEWORKS_MAX,
  completedTasksPerFramework: COMPLETED_TASKS_PER_FRAMEWORK_MAX,
};

/** Undefined for the defaults, which are not stored. */
export function writeHistoryBounds(bounds: HistoryBounds): unknown[] | undefined {
  return bounds === DEFAULT_HISTORY_BOUNDS
    ? undefined
    : [bounds.completedFrameworks, bounds.completedTasksPerFramework];
}

export function readHistoryBounds(values: unknown): HistoryBounds {
  const f = new Fields(values, "history bounds");
  return { completedFrameworks: f.number(0), completedTasksPerFramework: f.number(1) };
}
