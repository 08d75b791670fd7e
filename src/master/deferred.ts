/**
 * Commands that have to wait: they found the log full, or they are a verdict
 * on a framework or agent whose return is under way. What came back
 * meanwhile is no longer away, so the verdict on it is forgotten; so is an
 * update that its agent sent again meanwhile.
 */
import { sameBytes } from "../base/bytes.ts";
import { SECOND_MS } from "../base/time.ts";
import { isTerminalState } from "../model/task-state.ts";
import type { TaskState } from "../model/v1/tasks.ts";
import type { Command, UpdateTask } from "../registry/commands.ts";
import { startPings } from "./agent-liveness.ts";
import type { Leader } from "./leader.ts";
import type { DeferredCommand } from "./memory.ts";
import { proposeRemoval } from "./remove-framework.ts";
import { timerName } from "./timer-names.ts";

const RETRY_MS = SECOND_MS;

export function defer(leader: Leader, command: Command): void {
  const lastUuid = command.kind === "update-task" ? lastUuidOf(leader, command) : undefined;
  leader.deferred.push({ command, lastUuid });
  const name = timerName("retry", "");
  // Moved by each command that waits, the deadline would never come while the log is full again and again.
  if (!leader.timers.has(name)) leader.timers.set(name, leader.now.monotonicMs + RETRY_MS);
}

export function retryDue(leader: Leader): void {
  for (const { command, lastUuid } of leader.deferred.splice(0)) {
    const next =
      command.kind === "update-task" ? onUpdate(leader, command, lastUuid) : nextStep(leader, command);
    if (next === "propose") proposeAgain(leader, command);
    else if (next === "wait") defer(leader, command);
  }
}

function proposeAgain(leader: Leader, command: Command): void {
  if (command.kind !== "remove-framework") {
    leader.propose(command);
    return;
  }
  // A removal that was asked for is not older than a return that came before it in the log.
  const asked = leader.teardowns.has(command.frameworkId);
  proposeRemoval(leader, command.frameworkId, asked ? leader.now.wallMs : command.atMs);
}

/** The task's acknowledged end goes now, ahead of a launch of its id that is about to be proposed. */
export function completeNow(leader: Leader, frameworkId: string, taskId: string): void {
  const isIt = ({ command }: DeferredCommand): boolean =>
    command.kind === "complete-task" && command.frameworkId === frameworkId && command.taskId === taskId;
  const at = leader.deferred.findIndex(isIt);
  const [deferred] = at < 0 ? [] : leader.deferred.splice(at, 1);
  if (deferred !== undefined) leader.propose(deferred.command);
}

/** The return of a framework or agent is committed: what was decided while it was away counts no more. */
export function forgetVerdicts(leader: Leader, id: string): void {
  if (leader.deferred.length === 0) return;
  for (const deferred of leader.deferred.splice(0)) {
    if (subjectOf(leader, deferred.command) !== id) leader.deferred.push(deferred);
  }
}

/** Whom the command finds away; a removal that was asked for holds all the same. */
function subjectOf(leader: Leader, command: Command): string | undefined {
  switch (command.kind) {
    case "disconnect-framework":
      return command.frameworkId;
    case "remove-framework":
      return leader.teardowns.has(command.frameworkId) ? undefined : command.frameworkId;
    case "mark-agent-unreachable":
      return command.agentId;
    default:
      return undefined;
  }
}

type NextStep = "propose" | "wait" | "forget";

function nextStep(leader: Leader, command: Command): NextStep {
  if (command.kind === "add-agent" || command.kind === "reregister-agent") {
    // Answered, or to be answered by a later one: it came again, and may have changed.
    return leader.pendingAgents.get(command.agentId)?.atMs === command.atMs ? "propose" : "forget";
  }
  const id = subjectOf(leader, command);
  if (id === undefined) return "propose";
  return command.kind === "mark-agent-unreachable" ? onAgent(leader, id) : onFramework(leader, id);
}

function onFramework(leader: Leader, id: string): NextStep {
  const framework = leader.frameworks.get(id);
  if (framework === undefined || framework.streamId !== undefined) return "forget";
  return isReturning(leader, id) ? "wait" : "propose";
}

/** A SUBSCRIBE is proposed. Its stream may be gone again: the commit will tell. */
export function isReturning(leader: Leader, frameworkId: string): boolean {
  return leader.pendingFrameworks.some((one) => one.frameworkId === frameworkId && one.ref === undefined);
}

function onAgent(leader: Leader, id: string): NextStep {
  const agent = leader.agents.get(id);
  if (agent === undefined || agent.unreachable) return "forget";
  if (leader.pendingAgents.has(id)) return "wait";
  if (agent.link === undefined || agent.unansweredPings >= leader.settings.maxAgentPingTimeouts)
    return "propose";
  // It answers again; the verdict had ended its pings.
  startPings(leader, agent);
  return "forget";
}

/**
 * An agent sends the updates of a task one after the other, and each again: if the last one is another by
 * now, this one or a later one came through. Told again it would take the task back. If the last one is
 * this one, it is there already, unless it came again with news of the task's end.
 */
function onUpdate(leader: Leader, command: UpdateTask, lastUuid: Uint8Array | undefined): NextStep {
  // The master's own.
  if (command.uuid === undefined) return "propose";
  const nowLast = lastUuidOf(leader, command);
  const unchanged = nowLast === undefined ? lastUuid === undefined : sameBytes(nowLast, lastUuid);
  if (!unchanged) return "forget";
  return !sameBytes(nowLast, command.uuid) || tellsOfEnd(leader, command) ? "propose" : "forget";
}

/** Of an end that the registry does not know yet. */
function tellsOfEnd(leader: Leader, { frameworkId, taskId, latestState }: UpdateTask): boolean {
  const task = leader.registry.task(frameworkId, taskId);
  return task !== undefined && isTerminalState(latestState as TaskState) && !isTerminalState(task.state);
}

function lastUuidOf(leader: Leader, { frameworkId, taskId }: UpdateTask): Uint8Array | undefined {
  return leader.registry.task(frameworkId, taskId)?.updateUuid;
}
