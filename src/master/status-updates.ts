/** Status updates on their way from agents to frameworks: committed first (TSK-3). */
import { sameBytes } from "../base/bytes.ts";
import { BLOB_MAX_BYTES } from "../base/limits.ts";
import { type StatusUpdate, sameRun } from "../model/agent-protocol.ts";
import { isTerminalState } from "../model/task-state.ts";
import type { TaskState } from "../model/v1/tasks.ts";
import type { UpdateTask } from "../registry/commands.ts";
import { decodeBlob, encodeBlob } from "../wire/blob.ts";
import { acknowledgeUpdate } from "./acknowledge.ts";
import { releaseHolding } from "./holdings.ts";
import { dropKill } from "./kill.ts";
import type { Fate, Leader } from "./leader.ts";
import { type AgentMemory, taskKey } from "./memory.ts";
import { taskUpdatedEvent } from "./operator-events.ts";
import { updateEvent } from "./task-status.ts";

export function statusUpdate(leader: Leader, agent: AgentMemory, message: StatusUpdate): void {
  leader.counters.bump("messages_status_update");
  const { frameworkId, taskId, uuid, state, latestState, status, runId } = message;
  const task = leader.registry.task(frameworkId, taskId);
  if (task === undefined || task.agentId !== agent.id || !sameRun(task.runId, runId)) {
    // Nobody will ever acknowledge it: the run was completed, or is not the cluster's.
    leader.counters.bump("invalid_status_updates");
    acknowledgeUpdate(leader, agent, message);
    return;
  }
  leader.counters.bump("valid_status_updates");
  const endedMeanwhile = isTerminalState(latestState as TaskState) && !isTerminalState(task.state);
  if (sameBytes(task.updateUuid, uuid) && !endedMeanwhile) {
    if (!leader.completions.has(taskKey(frameworkId, taskId))) forward(leader, frameworkId, status);
    return;
  }
  leader.propose({
    kind: "update-task",
    frameworkId,
    taskId,
    agentId: agent.id,
    state,
    latestState,
    uuid,
    status: boundedStatus(status),
    runId,
  });
}

/** A status above what a command takes loses its data and message, and says so. */
function boundedStatus(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= BLOB_MAX_BYTES) return bytes;
  const { task_id, state, source, reason, agent_id, timestamp, uuid } = decodeBlob("TaskStatus", bytes);
  const message = `Status of ${bytes.length} bytes is above ${BLOB_MAX_BYTES}; its data and message are left out`;
  return encodeBlob("TaskStatus", {
    task_id,
    state,
    message,
    ...(source === undefined ? {} : { source }),
    ...(reason === undefined ? {} : { reason }),
    ...(agent_id === undefined ? {} : { agent_id }),
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(uuid === undefined ? {} : { uuid }),
  });
}

function forward(leader: Leader, frameworkId: string, status: Uint8Array): void {
  const framework = leader.frameworks.get(frameworkId);
  if (framework?.streamId === undefined) return;
  leader.send(framework, updateEvent(decodeBlob("TaskStatus", status)));
}

/** Refusals after which nobody else will ever acknowledge the update. */
const STALE: ReadonlySet<string> = new Set(["task-unknown", "task-terminal", "run-mismatch"]);

export function taskUpdated(leader: Leader, command: UpdateTask, fate: Fate): void {
  const { frameworkId, taskId, uuid, runId } = command;
  const agent = leader.agents.get(command.agentId);
  if (!fate.accepted) {
    if (STALE.has(fate.reason) && agent !== undefined && uuid !== undefined) {
      acknowledgeUpdate(leader, agent, { frameworkId, taskId, uuid, runId });
    }
    return;
  }
  const status = decodeBlob("TaskStatus", command.status);
  const framework = leader.frameworks.get(frameworkId);
  // A repeat of an end that was acknowledged meanwhile would be taken for that of the id's next run.
  const isNews = !leader.completions.has(taskKey(frameworkId, taskId));
  if (framework !== undefined && isNews) leader.send(framework, updateEvent(status));
  // An update that needs no acknowledgement completes an ended task at once.
  const task = leader.registry.task(frameworkId, taskId);
  const isThisRun = task !== undefined && sameRun(task.runId, runId);
  const latest = isThisRun ? task.state : (command.latestState as TaskState);
  leader.sendOperators(() => taskUpdatedEvent(frameworkId, status, latest));
  if (agent !== undefined && isTerminalState(latest)) taskEnded(leader, agent, command, latest);
}

/** Once for each task, at its first terminal state. */
function taskEnded(leader: Leader, agent: AgentMemory, command: UpdateTask, state: TaskState): void {
  const key = taskKey(command.frameworkId, command.taskId);
  dropKill(agent, key, command.runId);
  const holding = agent.holdings.get(key);
  if (holding === undefined || !sameRun(holding.runId, command.runId)) return;
  releaseHolding(leader, agent, holding);
  leader.counters.bump(`tasks_${state.slice("TASK_".length).toLowerCase()}`);
  const framework = leader.frameworks.get(command.frameworkId);
  framework?.counters.bump(`tasks/terminal/${state.toLowerCase()}`);
}
