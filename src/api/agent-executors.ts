/**
 * The executors of an agent as Mesos' API has them. A command task runs
 * without one here; the agent shows one for each, named as Mesos names the
 * executor it would have started, because tools find a task's sandbox by it.
 */
import type { AgentExecutorView, AgentFrameworkView, AgentPort } from "../agent/port.ts";
import { containerIdFrom } from "../model/container-id.ts";
import type { ContainerStatus } from "../model/v1/containers.ts";
import type { ExecutorInfo, TaskInfo } from "../model/v1/tasks.ts";

export interface ExecutorInFramework {
  readonly framework: AgentFrameworkView;
  readonly executor: AgentExecutorView;
}

/** Every executor the agent knows, completed ones too. */
export function* allExecutors(port: Pick<AgentPort, "frameworks">): Generator<ExecutorInFramework> {
  for (const framework of port.frameworks()) {
    for (const executor of framework.executors) yield { framework, executor };
  }
}

/** The one task that a command executor is for; undefined for an executor of the framework's own. */
function commandTask(executor: AgentExecutorView): TaskInfo | undefined {
  if (executor.info !== undefined) return undefined;
  const tasks = [...executor.tasks, ...executor.queuedTasks, ...executor.completedTasks];
  const task = tasks.find(({ info }) => info.executor === undefined);
  return task?.info;
}

/** Mesos' short form of a command: the first twelve characters of a long one. */
function shortCommand(value: string): string {
  return value.length > 15 ? `${value.slice(0, 12)}...` : value;
}

/** Slave::getExecutorInfo, slave/slave.cpp. */
export function executorName(executor: AgentExecutorView): string {
  const task = commandTask(executor);
  if (task === undefined) return ownExecutor(executor)?.name ?? "";
  const { shell = true, value = "", arguments: argv = [] } = task.command ?? {};
  const command = shell
    ? `(Command: sh -c '${shortCommand(value)}')`
    : `(Command: ${shortCommand([value, ...argv].join(" "))})`;
  return `Command Executor (Task: ${task.task_id.value}) ${command}`;
}

/** With the networks that its container joined, as the statuses of its tasks have them. */
export function containerStatus(
  executor: AgentExecutorView,
  containerId = executor.containerId,
): ContainerStatus {
  const tasks = executor.tasks.filter((task) => task.containerId === containerId);
  const statuses = tasks.flatMap((task) => task.statuses);
  const infos = statuses.findLast((one) => one.container_status !== undefined)?.container_status
    ?.network_infos;
  // Of the host's network Mesos tells nothing here.
  const joined = (infos ?? []).filter(({ name }) => name !== undefined);
  return {
    container_id: containerIdFrom(containerId),
    ...(joined.length > 0 && { network_infos: joined }),
  };
}

/** The task's id for a command executor, else what the framework said. */
export function executorSource(executor: AgentExecutorView): string {
  return commandTask(executor)?.task_id.value ?? ownExecutor(executor)?.source ?? "";
}

function ownExecutor(executor: AgentExecutorView): ExecutorInfo | undefined {
  if (executor.info !== undefined) return executor.info;
  const tasks = [...executor.tasks, ...executor.queuedTasks, ...executor.completedTasks];
  return tasks.find(({ info }) => info.executor !== undefined)?.info.executor;
}

export function executorInfo(executor: AgentExecutorView): ExecutorInfo {
  const own = ownExecutor(executor);
  if (own !== undefined) return { ...own, framework_id: { value: executor.frameworkId } };
  const command = commandTask(executor)?.command;
  return {
    executor_id: { value: executor.executorId },
    framework_id: { value: executor.frameworkId },
    ...(command !== undefined && { command }),
    resources: [...executor.resources],
    name: executorName(executor),
    source: executorSource(executor),
  };
}
