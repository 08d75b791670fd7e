/** The master's /tasks: filters, order, limit and offset (master/readonly_handler.cpp). */
import { TASKS_ANSWER_DEFAULT } from "../base/limits.ts";
import type { ClusterView, TaskView } from "../master/port.ts";
import { type JsonText, list, object } from "./json-text.ts";
import { masterTaskJson } from "./legacy-framework.ts";

export function tasksJson(view: ClusterView, query: URLSearchParams): JsonText {
  const frameworkId = query.get("framework_id") ?? undefined;
  const taskId = query.get("task_id");
  const all = [
    ...view.tasks(frameworkId),
    ...view.unreachableTasks(frameworkId),
    ...view.completedTasks(frameworkId),
  ];
  const chosen = taskId === null ? all : all.filter((task) => task.taskId === taskId);
  const direction = query.get("order") === "asc" ? 1 : -1;
  chosen.sort((a, b) => direction * (firstTimestamp(a) - firstTimestamp(b)));
  const offset = naturalOr(query.get("offset"), 0);
  const limit = naturalOr(query.get("limit"), TASKS_ANSWER_DEFAULT);
  return object({ tasks: list(chosen.slice(offset, offset + limit), masterTaskJson) });
}

/** A task without a status is older than every other. */
function firstTimestamp(task: TaskView): number {
  return task.statuses[0]?.timestamp ?? 0;
}

/** As Mesos, a value that is no number counts as not given. */
function naturalOr(text: string | null, otherwise: number): number {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : otherwise;
}
