/** Carries out a recovery plan: the memory of the core as the last process left it. */
import { assert, present } from "../base/assert.ts";
import { sameBytes } from "../base/bytes.ts";
import { startChecks } from "./check-schedule.ts";
import { watchCompletionTime } from "./completion-time.ts";
import { executorGone, shutdownExecutor } from "./end-executor.ts";
import { settlePods } from "./end-pod.ts";
import { type Executor, newExecutor } from "./executor.ts";
import { launchExecutor } from "./executor-launch.ts";
import { addExecutor, executorTimes } from "./executor-state.ts";
import { terminate } from "./kill-task.ts";
import { restoreNested } from "./nested-calls.ts";
import { announceGroup, announceRunning } from "./pod-announce.ts";
import type { ExecutorRecord } from "./records.ts";
import type { ContainerAction, RecoveredTask, RecoveryPlan } from "./recovery.ts";
import { findLeader } from "./registration.ts";
import { restoreMember } from "./run-pod.ts";
import { addTask, killedBeforeStart, launchTask } from "./run-task.ts";
import type { AgentState } from "./state.ts";
import { addUpdate, forgetTask } from "./status-updates.ts";
import { type Framework, newFramework, newTask, type Task } from "./task.ts";
import { endedStatus, isKill, killedState, lostState, type StatusFields } from "./task-status.ts";

export function restore(state: AgentState, plan: RecoveryPlan): void {
  assert(!state.recovered, "An agent recovers once");
  state.recovered = true;
  const { agent } = plan;
  state.agentId = agent?.agentId;
  state.term = agent?.term ?? 0;
  const changed = agent?.bootId !== state.config.bootId || !sameBytes(agent.info, state.info);
  if (changed) state.writeAgentRecord();
  state.volumes.restore(plan.volumes);
  for (const [id, info] of plan.frameworks) state.frameworks.set(id, newFramework(id, info));
  for (const { executor } of plan.executors) restoreExecutor(state, executor);
  for (const recovered of plan.tasks) restoreTask(state, recovered);
  // When all are there: the end of one ends the others, and they run when all do.
  settlePods(state);
  // A launch gives its pod what all of its tasks need, those too that run.
  for (const { task } of plan.tasks) {
    const restored = state.containers.get(task.containerId);
    if (restored !== undefined) launchTask(state, restored);
  }
  for (const pod of state.pods.values()) {
    for (const task of pod.tasks.values()) announceGroup(state, task, "found");
  }
  for (const { executor, action } of plan.executors) {
    resumeExecutor(
      state,
      present(state.executorContainers.get(executor.containerId), "It was restored"),
      action,
    );
  }
  restoreNested(state, plan.nested);
  const running = plan.tasks.filter((task) => task.action.kind === "reattach").length;
  const { agentId, term } = state;
  state.log.info("Read the checkpoint", { agentId, term, tasks: plan.tasks.length, running });
  for (const containerId of plan.orphans) {
    state.log.warn("Ending a container that belongs to no task", { containerId });
    state.emit({ kind: "remove-orphan", containerId });
  }
  for (const containerId of plan.cleanups) state.emit({ kind: "cleanup", containerId });
  findLeader(state);
}

function restoreTask(state: AgentState, { task: record, stream, action }: RecoveredTask): void {
  const framework = present(state.frameworks.get(record.frameworkId), "A recorded task has a framework");
  const task = newTask(record, stream);
  addTask(state, framework, task);
  if (task.inPod && action.kind !== "settle") restoreMember(state, task);
  const fields = { frameworkId: task.frameworkId, taskId: task.taskId, action: action.kind };
  state.log.debug("Recovered a task", fields);
  switch (action.kind) {
    case "executor":
      takeUp(state, task);
      return;
    case "settle":
      task.phase = "ended";
      if (task.stream.pending.length === 0) forgetTask(state, task);
      return;
    case "reattach":
      state.usage.add(task.amounts);
      task.phase = "running";
      task.pid = action.launched.pid;
      task.networks = action.launched.networks;
      announceStart(state, task);
      if (task.inPod && task.stream.state === "TASK_STARTING" && task.ending === undefined) return;
      if (task.ending === undefined) {
        watchCompletionTime(state, task);
        startChecks(state, task, "found");
      } else terminate(state, task, task.endingGraceMs ?? task.killGraceMs);
      return;
    case "launch":
      prepareLaunch(state, task);
      return;
    case "ended":
      task.phase = "ended";
      announceStart(state, task);
      if (task.inPod) announceRunning(state, task, "ended");
      task.brokeMemoryLimit = action.exit.limitation?.resource === "memory";
      addUpdate(state, task, endedStatus(action.exit, task, framework));
      break;
    case "gone":
      task.phase = "ended";
      endUnseen(state, framework, task);
      break;
    case "rebooted":
      task.phase = "ended";
      endByReboot(state, framework, task);
  }
  state.afterwards({ kind: "cleanup", containerId: task.containerId });
}

