/** LAUNCH: checks against state, reservation in memory, commit, then "run" to the agent. */

import { BLOB_MAX_BYTES } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { checkpointedPart } from "../model/checkpointed-resources.ts";
import { Resources } from "../model/resources.ts";
import type { OfferOperation } from "../model/v1/offers.ts";
import type { TaskInfo } from "../model/v1/tasks.ts";
import { checkTask } from "../model/validate-task.ts";
import { smallExecutor } from "../model/validate-task-group.ts";
import { writeResources } from "../registry/agent-total.ts";
import type { LaunchGroup, LaunchTask, LaunchTasks, RefusalReason } from "../registry/commands.ts";
import { isDerivedRunId } from "../registry/run-ids.ts";
import { encodeBlob } from "../wire/blob.ts";
import { isCompleting } from "./acknowledge.ts";
import { completeNow } from "./deferred.ts";
import { isCustom } from "./executor-holdings.ts";
import { isPartitionAware } from "./framework-memory.ts";
import { releaseHolding } from "./holdings.ts";
import { sendKill } from "./kill.ts";
import type { Fate, Leader } from "./leader.ts";
import { type AgentMemory, type FrameworkMemory, taskKey } from "./memory.ts";
import { taskAddedEvent } from "./operator-events.ts";
import { packBySize } from "./pack-by-size.ts";
import { refuseTask } from "./refuse-task.ts";
import { executorOf, type TaskExecutor } from "./task-executor.ts";
import { allocatedTask } from "./task-resources.ts";
import { lostState } from "./task-status.ts";

/** An id of 255 characters in UTF-8, and what holds it. */
const TASK_ID_MAX_BYTES = 1_024;

/** One ACCEPT under way. */
export interface LaunchContext {
  readonly framework: FrameworkMemory;
  readonly agentId: string;
  readonly role: string;
  remaining: Resources;
  /** Tasks to propose. */
  readonly tasks: LaunchTask[];
  /** Reservations and volumes that the tasks use. */
  needs: Resources;
  /** Groups to propose, each a command of its own. */
  readonly groups: LaunchGroup[];
}

export function launchOperation(leader: Leader, context: LaunchContext, operation: OfferOperation): void {
  for (const task of operation.launch?.task_infos ?? []) {
    const checked =
      operation.id === undefined
        ? checkLaunch(leader, context, task)
        : fail("The 'id' field was set in an offer operation that launches tasks; leave it out");
    if (checked.ok) reserve(leader, context, checked.value);
    else {
      refuseTask(leader, context.framework, {
        taskId: task.task_id.value,
        agentId: task.agent_id.value,
        state: "TASK_ERROR",
        reason: "REASON_TASK_INVALID",
        message: checked.error,
      });
    }
  }
}

/** A task that may be launched if its resources are there. */
export interface PlannedTask {
  readonly taskId: string;
  readonly resources: Resources;
  /** As the registry keeps it. */
  readonly info: Uint8Array;
  /** Of a task of LAUNCH with an executor of its own. */
  readonly executor?: TaskExecutor;
}

/** The task as it will be launched, or why it cannot run (OFF-25; Mesos: validation::task::validate). */
function checkLaunch(leader: Leader, context: LaunchContext, task: TaskInfo): Result<PlannedTask> {
  const expected = { agentId: context.agentId, frameworkId: context.framework.id };
  const invalid = checkTask(task, expected);
  if (invalid !== undefined) return fail(invalid);
  const { executor } = task;
  if (executor === undefined) return affordable(context, planTask(leader, context, task));
  if (!isCustom(executor)) {
    return fail("A DEFAULT executor takes groups of tasks only; launch the task by LAUNCH_GROUP");
  }
  const given = executorOf(leader, context, executor);
  if (!given.ok) return given;
  tellOfSmallExecutor(leader, context.framework, task, given.value);
  const planned = planTask(leader, context, { ...task, executor: given.value.info });
  return affordable(context, planned.ok ? ok({ ...planned.value, executor: given.value }) : planned);
}

/** Once of each framework, in Mesos' words (EXE-13). */
function tellOfSmallExecutor(
  leader: Leader,
  framework: FrameworkMemory,
  { task_id, executor }: TaskInfo,
  { holding }: TaskExecutor,
): void {
  if (framework.toldOfSmallExecutor) return;
  const small = smallExecutor(holding.resources);
  if (small === undefined) return;
  framework.toldOfSmallExecutor = true;
  const name = `Executor '${executor?.executor_id.value}' for task '${task_id.value}'`;
  leader.emit({
    kind: "notice",
    message: `${name} ${small}; its framework should ask for more, as groups of tasks require it`,
    fields: { frameworkId: framework.id },
  });
}

/** The offers must hold the task, and its executor if that is new. */
function affordable(context: LaunchContext, planned: Result<PlannedTask>): Result<PlannedTask> {
  if (!planned.ok) return planned;
  const { resources, executor } = planned.value;
  const needed = executor?.isNew ? resources.add(executor.holding.resources) : resources;
  if (context.remaining.contains(needed)) return planned;
  const what = executor?.isNew ? "Task and its executor use" : "Task uses";
  return fail(`${what} more resources ${needed} than available ${context.remaining}`);
}

