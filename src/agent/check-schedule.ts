/** Sets the checks of a task going, and stops them. */
import { CHECK_KINDS } from "./check-rules.ts";
import type { AgentState } from "./state.ts";
import type { Task } from "./task.ts";

/** The task runs, or was found running by a new agent process. */
export function startChecks(state: AgentState, task: Task, how: "launched" | "found"): void {
  const { checks } = task;
  if (checks === undefined || task.ending !== undefined) return;
  const { monotonicMs, wallMs } = state.now;
  const ranMs = Math.max(0, wallMs - (task.startedAtMs ?? wallMs));
  checks.graceEndsAtMs = monotonicMs + Math.max(0, (checks.rules.health?.graceMs ?? 0) - ranMs);
  for (const kind of CHECK_KINDS) {
    const rules = checks.rules[kind];
    if (rules === undefined) continue;
    // A thousand tasks found at once are not checked at once.
    const spreadMs = how === "launched" ? 0 : state.random.fraction() * rules.intervalMs;
    state.deadlines.set(`${kind}/${task.key}`, monotonicMs + Math.max(rules.delayMs - ranMs, spreadMs));
  }
}

/** For good: what is under way comes to nothing. */
export function stopChecks(state: AgentState, task: Task): void {
  if (task.checks === undefined) return;
  for (const kind of CHECK_KINDS) {
    state.deadlines.clear(`${kind}/${task.key}`);
    task.checks.round[kind]++;
  }
}
