import { MeshError } from "../../base/errors.ts";
import { hostPort } from "../../base/host-port.ts";
import type { Task } from "../../model/v1/tasks.ts";
import type { MasterClient } from "./master-client.ts";
import { operatorCall } from "./operator-client.ts";
import type { TaskPlace } from "./sandbox-reader.ts";

/**
 * All tasks the master knows: running first, then unreachable, then completed ones, newest of these first.
 */
export async function allTasks(master: MasterClient): Promise<Task[]> {
  const tasks = (await operatorCall(master, { type: "GET_TASKS" })).get_tasks;
  return [
    ...(tasks?.tasks ?? []),
    ...(tasks?.unreachable_tasks ?? []),
    ...[...(tasks?.completed_tasks ?? [])].reverse(),
  ];
}

/** Of one framework, by its whole id; undefined: the master has none, and remembers none. */
export async function knownTask(
  master: MasterClient,
  frameworkId: string,
  taskId: string,
): Promise<Task | undefined> {
  const query = new URLSearchParams({ framework_id: frameworkId, task_id: taskId });
  const listed = (await master.getJson(`/tasks?${query}`)) as { readonly tasks: readonly unknown[] };
  // Most that are asked for are not there, and all tasks of a large cluster are many.
  if (listed.tasks.length === 0) return undefined;
  // Only this has the messages of statuses, and with them how a command ended.
  const tasks = await allTasks(master);
  return tasks.find((task) => task.task_id.value === taskId && task.framework_id.value === frameworkId);
}

/**
 * The task with this id, or the only one whose id starts with it; of several
 * with one id (a framework may use it again) the running or newest one.
 */
export async function findTask(master: MasterClient, id: string, frameworkId?: string): Promise<Task> {
  const tasks = (await allTasks(master)).filter(
    (task) => frameworkId === undefined || task.framework_id.value === frameworkId,
  );
  const exact = tasks.find((task) => task.task_id.value === id);
  if (exact !== undefined) return exact;
  const matching = tasks.filter((task) => task.task_id.value.startsWith(id));
  const ids = new Set(matching.map((task) => task.task_id.value));
  const only = matching[0];
  if (only !== undefined && ids.size === 1) return only;
  if (ids.size > 1) {
    const some = [...ids].slice(0, 5).join(", ");
    throw new MeshError(
      "TASK_NOT_FOUND",
      `${ids.size} tasks have ids that start with '${id}': ${some}. Say more of the id`,
    );
  }
  throw new MeshError("TASK_NOT_FOUND", `No task has the id '${id}'. 'mesh tasks' lists them`);
}

/** Where the task's sandbox is read. */
export async function placeOf(master: MasterClient, task: Task): Promise<TaskPlace> {
  const agents = (await operatorCall(master, { type: "GET_AGENTS" })).get_agents?.agents ?? [];
  const agent = agents.find((one) => one.agent_info.id?.value === task.agent_id.value);
  const address = agent?.pid?.split("@")[1];
  const colon = address?.lastIndexOf(":");
  if (address === undefined || colon === undefined) {
    throw new MeshError(
      "TASK_NOT_FOUND",
      `Task '${task.task_id.value}' ran on agent '${task.agent_id.value}', which is not registered now: its output cannot be read`,
    );
  }
  const executorId = task.executor_id?.value ?? "";
  return {
    agent: hostPort(address.slice(0, colon), address.slice(colon + 1)),
    frameworkId: task.framework_id.value,
    executorId: executorId === "" ? task.task_id.value : executorId,
    ...(isInPod(task) ? { taskId: task.task_id.value } : {}),
  };
}

/** Its container is inside another. */
function isInPod({ statuses = [] }: Task): boolean {
  return statuses.some(({ container_status }) => container_status?.container_id?.parent !== undefined);
}
