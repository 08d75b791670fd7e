/** The master's /tasks: filters, order, limit and offset (master/readonly_handler.cpp). */
import { TASKS_ANSWER_DEFAULT } from "../base/limits.ts";
import type { TaskView } from "../master/port.ts";
import type { MasterContext } from "./context.ts";
import { type Body, DocumentWriter, sortInParts } from "./in-parts.ts";
import { masterTaskJson } from "./legacy-framework.ts";

export async function tasksJson({ port, slices }: MasterContext, query: URLSearchParams): Promise<Body> {
  const view = port.view();
  const frameworkId = query.get("framework_id") ?? undefined;
  const taskId = query.get("task_id");
  const chosen: { readonly task: TaskView; readonly at: number }[] = [];
  const lists = [
    view.tasks(frameworkId),
    view.unreachableTasks(frameworkId),
    view.completedTasks(frameworkId),
  ];
  for (const tasks of lists) {
    await slices.each(tasks, (task) => {
      if (taskId === null || task.taskId === taskId) chosen.push({ task, at: firstTimestamp(task) });
    });
  }
  const direction = query.get("order") === "asc" ? 1 : -1;
  const sorted = await sortInParts(slices, chosen, (a, b) => direction * (a.at - b.at));
  const offset = naturalOr(query.get("offset"), 0);
  const limit = naturalOr(query.get("limit"), TASKS_ANSWER_DEFAULT);
  const out = new DocumentWriter(slices);
  await out.object({
    tasks: () => out.list(sorted.slice(offset, offset + limit), ({ task }) => masterTaskJson(task)),
  });
  return out.end();
}

/** A task without a status is older than every other. */
function firstTimestamp(task: TaskView): number {
  return task.statuses[0]?.timestamp ?? 0;
}

/** As Mesos, a value that is no number counts as not given. */
function naturalOr(text: string | null, otherwise: number): number {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : otherwise;
}
