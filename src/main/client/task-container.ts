/** Finds the container of a running task, and the agent that has it. */
import { MeshError } from "../../base/errors.ts";
import { isTerminalState } from "../../model/task-state.ts";
import type { ContainerID } from "../../model/v1/ids.ts";
import type { Task } from "../../model/v1/tasks.ts";
import { findTask, placeOf } from "./find-task.ts";
import type { MasterClient } from "./master-client.ts";

export interface TaskContainer {
  /** `host:port` of the agent's HTTP API. */
  readonly agent: string;
  readonly containerId: ContainerID;
  readonly task: Task;
}

export async function containerOf(
  master: MasterClient,
  { task: id, framework }: { readonly task: string; readonly framework: string | undefined },
): Promise<TaskContainer> {
  const task = await findTask(master, id, framework);
  const name = task.task_id.value;
  if (isTerminalState(task.state)) {
    throw new MeshError(
      "TASK_NOT_FOUND",
      `Task '${name}' has ended: ${task.state}. 'mesh logs ${name}' shows its output`,
    );
  }
  const containerId = task.statuses?.findLast((status) => status.container_status?.container_id !== undefined)
    ?.container_status?.container_id;
  if (containerId === undefined) {
    throw new MeshError(
      "TASK_NOT_FOUND",
      `Task '${name}' is ${task.state}, and has no container yet; try again soon`,
    );
  }
  const { agent } = await placeOf(master, task);
  return { agent, containerId, task };
}
