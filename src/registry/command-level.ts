/**
 * Feature levels of commands. A level is raised when a version of mesh brings
 * commands, or fields that change how one is applied, that older versions do
 * not know; masters write them only once every master has said that it can
 * apply them, so that two versions work side by side during an upgrade.
 */
import type { Command } from "./commands.ts";

/** Newest level that this version can apply. */
export const FEATURE_LEVEL = 1;

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
};

/** Level that a log must have for all of these commands to be written to it. */
export function levelOf(commands: readonly Command[]): number {
  let level = 1;
  for (const { kind } of commands) level = Math.max(level, LEVELS[kind]);
  return level;
}
