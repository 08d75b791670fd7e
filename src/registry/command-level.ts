/**
 * Feature levels of commands. A level is raised when a version of mesh brings
 * commands, or fields that change how one is applied, that older versions do
 * not know; masters write them only once every master has said that it can
 * apply them, so that two versions work side by side during an upgrade.
 */
import type { Command } from "./commands.ts";
import { isDerivedRunId } from "./run-ids.ts";

/** Newest level that this version can apply. */
export const FEATURE_LEVEL = 2;
/** From this level on the log tells runs of a task id apart (run-ids.ts). */
export const RUN_IDS_LEVEL = 2;
/** From this level on an operator may name a change of an agent's resources. */
export const REQUEST_IDS_LEVEL = 2;
/** From this level on the tasks of a framework that is removed may end before it. */
export const END_TASKS_LEVEL = 2;

const LEVELS: Readonly<Record<Command["kind"], number>> = {
  "init-cluster": 1,
  "add-framework": 1,
  "update-framework": 1,
  "disconnect-framework": 1,
  "remove-framework": 1,
  "add-agent": 1,
  "reregister-agent": 1,
  "mark-agent-unreachable": 1,
  "remove-agent": 1,
  "launch-tasks": 1,
  "update-task": 1,
  "complete-task": 1,
  "put-note": 1,
  "delete-note": 1,
  "apply-operations": 1,
  "acknowledge-operation": 1,
  "mark-agent-gone": 2,
  "drain-agent": 2,
  "agent-drained": 2,
  "activate-agent": 2,
  "update-maintenance": 2,
  "start-maintenance": 2,
  "stop-maintenance": 2,
  "forget-agents": 2,
  "launch-group": 2,
  "set-history-bounds": 2,
  "end-tasks": END_TASKS_LEVEL,
  "update-weights": 2,
  "update-quota": 2,
};

/** Level that a log must have for all of these commands to be written to it. */
export function levelOf(commands: readonly Command[]): number {
  let level = 1;
  for (const command of commands) level = Math.max(level, LEVELS[command.kind], fieldLevel(command));
  return level;
}

/** For a log of this level: without the fields that masters of it do not know, where they can be left out. */
export function atLevel(commands: readonly Command[], level: number): readonly Command[] {
  if (level >= RUN_IDS_LEVEL) return commands;
  return commands.map((command) => (hasRunId(command) ? { ...command, runId: undefined } : command));
}

function fieldLevel(command: Command): number {
  if (hasRunId(command)) return command.runId === undefined ? 1 : RUN_IDS_LEVEL;
  if (command.kind === "apply-operations") return command.requestId === undefined ? 1 : REQUEST_IDS_LEVEL;
  if (command.kind !== "launch-tasks") return 1;
  return command.tasks.every(({ runId }) => isDerivedRunId(runId)) ? 1 : RUN_IDS_LEVEL;
}

function hasRunId(command: Command): command is Extract<Command, { kind: "update-task" | "complete-task" }> {
  return command.kind === "update-task" || command.kind === "complete-task";
}
