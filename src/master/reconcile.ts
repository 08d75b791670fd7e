/**
 * RECONCILE (TSK-5, TSK-6). The registry knows every task from its launch on,
 * so each question has an answer at once, also while agents are still away.
 */
import { PART_MAX_ITEMS } from "../base/limits.ts";
import type { SchedulerCall } from "../model/v1/scheduler.ts";
import type { TaskState, TaskStatus } from "../model/v1/tasks.ts";
import type { AgentRecord, TaskRecord } from "../registry/records.ts";
import { isPartitionAware } from "./framework-memory.ts";
import { inParts, whileWanted } from "./later.ts";
import type { Leader } from "./leader.ts";
import { isMachineDown } from "./machines.ts";
import { type FrameworkMemory, taskKey } from "./memory.ts";
import { latestStatus, lostState, masterStatus, updateEvent } from "./task-status.ts";

/** In parts, for a framework may have a hundred thousand tasks; each answer tells the state at its time. */
export function reconcile(leader: Leader, framework: FrameworkMemory, call: SchedulerCall): void {
  const { streamId } = framework;
  const named = call.reconcile?.tasks ?? [];
  const answers =
    named.length === 0
      ? reconcileAll(leader, framework)
      : inParts(named, PART_MAX_ITEMS, ({ task_id, agent_id }) =>
          reconcileTask(leader, framework, task_id.value, agent_id?.value),
        );
  framework.reconciling++;
  leader.later.add(
    answering(
      framework,
      whileWanted(() => framework.streamId === streamId, answers),
    ),
  );
}

function* answering(
  framework: FrameworkMemory,
  answers: Generator<number, number>,
): Generator<number, number> {
  const items = yield* answers;
  framework.reconciling--;
  return items;
}

function* reconcileAll(leader: Leader, framework: FrameworkMemory): Generator<number, number> {
  yield* inParts(leader.registry.tasksOf(framework.id), PART_MAX_ITEMS, (task) => {
    // As in Mesos: those of unreachable agents are told to who names them.
    if (task.stateBeforeUnreachable !== undefined) return;
    // An id that is launched again follows below.
    if (leader.launching.size > 0 && leader.launching.has(taskKey(framework.id, task.taskId))) return;
    leader.send(framework, updateEvent(knownStatus(leader, task)));
  });
  return yield* inParts(leader.launching, PART_MAX_ITEMS, ([key, agentId]) => {
    const holding = leader.agents.get(agentId)?.holdings.get(key);
    if (holding?.frameworkId !== framework.id) return;
    leader.send(framework, updateEvent(stagingStatus(leader, holding.taskId, agentId)));
  });
}

export function reconcileTask(
  leader: Leader,
  framework: FrameworkMemory,
  taskId: string,
  agentId: string | undefined,
): void {
  const task = leader.registry.task(framework.id, taskId);
  const status =
    launchingStatus(leader, framework, taskId) ??
    (task === undefined ? unknownStatus(leader, framework, taskId, agentId) : knownStatus(leader, task));
  leader.send(framework, updateEvent(status));
}

function knownStatus(leader: Leader, task: TaskRecord): TaskStatus {
  const message = "Reconciliation: Latest task state";
  return latestStatus(task, "REASON_RECONCILIATION", message, leader.now.wallMs);
}

function launchingStatus(leader: Leader, framework: FrameworkMemory, taskId: string): TaskStatus | undefined {
  const agentId = leader.launching.get(taskKey(framework.id, taskId));
  return agentId === undefined ? undefined : stagingStatus(leader, taskId, agentId);
}

function stagingStatus(leader: Leader, taskId: string, agentId: string): TaskStatus {
  return masterStatus({
    taskId,
    agentId,
    state: "TASK_STAGING",
    reason: "REASON_RECONCILIATION",
    message: "Reconciliation: Latest task state",
    atMs: leader.now.wallMs,
  });
}

function unknownStatus(
  leader: Leader,
  framework: FrameworkMemory,
  taskId: string,
  agentId: string | undefined,
): TaskStatus {
  const record = agentId === undefined ? undefined : leader.registry.agents.get(agentId);
  const [state, message] = stateOfUnknown(leader, agentId, record);
  return masterStatus({
    taskId,
    agentId,
    state: lostState(isPartitionAware(framework), state),
    reason: "REASON_RECONCILIATION",
    message,
    atMs: leader.now.wallMs,
    unreachableAtMs: state === "TASK_UNREACHABLE" ? record?.unreachableAtMs : undefined,
  });
}

/** By what the agent is that the framework names (Mesos: Master::_reconcileTasks). */
function stateOfUnknown(
  leader: Leader,
  agentId: string | undefined,
  record: AgentRecord | undefined,
): [state: TaskState, message: string] {
  if (record !== undefined && record.unreachableAtMs === undefined) {
    return ["TASK_GONE", "Reconciliation: Task is unknown to the agent"];
  }
  if (record !== undefined) {
    const agent = leader.agents.get(record.id);
    return agent !== undefined && isMachineDown(leader, agent)
      ? ["TASK_GONE", "Reconciliation: Task ended with its machine, which is down for maintenance"]
      : ["TASK_UNREACHABLE", "Reconciliation: Task is unreachable"];
  }
  if (leader.registry.removedAgents.get(agentId ?? "")?.gone) {
    return ["TASK_GONE_BY_OPERATOR", "Reconciliation: Task is gone with its agent"];
  }
  return ["TASK_UNKNOWN", "Reconciliation: Task is unknown"];
}
