/** The agent's memory as the HTTP edge shows it (port.ts). */
import type { Resource } from "../model/v1/resources.ts";
import type { TaskState, TaskStatus } from "../model/v1/tasks.ts";
import { decodeBlob } from "../wire/blob.ts";
import type { CompletedTask } from "./history.ts";
import { sandboxPath, virtualSandboxPath } from "./paths.ts";
import type { AgentExecutorView, AgentFrameworkView, AgentTaskView } from "./port.ts";
import type { AgentState } from "./state.ts";

/** What live and completed tasks have in common. */
interface ShownTask {
  readonly frameworkId: string;
  readonly taskId: string;
  readonly containerId: string;
  readonly info: Uint8Array;
  readonly state: TaskState;
  readonly statuses: readonly Uint8Array[];
  readonly place: "queued" | "launched" | "ended";
  readonly completed: boolean;
}

/** Live frameworks first, then those of which only ended tasks are remembered. */
export function* frameworkViews(state: AgentState): Iterable<AgentFrameworkView> {
  const completed = new Map<string, CompletedTask[]>();
  for (const task of state.history.tasks()) {
    const list = completed.get(task.frameworkId);
    if (list === undefined) completed.set(task.frameworkId, [task]);
    else list.push(task);
  }
  for (const id of state.frameworks.keys()) {
    const view = frameworkView(state, id, completed.get(id) ?? []);
    completed.delete(id);
    if (view !== undefined) yield view;
  }
  for (const [id, tasks] of completed) {
    const view = frameworkView(state, id, tasks);
    if (view !== undefined) yield view;
  }
}

export function findFrameworkView(state: AgentState, id: string): AgentFrameworkView | undefined {
  return frameworkView(
    state,
    id,
    [...state.history.tasks()].filter((task) => task.frameworkId === id),
  );
}

/** Undefined when neither the framework nor a completed task of it is known. */
function frameworkView(
  state: AgentState,
  id: string,
  completed: readonly CompletedTask[],
): AgentFrameworkView | undefined {
  const live = state.frameworks.get(id);
  const info = live?.info ?? completed.at(-1)?.framework;
  if (info === undefined) return undefined;
  const shown = [...liveTasks(state, live?.tasks ?? []), ...completed.map(shownCompleted)];
  return {
    id,
    info: decodeBlob("FrameworkInfo", info),
    completed: live === undefined,
    executors: shown.map((task) => executorView(state, task)),
  };
}

function* liveTasks(state: AgentState, keys: Iterable<string>): Iterable<ShownTask> {
  for (const key of keys) {
    const task = state.tasks.get(key);
    if (task === undefined) continue;
    const { frameworkId, taskId, containerId, info, stream, phase } = task;
    const place = phase === "running" ? "launched" : phase === "ended" ? "ended" : "queued";
    const { state: latest, statuses } = stream;
    yield { frameworkId, taskId, containerId, info, state: latest, statuses, place, completed: false };
  }
}

function shownCompleted(task: CompletedTask): ShownTask {
  return { ...task, place: "ended", completed: true };
}

function executorView(state: AgentState, task: ShownTask): AgentExecutorView {
  const view = taskView(task);
  const resources: readonly Resource[] = view.info.resources ?? [];
  return {
    frameworkId: task.frameworkId,
    executorId: task.taskId,
    containerId: task.containerId,
    directory: sandboxOf(state, task),
    completed: task.completed,
    resources: task.place === "ended" ? [] : resources,
    tasks: task.place === "launched" ? [view] : [],
    queuedTasks: task.place === "queued" ? [view] : [],
    completedTasks: task.place === "ended" ? [view] : [],
  };
}

function taskView(task: ShownTask): AgentTaskView {
  return {
    taskId: task.taskId,
    info: decodeBlob("TaskInfo", task.info),
    state: task.state,
    statuses: task.statuses.map((status): TaskStatus => decodeBlob("TaskStatus", status)),
  };
}

/** Virtual path to real path of every sandbox known here; the newest run of an executor wins. */
export function sandboxPaths(state: AgentState): Readonly<Record<string, string>> {
  const attached: Record<string, string> = {};
  const attach = (task: { frameworkId: string; taskId: string; containerId: string }): void => {
    const directory = sandboxOf(state, task);
    attached[directory] = directory;
    attached[virtualSandboxPath(task.frameworkId, task.taskId)] = directory;
  };
  for (const task of state.history.tasks()) attach(task);
  for (const task of state.tasks.values()) attach(task);
  return attached;
}

function sandboxOf(
  state: AgentState,
  task: { readonly frameworkId: string; readonly taskId: string; readonly containerId: string },
): string {
  const { frameworkId, taskId: executorId, containerId } = task;
  // A task is only taken on, or read from the checkpoint, by an agent with an id.
  const ids = { agentId: state.agentId ?? "unregistered", frameworkId, executorId, containerId };
  return sandboxPath(state.config.workDir, ids);
}