/** What depends on the cluster, but whether its resources are there. */
export function planTask(leader: Leader, context: LaunchContext, task: TaskInfo): Result<PlannedTask> {
  const taskId = task.task_id.value;
  const key = taskKey(context.framework.id, taskId);
  const isHeld = leader.registry.task(context.framework.id, taskId) !== undefined;
  if ((isHeld && !isCompleting(leader, key)) || leader.launching.has(key)) {
    return fail(`Task has duplicate ID: ${taskId}`);
  }
  if (task.command?.user === "root" && !leader.settings.rootSubmissions) {
    return fail("User 'root' is not allowed to run tasks without --root-submissions set");
  }
  const parsed = Resources.from(task.resources ?? []);
  if (!parsed.ok) return fail(`Task uses invalid resources: ${parsed.error}`);
  for (const role of parsed.value.allocations().keys()) {
    if (role !== context.role) {
      return fail(
        `Task uses resources allocated to role '${role}', its offer is allocated to '${context.role}'`,
      );
    }
  }
  const resources = parsed.value.unallocated();
  const info = encodeBlob("TaskInfo", allocatedTask(task, resources, context.role));
  if (info.length > BLOB_MAX_BYTES) {
    return fail(
      `Task takes ${info.length} bytes, more than ${BLOB_MAX_BYTES}; let it fetch its data instead`,
    );
  }
  return ok({ taskId, resources, info });
}

export function reserve(
  leader: Leader,
  context: LaunchContext,
  planned: PlannedTask,
  runId = leader.newRunId(context.framework.id, planned.taskId),
): void {
  const { taskId, resources, info } = planned;
  const { framework, agentId, role } = context;
  if (planned.executor !== undefined) takeForExecutor(leader, context, taskId, planned.executor);
  takeForTask(leader, context, resources);
  const key = taskKey(framework.id, taskId);
  if (leader.completions.has(key)) completeNow(leader, framework.id, taskId);
  context.tasks.push({ taskId, info, runId });
  framework.agentIds.add(agentId);
  leader.launching.set(key, agentId);
  leader.agent(agentId).holdings.add({
    frameworkId: framework.id,
    taskId,
    role,
    resources,
    runId,
    pending: true,
  });
}

function takeForExecutor(
  leader: Leader,
  context: LaunchContext,
  taskId: string,
  { holding, isNew }: TaskExecutor,
): void {
  leader.agent(context.agentId).executors.hold(holding, taskKey(context.framework.id, taskId));
  if (!isNew) return;
  context.remaining = context.remaining.subtract(holding.resources);
  context.needs = context.needs.add(checkpointedPart(holding.resources));
}

/** A shared volume stays for the next task; each that uses it holds it once more. */
function takeForTask(leader: Leader, context: LaunchContext, resources: Resources): void {
  const { framework, agentId, role } = context;
  const own = resources.filter((identity) => !identity.isShared);
  context.remaining = context.remaining.subtract(own);
  context.needs = context.needs.add(checkpointedPart(resources));
  if (own === resources) return;
  const shared = resources.filter((identity) => identity.isShared);
  leader.allocator.charge({ frameworkId: framework.id, role, agentId, resources: shared });
}

/** Proposes the tasks, in as many commands as keep each below what an entry takes. */
export function proposeLaunches(leader: Leader, context: LaunchContext): void {
  const { agentId, role } = context;
  const frameworkId = context.framework.id;
  const atMs = leader.now.wallMs;
  const needs = writeResources(context.needs);
  for (const group of context.groups) leader.propose(group);
  for (const tasks of packBySize(
    context.tasks,
    (task) => task.info.length + TASK_ID_MAX_BYTES,
    BLOB_MAX_BYTES,
  )) {
    leader.propose({ kind: "launch-tasks", frameworkId, agentId, role, tasks, atMs, needs });
  }
}

/** Applied: accepted tasks go to the agent, the others give back what they held. */
export function tasksLaunched(leader: Leader, command: LaunchTasks | LaunchGroup, outcome: Fate): void {
  const agent = leader.agents.get(command.agentId);
  const refused = new Map<string, RefusalReason>();
  for (const task of outcome.accepted ? (outcome.refusedTasks ?? []) : [])
    refused.set(task.taskId, task.reason);
  if (agent?.unavailability !== undefined) leader.inverseOffers.due = true;
  for (const task of command.tasks) {
    leader.launching.delete(taskKey(command.frameworkId, task.taskId));
    const reason = outcome.accepted ? refused.get(task.taskId) : outcome.reason;
    if (reason !== undefined) launchRefused(leader, command, agent, task.taskId, reason);
    else if (agent !== undefined) taskLaunched(leader, command, agent, task);
  }
  if (command.kind === "launch-group" && agent !== undefined && outcome.accepted && refused.size === 0) {
    runGroup(leader, agent, command.frameworkId, command.tasks);
    for (const task of command.tasks) killIfWished(leader, agent, command.frameworkId, task);
  }
}

