import { ENTRY_MAX_CHANGES } from "../base/limits.ts";
import type { Quota } from "../model/quota.ts";
import { atLevel, FEATURE_LEVEL, levelOf } from "../registry/command-level.ts";
import type { Command } from "../registry/commands.ts";
import { packBySize } from "./pack-by-size.ts";

/** Four ids of 255 characters in UTF-8, and numbers: what a command takes beside its blobs. */
const COMMAND_OVERHEAD_BYTES = 4_096;
/** Tags, lengths and the version. */
const NOTE_OVERHEAD_BYTES = 32;

/**
 * Cuts the commands of a turn into parts that each fit one entry; each alone does (BLOB_MAX_BYTES). An entry
 * is applied without a break, so what it changes is bounded, too. What a log of `level` cannot take yet goes
 * into parts of its own: it must not take others with it.
 */
export function splitCommands(
  commands: readonly Command[],
  maxBytes: number,
  level = FEATURE_LEVEL,
  maxChanges = ENTRY_MAX_CHANGES,
): (readonly Command[])[] {
  if (commands.length === 1) return [commands];
  const share = (command: Command): number =>
    Math.max(commandBytes(command) / maxBytes, changesOf(command) / maxChanges);
  if (level >= FEATURE_LEVEL) return packBySize(commands, share, 1);
  const parts: (readonly Command[])[] = [];
  const refused = commands.map((command) => levelOf(atLevel([command], level)) > level);
  for (let from = 0, to = 1; to <= commands.length; to++) {
    if (to < commands.length && refused[to] === refused[from]) continue;
    parts.push(...packBySize(commands.slice(from, to), share, 1));
    from = to;
  }
  return parts;
}

/** An agent's tasks, about: some commands end all of them. */
const TASKS_OF_AGENT = 16;

/** The work of a registration, which compares what the agent runs with what it should, in changed tasks. */
const REGISTRATION = 8;

/** Records that a command changes, about. */
export function changesOf(command: Command): number {
  switch (command.kind) {
    case "launch-tasks":
    case "launch-group":
      return command.tasks.length;
    case "end-tasks":
      return command.taskIds.length;
    case "add-agent":
    case "reregister-agent":
      return REGISTRATION;
    case "start-maintenance":
      return TASKS_OF_AGENT * command.machines.length;
    case "forget-agents":
      return TASKS_OF_AGENT * command.agentIds.length;
    case "mark-agent-gone":
      return TASKS_OF_AGENT;
    default:
      return 1;
  }
}

/** An upper estimate of the encoded size. */
function commandBytes(command: Command): number {
  switch (command.kind) {
    case "launch-tasks":
    case "launch-group":
      return command.tasks.reduce(
        (sum, task) => sum + task.info.length + 1_024,
        COMMAND_OVERHEAD_BYTES + lengths(command.needs),
      );
    case "update-task":
      return command.status.length + COMMAND_OVERHEAD_BYTES;
    case "add-framework":
    case "update-framework":
      return command.info.length + COMMAND_OVERHEAD_BYTES;
    case "add-agent":
    case "reregister-agent":
      return command.info.length + 4 * command.capabilities.join(",").length + COMMAND_OVERHEAD_BYTES;
    case "put-note":
      return command.value.length + NOTE_OVERHEAD_BYTES + 3 * command.key.length;
    case "apply-operations": {
      const resources = lengths(command.consumed) + lengths(command.converted);
      const operations = command.operations.flatMap(({ info, status }) => [info, status]);
      return resources + lengths(operations) + COMMAND_OVERHEAD_BYTES * (1 + command.operations.length);
    }
    case "update-maintenance":
      return command.schedule.length + COMMAND_OVERHEAD_BYTES;
    case "start-maintenance":
    case "stop-maintenance":
      return command.machines.reduce(
        (sum, { hostname = "", ip = "" }) => sum + 3 * (hostname.length + ip.length) + 16,
        COMMAND_OVERHEAD_BYTES,
      );
    case "forget-agents":
      return command.agentIds.reduce((sum, id) => sum + 3 * id.length + 8, COMMAND_OVERHEAD_BYTES);
    case "end-tasks":
      return command.taskIds.reduce((sum, id) => sum + 3 * id.length + 8, COMMAND_OVERHEAD_BYTES);
    case "delete-note":
      return NOTE_OVERHEAD_BYTES + 3 * command.key.length;
    case "update-weights":
      return COMMAND_OVERHEAD_BYTES + command.weights.reduce((sum, [role]) => sum + 3 * role.length + 16, 0);
    case "update-quota":
      return COMMAND_OVERHEAD_BYTES + command.quotas.reduce((sum, [role, q]) => sum + quotaBytes(role, q), 0);
    default:
      return COMMAND_OVERHEAD_BYTES;
  }
}

function quotaBytes(role: string, { guarantees, limits }: Quota): number {
  let bytes = 3 * role.length + 32;
  for (const amounts of [guarantees, limits])
    for (const name of amounts.keys()) bytes += 3 * name.length + 16;
  return bytes;
}

/** With their tags. */
function lengths(blobs: readonly Uint8Array[]): number {
  return blobs.reduce((sum, blob) => sum + blob.length + 8, 0);
}
