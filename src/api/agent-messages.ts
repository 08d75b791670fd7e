/** The agent's views as v1 messages. */
import type { AgentExecutorView, AgentPort, AgentTaskView } from "../agent/port.ts";
import { containerIdFrom, parentContainer } from "../model/container-id.ts";
import { taskMessage } from "../model/task-message.ts";
import type { AgentCallGetContainers } from "../model/v1/agent.ts";
import type {
  AgentResponseGetContainers,
  AgentResponseGetExecutors,
  AgentResponseGetFrameworks,
  AgentResponseGetState,
  AgentResponseGetTasks,
} from "../model/v1/agent-responses.ts";
import type { Task } from "../model/v1/tasks.ts";
import { allExecutors, containerStatus, executorInfo, executorName } from "./agent-executors.ts";
import type { AgentContext } from "./context.ts";

export function agentStateMessage(port: AgentPort): AgentResponseGetState {
  return {
    get_tasks: agentTasksMessage(port),
    get_executors: agentExecutorsMessage(port),
    get_frameworks: agentFrameworksMessage(port),
  };
}

export function agentFrameworksMessage(port: AgentPort): AgentResponseGetFrameworks {
  const frameworks = [...port.frameworks()];
  const pick = (completed: boolean) =>
    frameworks
      .filter((framework) => framework.completed === completed)
      .map(({ info }) => ({ framework_info: info }));
  return { frameworks: pick(false), completed_frameworks: pick(true) };
}

export function agentExecutorsMessage(port: AgentPort): AgentResponseGetExecutors {
  const executors = [...allExecutors(port)].map(({ executor }) => executor);
  const pick = (completed: boolean) =>
    executors
      .filter((executor) => executor.completed === completed)
      .map((executor) => ({ executor_info: executorInfo(executor) }));
  return { executors: pick(false), completed_executors: pick(true) };
}

/**
 * In Mesos a task is "terminated" until its last update is acknowledged. The
 * port does not tell that state apart, so such tasks are among the completed.
 */
export function agentTasksMessage(port: AgentPort): AgentResponseGetTasks {
  const queued: Task[] = [];
  const launched: Task[] = [];
  const completed: Task[] = [];
  for (const { executor } of allExecutors(port)) {
    const message = (task: AgentTaskView): Task => agentTask(port, executor, task);
    queued.push(...executor.queuedTasks.map(message));
    launched.push(...executor.tasks.map(message));
    completed.push(...executor.completedTasks.map(message));
  }
  return { queued_tasks: queued, launched_tasks: launched, completed_tasks: completed };
}

function agentTask(port: AgentPort, executor: AgentExecutorView, task: AgentTaskView): Task {
  return taskMessage({
    ...task,
    frameworkId: executor.frameworkId,
    agentId: port.agentId() ?? "",
    // As on the master: a command task names no executor, though the agent shows one.
    executorId: task.info.executor?.executor_id.value,
  });
}

/** Containers that run now, with what they use where the machine tells; if asked, those inside of them. */
export async function containersMessage(
  context: AgentContext,
  { show_nested = false, show_standalone = false }: AgentCallGetContainers = {},
): Promise<AgentResponseGetContainers> {
  const running = [...allExecutors(context.port)].filter(({ executor }) => !executor.completed);
  const wanted = running.flatMap(({ executor }) => {
    const nested = show_nested ? (executor.nested ?? []) : [];
    return [executor.containerId, ...nested].map((containerId) => ({ executor, containerId }));
  });
  const containers = await Promise.all(
    wanted.map(async ({ executor, containerId }) => {
      const statistics = await context.containerStatistics?.(containerId);
      return {
        framework_id: { value: executor.frameworkId },
        executor_id: { value: executor.executorId },
        executor_name: executorName(executor),
        container_id: containerIdFrom(containerId),
        container_status: containerStatus(executor, containerId),
        ...(statistics !== undefined && { resource_statistics: statistics }),
      };
    }),
  );
  // As in Mesos what is inside of one is shown without it, too.
  const standalone = context.port.nested
    .standalone()
    .filter((id) => (parentContainer(id) === undefined ? show_standalone : show_nested));
  return {
    containers: [
      ...containers,
      ...(await Promise.all(standalone.map((id) => standaloneMessage(context, id)))),
    ],
  };
}

/** A container of no framework. */
async function standaloneMessage({ containerStatistics }: AgentContext, containerId: string) {
  const statistics = await containerStatistics?.(containerId);
  const container_id = containerIdFrom(containerId);
  return {
    container_id,
    container_status: { container_id },
    ...(statistics !== undefined && { resource_statistics: statistics }),
  };
}
