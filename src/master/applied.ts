/** What follows from each command once it is applied, or once it is certain that it never will be. */
import type { Command, CommandKind } from "../registry/commands.ts";
import { taskCompleted } from "./acknowledge.ts";
import { agentActivated, agentMarkedGone, agentToDrain } from "./agent-changes.ts";
import { agentRemoved, agentUnreachable } from "./agent-liveness.ts";
import { agentsForgotten } from "./agent-retention.ts";
import { agentRegistered } from "./agents.ts";
import { defer } from "./deferred.ts";
import { frameworkDisconnected, frameworkRemoved } from "./disconnect.ts";
import { agentDrained, finishDrains } from "./drain.ts";
import { tasksLaunched } from "./launch.ts";
import type { Fate, Leader } from "./leader.ts";
import { machinesDown, machinesUp, scheduleUpdated } from "./machine-changes.ts";
import { noteChanged } from "./notes.ts";
import { operationsApplied } from "./operations-applied.ts";
import { quotaUpdated, weightsUpdated } from "./role-settings.ts";
import { taskUpdated } from "./status-updates.ts";
import { frameworkAdded, frameworkUpdated } from "./subscribe.ts";
import type { Applied, ProposalDropped } from "./types.ts";

type Followers = {
  readonly [K in CommandKind]: (leader: Leader, command: Extract<Command, { kind: K }>, fate: Fate) => void;
};

const FOLLOWERS: Followers = {
  "init-cluster": () => {},
  "add-framework": frameworkAdded,
  "update-framework": frameworkUpdated,
  "disconnect-framework": frameworkDisconnected,
  "remove-framework": frameworkRemoved,
  // What they hold goes back with the framework.
  "end-tasks": () => {},
  "add-agent": agentRegistered,
  "reregister-agent": agentRegistered,
  "mark-agent-unreachable": agentUnreachable,
  "remove-agent": agentRemoved,
  "launch-tasks": tasksLaunched,
  "launch-group": tasksLaunched,
  "set-history-bounds": () => {},
  "update-task": taskUpdated,
  "complete-task": taskCompleted,
  "put-note": noteChanged,
  "delete-note": noteChanged,
  "apply-operations": operationsApplied,
  "acknowledge-operation": () => {},
  "mark-agent-gone": agentMarkedGone,
  "drain-agent": agentToDrain,
  "agent-drained": agentDrained,
  "activate-agent": agentActivated,
  "update-maintenance": scheduleUpdated,
  "start-maintenance": machinesDown,
  "stop-maintenance": machinesUp,
  "forget-agents": agentsForgotten,
  "update-weights": weightsUpdated,
  "update-quota": quotaUpdated,
};

function follow<K extends CommandKind>(
  leader: Leader,
  command: Extract<Command, { kind: K }>,
  fate: Fate,
): void {
  // The table is keyed by kind, so the follower found under it takes this command.
  const follower = FOLLOWERS[command.kind] as (leader: Leader, command: Command, fate: Fate) => void;
  follower(leader, command, fate);
}

export function applied(leader: Leader, { commands, outcomes }: Applied): void {
  for (let i = 0; i < commands.length; i++) {
    const [command, outcome] = [commands[i], outcomes[i]];
    if (command !== undefined && outcome !== undefined) follow(leader, command, outcome);
  }
  if (leader.draining.size > 0) finishDrains(leader);
}

/**
 * When the log was full: tell the client that waits, or propose again soon. An
 * agent sends its update again too, but only after 10 s, later each time.
 */
const WHEN_DROPPED: { readonly [K in CommandKind]: "tell" | "retry" } = {
  "init-cluster": "retry",
  "add-framework": "tell",
  "update-framework": "tell",
  "disconnect-framework": "retry",
  "remove-framework": "retry",
  "end-tasks": "retry",
  "add-agent": "retry",
  "reregister-agent": "retry",
  "mark-agent-unreachable": "retry",
  "remove-agent": "retry",
  "launch-tasks": "tell",
  "launch-group": "tell",
  "set-history-bounds": "retry",
  "update-task": "retry",
  "complete-task": "retry",
  "put-note": "tell",
  "delete-note": "tell",
  "apply-operations": "tell",
  "acknowledge-operation": "retry",
  "mark-agent-gone": "tell",
  "drain-agent": "tell",
  "agent-drained": "retry",
  "activate-agent": "tell",
  "update-maintenance": "tell",
  "start-maintenance": "tell",
  "stop-maintenance": "tell",
  "forget-agents": "tell",
  "update-weights": "tell",
  "update-quota": "tell",
};

export function proposalDropped(leader: Leader, { commands }: ProposalDropped): void {
  for (const command of commands) {
    const way = WHEN_DROPPED[command.kind];
    if (way === "tell") follow(leader, command, { accepted: false, reason: "overloaded" });
    if (way === "retry") defer(leader, command);
  }
}
