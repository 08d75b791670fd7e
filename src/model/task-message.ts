/** A task as the v1 message Task, from a master's or an agent's view. */
import { shownContainer } from "./shown-container.ts";
import type { Task, TaskInfo, TaskState, TaskStatus } from "./v1/tasks.ts";

export interface TaskSource {
  readonly frameworkId: string;
  readonly taskId: string;
  readonly agentId: string;
  /** Absent for command tasks on the master; the agent names their executor after the task. */
  readonly executorId: string | undefined;
  readonly state: TaskState;
  readonly statuses: readonly TaskStatus[];
  readonly info: TaskInfo;
}

export function taskMessage(source: TaskSource): Task {
  const { info } = source;
  const update = source.statuses.findLast((status) => status.uuid !== undefined);
  const task: Task = {
    name: info.name,
    task_id: { value: source.taskId },
    framework_id: { value: source.frameworkId },
    agent_id: { value: source.agentId },
    state: source.state,
    statuses: [...source.statuses],
  };
  if (source.executorId !== undefined) task.executor_id = { value: source.executorId };
  if (info.resources !== undefined) task.resources = info.resources;
  if (update?.uuid !== undefined) {
    task.status_update_state = update.state;
    task.status_update_uuid = update.uuid;
  }
  if (info.labels !== undefined) task.labels = info.labels;
  if (info.discovery !== undefined) task.discovery = info.discovery;
  if (info.container !== undefined) task.container = shownContainer(info.container);
  if (info.health_check !== undefined) task.health_check = info.health_check;
  if (info.kill_policy !== undefined) task.kill_policy = info.kill_policy;
  if (info.limits !== undefined) task.limits = info.limits;
  const user = taskUser(info);
  if (user !== undefined) task.user = user;
  return task;
}

/** The user the task asked for (common/protobuf_utils.cpp, createTask); not the framework's default. */
export function taskUser(info: TaskInfo): string | undefined {
  return info.command?.user ?? info.executor?.command?.user;
}
