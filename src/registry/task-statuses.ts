/**
 * The statuses that a task's record keeps. It is written whole with each update and goes to new masters in
 * one piece, so it may not grow with what an executor says: `data` goes when it is told (Mesos clears it,
 * Master::updateTask), and so do the middle ones of very many.
 *
 * Tasks that were launched before there were run ids keep all, as masters of that level do.
 */
import { TASK_STATUS_WHOLE_MAX_BYTES, TASK_STATUSES_MAX } from "../base/limits.ts";
import type { TaskState } from "../model/v1/tasks.ts";
import { withoutBlobField } from "../wire/blob.ts";
import type { TaskRecord } from "./records.ts";
import { isDerivedRunId } from "./run-ids.ts";

/** Of equal states in a row the last is kept (Mesos, Master::updateTask). The newest is kept whole. */
export function appendStatus(task: TaskRecord, state: TaskState, status: Uint8Array): void {
  const kept = task.lastStatusState === state ? task.statuses.slice(0, -1) : [...task.statuses];
  if (!isDerivedRunId(task.runId)) {
    shortenLast(kept);
    // The first tells when the task began.
    if (kept.length >= TASK_STATUSES_MAX) kept.splice(1, 1);
  }
  task.statuses = [...kept, status];
  task.lastStatusState = state;
}

/** The framework has all that the statuses tell. */
export function forgetStatusData(task: TaskRecord): void {
  if (isDerivedRunId(task.runId)) return;
  const last = task.statuses.at(-1);
  if (last === undefined || last.length <= TASK_STATUS_WHOLE_MAX_BYTES) return;
  const kept = [...task.statuses];
  shortenLast(kept);
  task.statuses = kept;
}

/** Those before it were the last once. */
function shortenLast(statuses: Uint8Array[]): void {
  const last = statuses.at(-1);
  if (last === undefined || last.length <= TASK_STATUS_WHOLE_MAX_BYTES) return;
  statuses[statuses.length - 1] = withoutBlobField("TaskStatus", "data", last);
}
