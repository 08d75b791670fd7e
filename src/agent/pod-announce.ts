/** The word that the tasks of a pod run. */
import { startChecks } from "./check-schedule.ts";
import { watchCompletionTime } from "./completion-time.ts";
import { groupIn, podOf } from "./pod-state.ts";
import type { AgentState } from "./state.ts";
import { addUpdate } from "./status-updates.ts";
import type { Task } from "./task.ts";

/** Tells that the tasks of a group run, once all of them do. */
export function announceGroup(state: AgentState, task: Task, how: "launched" | "found"): void {
  const pod = podOf(state, task);
  if (pod === undefined) return;
  const group = groupIn(pod, task.group);
  if (group.some(({ phase }) => phase !== "running")) return;
  for (const member of group) announceRunning(state, member, how);
}

/** Also for one that ends before the others of its group are started: it did run. */
export function announceRunning(state: AgentState, task: Task, how: "launched" | "found" | "ended"): void {
  if (task.stream.state !== "TASK_STARTING" || task.ending !== undefined) return;
  addUpdate(state, task, { state: "TASK_RUNNING", source: "SOURCE_EXECUTOR" });
  if (how === "ended") return;
  watchCompletionTime(state, task);
  startChecks(state, task, how);
}