function taskLaunched(
  leader: Leader,
  command: LaunchTasks | LaunchGroup,
  agent: AgentMemory,
  task: LaunchTask,
): void {
  const { frameworkId } = command;
  const { taskId } = task;
  const key = taskKey(frameworkId, taskId);
  const holding = agent.holdings.get(key);
  if (holding !== undefined) holding.pending = false;
  const record = leader.registry.task(frameworkId, taskId);
  if (record !== undefined) leader.sendOperators(() => taskAddedEvent(record));
  if (command.kind === "launch-group") return;
  runTask(leader, agent, { ...task, frameworkId });
  killIfWished(leader, agent, frameworkId, task);
}

/** A KILL that came before the launch was applied. */
function killIfWished(leader: Leader, agent: AgentMemory, frameworkId: string, task: LaunchTask): void {
  const key = taskKey(frameworkId, task.taskId);
  const kill = agent.kills.get(key);
  if (kill?.runId === task.runId) sendKill(leader, agent, kill);
  else agent.kills.delete(key);
}

/** All of them in one message: an agent gets a group whole or not at all. */
export function runGroup(
  leader: Leader,
  agent: AgentMemory,
  frameworkId: string,
  tasks: readonly LaunchTask[],
): void {
  const framework = leader.registry.frameworks.get(frameworkId)?.info;
  if (framework === undefined) return;
  const [launchExecutor] = tasks.map(({ taskId }) => agent.executors.send(taskKey(frameworkId, taskId)));
  leader.sendAgent(agent, {
    kind: "run-task-group",
    term: leader.term,
    frameworkId,
    framework,
    tasks: tasks.map(({ taskId, info, runId }) => ({ taskId, task: info, runId })),
    ...(launchExecutor === undefined ? {} : { launchExecutor }),
  });
}

export function runTask(
  leader: Leader,
  agent: AgentMemory,
  task: LaunchTask & { readonly frameworkId: string },
): void {
  const { frameworkId, taskId, info, runId } = task;
  const framework = leader.registry.frameworks.get(frameworkId)?.info;
  if (framework === undefined) return;
  const launchExecutor = agent.executors.send(taskKey(frameworkId, taskId));
  leader.sendAgent(agent, {
    kind: "run-task",
    term: leader.term,
    frameworkId,
    taskId,
    framework,
    task: info,
    // Equal for all runs of the task id: no name for a container.
    runId: isDerivedRunId(runId) ? undefined : runId,
    ...(launchExecutor === undefined ? {} : { launchExecutor }),
  });
}

function launchRefused(
  leader: Leader,
  command: LaunchTasks | LaunchGroup,
  agent: AgentMemory | undefined,
  taskId: string,
  reason: RefusalReason | "overloaded",
): void {
  const key = taskKey(command.frameworkId, taskId);
  const holding = agent?.holdings.get(key);
  if (agent !== undefined && holding?.pending) releaseHolding(leader, agent, holding);
  agent?.kills.delete(key);
  const framework = leader.frameworks.get(command.frameworkId);
  if (framework === undefined) return;
  const told = { taskId, agentId: command.agentId };
  if (reason === "task-exists") {
    const message =
      command.kind === "launch-group"
        ? "A task of the group has a duplicate ID"
        : `Task has duplicate ID: ${taskId}`;
    const code = command.kind === "launch-group" ? "REASON_TASK_GROUP_INVALID" : "REASON_TASK_INVALID";
    refuseTask(leader, framework, { ...told, state: "TASK_ERROR", reason: code, message });
    return;
  }
  if (reason === "resources-missing") {
    const state = lostState(isPartitionAware(framework), "TASK_DROPPED");
    const message = "Task was not launched: reservations or volumes that it uses are not there";
    refuseTask(leader, framework, { ...told, state, reason: "REASON_INVALID_OFFERS", message });
    return;
  }
  if (reason === "agent-draining" || reason === "agent-inactive") {
    const state = lostState(isPartitionAware(framework), "TASK_DROPPED");
    const drains = reason === "agent-draining";
    const message = `Task was not launched: its agent is ${drains ? "draining" : "deactivated"}`;
    const why = drains ? "REASON_AGENT_DRAINING" : "REASON_INVALID_OFFERS";
    refuseTask(leader, framework, { ...told, state, reason: why, message });
    return;
  }
  const full = reason === "overloaded";
  refuseTask(leader, framework, {
    ...told,
    state: lostState(isPartitionAware(framework), "TASK_DROPPED"),
    // Its offers are used up: the nearest there is for a full log.
    reason: full ? "REASON_INVALID_OFFERS" : "REASON_AGENT_REMOVED",
    message: full
      ? "Task was not launched: the log of the master is full; launch it again"
      : "Task was not launched: its agent is gone or unreachable",
  });
}
