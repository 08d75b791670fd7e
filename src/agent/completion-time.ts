import type { AgentState } from "./state.ts";
import type { Task } from "./task.ts";

/** Starts the clock of `max_completion_time`, which counts from the start also across agent restarts. */
export function watchCompletionTime(state: AgentState, task: Task): void {
  const { maxCompletionMs, startedAtMs } = task;
  if (maxCompletionMs === undefined || startedAtMs === undefined || task.ending !== undefined) return;
  const elapsedMs = Math.max(0, state.now.wallMs - startedAtMs);
  const leftMs = Math.max(0, maxCompletionMs - elapsedMs);
  state.deadlines.set(`max/${task.key}`, state.now.monotonicMs + leftMs);
}
