/**
 * Task groups. This agent runs no pods yet: each task of a group ends as
 * TASK_FAILED with the reason, written down and sent like any other end.
 */
import type { RunTaskGroup } from "../model/agent-protocol.ts";
import type { AgentState } from "./state.ts";
import { runTask } from "./task-runs.ts";

/** Repeated ones are ignored task by task. */
export function runTaskGroup(state: AgentState, message: RunTaskGroup): void {
  const { term, frameworkId, framework } = message;
  for (const task of message.tasks)
    runTask(state, { kind: "run-task", term, frameworkId, framework, ...task });
}
