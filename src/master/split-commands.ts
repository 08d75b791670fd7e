import type { Command } from "../registry/commands.ts";

/** Room for a command's tag, ids and numbers beside its blobs. */
const COMMAND_OVERHEAD_BYTES = 2_048;

/**
 * Cuts the commands of a turn into parts that each fit one log entry. A single
 * command is never cut: a request body, and with it a launch, is bounded below
 * what a frame takes.
 */
export function splitCommands(commands: readonly Command[], maxBytes: number): Command[][] {
  const parts: Command[][] = [];
  let part: Command[] = [];
  let bytes = 0;
  for (const command of commands) {
    const size = commandBytes(command);
    if (part.length > 0 && bytes + size > maxBytes) {
      parts.push(part);
      part = [];
      bytes = 0;
    }
    part.push(command);
    bytes += size;
  }
  if (part.length > 0) parts.push(part);
  return parts;
}

/** An upper estimate: ids have at most 255 characters. */
function commandBytes(command: Command): number {
  switch (command.kind) {
    case "launch-tasks":
      return command.tasks.reduce((sum, task) => sum + task.info.length + 1_024, COMMAND_OVERHEAD_BYTES);
    case "update-task":
      return command.status.length + COMMAND_OVERHEAD_BYTES;
    case "add-framework":
    case "update-framework":
    case "add-agent":
    case "reregister-agent":
      return command.info.length + COMMAND_OVERHEAD_BYTES;
    default:
      return COMMAND_OVERHEAD_BYTES;
  }
}
