/**
 * A registering agent's tasks against the registry's (design.md, "A leader
 * dies"; Mesos: Master::reconcileKnownSlave).
 */
import { type AgentTaskReport, sameRun } from "../model/agent-protocol.ts";
import { isTerminalState } from "../model/task-state.ts";
import type { TaskState } from "../model/v1/tasks.ts";
import type { TaskRecord } from "../registry/records.ts";
import { groupOfRun } from "../registry/run-ids.ts";
import { encodeBlob } from "../wire/blob.ts";
import { isPartitionAware } from "./framework-memory.ts";
import { storedExecutor } from "./holdings.ts";
import { sendKill } from "./kill.ts";
import { runGroup, runTask } from "./launch.ts";
import type { Leader } from "./leader.ts";
import { type AgentMemory, taskKey } from "./memory.ts";
import { latestStatus, lostState, masterStatus, updateEvent } from "./task-status.ts";

/** What a comparison leads to. */
export interface ReportPlan {
  /** Committed, and the agent never got them. */
  readonly rerun: readonly TaskRecord[];
  /** The agent had them and does not know them any more. */
  readonly lost: readonly TaskRecord[];
  /** Only the agent has these runs, of frameworks that still are. */
  readonly kill: readonly AgentTaskReport[];
  /** Frameworks that are no more. */
  readonly shutdown: ReadonlySet<string>;
}

export function planReport(
  known: Iterable<TaskRecord>,
  report: readonly AgentTaskReport[],
  frameworks: { has(frameworkId: string): boolean },
): ReportPlan {
  const reported = new Map(report.map((task) => [taskKey(task.frameworkId, task.taskId), task]));
  const [rerun, lost]: [TaskRecord[], TaskRecord[]] = [[], []];
  const runs = new Set<AgentTaskReport>();
  for (const task of known) {
    const found = reported.get(taskKey(task.frameworkId, task.taskId));
    // An earlier run of the same task id says nothing of this one.
    const isHere = found !== undefined && sameRun(found.runId, task.runId);
    if (isHere) runs.add(found);
    // Of an end that is only known from `latestState` the agent had still to bring the word.
    const endTold = task.updateState !== undefined && isTerminalState(task.updateState);
    if (isHere || endTold) continue;
    if (task.state === "TASK_STAGING" && task.updateState === undefined) rerun.push(task);
    else lost.push(task);
  }
  const kill: AgentTaskReport[] = [];
  const shutdown = new Set<string>();
  for (const task of report) {
    if (!frameworks.has(task.frameworkId)) shutdown.add(task.frameworkId);
    else if (!runs.has(task) && !isTerminalState(task.state as TaskState)) kill.push(task);
  }
  return { rerun, lost, kill, shutdown };
}

/** `returned`: the agent counted as unreachable; its frameworks hear that their tasks live. */
export function compareWithReport(
  leader: Leader,
  agent: AgentMemory,
  report: readonly AgentTaskReport[],
  returned: boolean,
): void {
  const plan = planReport(leader.registry.tasksOnAgent(agent.id), report, leader.registry.frameworks);
  for (const frameworkId of plan.shutdown) {
    leader.sendAgent(agent, { kind: "shutdown-framework", term: leader.term, frameworkId });
  }
  rerun(leader, agent, plan.rerun);
  for (const task of plan.lost) proposeLoss(leader, task);
  for (const { frameworkId, taskId, runId } of plan.kill) {
    sendKill(leader, agent, { frameworkId, taskId, gracePeriodMs: undefined, runId });
  }
  for (const wish of agent.kills.values()) sendKill(leader, agent, wish);
  if (returned) announceReturn(leader, agent, new Set(plan.lost));
}

/** Tasks of one group go together, as they were launched. */
function rerun(leader: Leader, agent: AgentMemory, tasks: readonly TaskRecord[]): void {
  const groups = new Map<string, TaskRecord[]>();
  for (const task of tasks) {
    const key = groupOf(task);
    if (key === undefined) {
      runTask(leader, agent, task);
      continue;
    }
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [task]);
    else group.push(task);
  }
  for (const group of groups.values()) {
    const [first] = group;
    if (first !== undefined) runGroup(leader, agent, first.frameworkId, group);
  }
}

/** Undefined for a task that was launched by itself. */
function groupOf(task: TaskRecord): string | undefined {
  const group = groupOfRun(task.runId);
  if (group !== undefined) return `${task.frameworkId}/${group}`;
  const executor = storedExecutor(task);
  if (executor === undefined || executor.custom) return undefined;
  // Launched by an older version.
  return `${task.frameworkId}/${executor.executorId}/${task.launchedAtMs}`;
}

function proposeLoss(leader: Leader, task: TaskRecord): void {
  const aware = isPartitionAware(leader.frameworks.get(task.frameworkId));
  const state = isTerminalState(task.state) ? task.state : lostState(aware, "TASK_GONE");
  const status = masterStatus({
    taskId: task.taskId,
    agentId: task.agentId,
    state,
    reason: "REASON_RECONCILIATION",
    message: "Reconciliation: Task is unknown to the agent",
    atMs: leader.now.wallMs,
  });
  leader.propose({
    kind: "update-task",
    frameworkId: task.frameworkId,
    taskId: task.taskId,
    agentId: task.agentId,
    state,
    latestState: state,
    uuid: undefined,
    status: encodeBlob("TaskStatus", status),
    runId: task.runId,
  });
}

/** Frameworks hear that tasks of an agent that counted as unreachable live; not of those that are `lost`. */
export function announceReturn(leader: Leader, agent: AgentMemory, lost: ReadonlySet<TaskRecord>): void {
  for (const task of leader.registry.tasksOnAgent(agent.id)) {
    const framework = leader.frameworks.get(task.frameworkId);
    if (framework === undefined || isTerminalState(task.state) || lost.has(task)) continue;
    const message = "Agent registered again";
    const status = latestStatus(task, "REASON_AGENT_REREGISTERED", message, leader.now.wallMs);
    leader.send(framework, updateEvent(status));
  }
}