/** The last process died between the start and the record of it. */
function announceStart(state: AgentState, task: Task): void {
  if (task.stream.state !== "TASK_STAGING") return;
  task.startedAtMs = state.now.wallMs;
  addUpdate(state, task, { state: "TASK_STARTING", source: "SOURCE_EXECUTOR" });
  if (!task.inPod) addUpdate(state, task, { state: "TASK_RUNNING", source: "SOURCE_EXECUTOR" });
}

/** Asked for and never started: nothing can run twice. */
function prepareLaunch(state: AgentState, task: Task): void {
  if (isKill(task.ending)) {
    task.phase = "ended";
    killedBeforeStart(state, task);
    return;
  }
  state.usage.add(task.amounts);
}

function endUnseen(state: AgentState, framework: Framework, task: Task): void {
  addUpdate(
    state,
    task,
    endedStatus({ kind: "unknown", reason: "it ended while the agent was away" }, task, framework),
  );
}

function endByReboot(state: AgentState, framework: Framework, task: Task): void {
  addUpdate(state, task, rebootStatus(framework, task));
}

/**
 * Also of one that was not told as started: TASK_DROPPED would say that it never ran. The machine may have
 * gone down between its start and the record of it, and what was noted of containers went with it.
 */
function rebootStatus(framework: Framework, task: Task): StatusFields {
  return {
    state: isKill(task.ending) ? killedState(task.ending, framework) : lostState(framework, "TASK_GONE"),
    source: "SOURCE_AGENT",
    reason: "REASON_AGENT_RESTARTED",
    message: "The machine of the agent was restarted",
  };
}

function restoreExecutor(state: AgentState, record: ExecutorRecord): void {
  const framework = present(state.frameworks.get(record.frameworkId), "A recorded executor has a framework");
  addExecutor(state, framework, newExecutor(record, executorTimes(state)));
}

/** Its executor may have it already: that is known when it subscribes again. */
function takeUp(state: AgentState, task: Task): void {
  const executor = present(state.executorContainers.get(task.containerId), "Its executor was restored");
  executor.tasks.add(task.key);
  state.usage.add(task.amounts);
  if (executor.subscribed) task.phase = "running";
}

function resumeExecutor(state: AgentState, executor: Executor, action: ContainerAction): void {
  const { frameworkId, executorId, containerId } = executor;
  state.log.debug("Recovered an executor", { frameworkId, executorId, action: action.kind });
  switch (action.kind) {
    case "reattach": {
      executor.phase = "running";
      executor.pid = action.launched.pid;
      executor.networks = action.launched.networks;
      const times = executorTimes(state);
      const waitMs = executor.subscribed ? times.reregistrationMs : times.registrationMs;
      state.deadlines.set(`executor-registration/${executor.key}`, state.now.monotonicMs + waitMs);
      return;
    }
    case "launch":
      if (executor.tasks.size > 0) launchExecutor(state, executor);
      else shutdownExecutor(state, executor);
      return;
    case "ended":
      executorGone(state, executor, action.exit);
      break;
    case "gone":
      executorGone(state, executor, { kind: "unknown", reason: "it ended while the agent was away" });
      break;
    case "rebooted":
      executorGone(
        state,
        executor,
        { kind: "unknown", reason: "the machine was restarted" },
        (task, framework) => rebootStatus(framework, task),
      );
  }
  state.afterwards({ kind: "cleanup", containerId });
}
