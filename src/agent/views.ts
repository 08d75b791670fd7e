/** The agent's memory as the HTTP edge shows it (port.ts). */
import { childContainer, parentContainer } from "../model/container-id.ts";
import type { Resource } from "../model/v1/resources.ts";
import type { TaskState, TaskStatus } from "../model/v1/tasks.ts";
import { decodeBlob } from "../wire/blob.ts";
import type { CompletedExecutor, CompletedTask } from "./history.ts";
import { sandboxPath, virtualSandboxPath } from "./paths.ts";
import type { AgentExecutorView, AgentFrameworkView, AgentTaskView } from "./port.ts";
import type { AgentState } from "./state.ts";

/** What live and completed tasks have in common. */
interface ShownTask {
  readonly frameworkId: string;
  readonly taskId: string;
  readonly executorId: string | undefined;
  readonly containerId: string;
  readonly info: Uint8Array;
  readonly state: TaskState;
  readonly statuses: readonly Uint8Array[];
  readonly place: "queued" | "launched" | "ended";
  readonly completed: boolean;
}

/** What live and completed executors of frameworks have in common. */
interface ShownExecutor {
  readonly executorId: string;
  readonly containerId: string;
  readonly info: Uint8Array;
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
  // Their executors may be all that is remembered.
  for (const { frameworkId } of state.history.executors()) {
    if (!state.frameworks.has(frameworkId) && !completed.has(frameworkId)) completed.set(frameworkId, []);
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
  const old = [...state.history.executors()].filter((executor) => executor.frameworkId === id);
  const info = live?.info ?? completed.at(-1)?.framework ?? old.at(-1)?.framework;
  if (info === undefined) return undefined;
  const shown = [...liveTasks(state, live?.tasks ?? []), ...completed.map(shownCompleted)];
  const executors = [
    ...liveExecutors(state, live?.executors ?? []),
    ...livePods(state, id),
    ...old.map(shownEnded),
  ];
  const own = executors.map((executor) => ownExecutorView(state, id, executor, shown));
  const containers = new Set(executors.map(({ containerId }) => containerId));
  const rest = shown.filter((task) => !containers.has(executorContainer(task)));
  return {
    id,
    info: decodeBlob("FrameworkInfo", info),
    completed: live === undefined,
    executors: [...own, ...rest.map((task) => executorView(state, task))],
  };
}

function* liveTasks(state: AgentState, keys: Iterable<string>): Iterable<ShownTask> {
  for (const key of keys) {
    const task = state.tasks.get(key);
    if (task === undefined) continue;
    const { frameworkId, taskId, executorId, containerId, info, stream, phase } = task;
    const place = phase === "running" ? "launched" : phase === "ended" ? "ended" : "queued";
    const { state: latest, statuses } = stream;
    const ids = { frameworkId, taskId, executorId, containerId };
    yield { ...ids, info, state: latest, statuses, place, completed: false };
  }
}

function* liveExecutors(state: AgentState, keys: Iterable<string>): Iterable<ShownExecutor> {
  for (const key of keys) {
    const executor = state.executors.get(key);
    if (executor === undefined) continue;
    const { executorId, containerId, info } = executor;
    yield { executorId, containerId, info, completed: false };
  }
}

function* livePods(state: AgentState, frameworkId: string): Iterable<ShownExecutor> {
  for (const pod of state.pods.values()) {
    if (pod.frameworkId !== frameworkId) continue;
    const { executorId, containerId, info } = pod;
    yield { executorId, containerId, info, completed: false };
  }
}

/** The container of the executor that runs it. */
function executorContainer({ containerId }: Pick<ShownTask, "containerId">): string {
  return parentContainer(containerId) ?? containerId;
}

function shownCompleted(task: CompletedTask): ShownTask {
  return { ...task, place: "ended", completed: true };
}

function shownEnded({ executorId, containerId, info }: CompletedExecutor): ShownExecutor {
  return { executorId, containerId, info, completed: true };
}

/** A framework's executor with those of the tasks that share its container. */
function ownExecutorView(
  state: AgentState,
  frameworkId: string,
  { executorId, containerId, info: blob, completed }: ShownExecutor,
  shown: readonly ShownTask[],
): AgentExecutorView {
  const info = decodeBlob("ExecutorInfo", blob);
  const tasks = shown.filter((task) => executorContainer(task) === containerId);
  const at = (place: ShownTask["place"]): AgentTaskView[] =>
    tasks.filter((task) => task.place === place).map(taskView);
  const [queued, launched] = [at("queued"), at("launched")];
  const held = [info, ...queued.map((task) => task.info), ...launched.map((task) => task.info)];
  return {
    ...{ frameworkId, executorId, containerId, completed, info },
    directory: sandboxOf(state, { frameworkId, executorId, taskId: executorId, containerId }),
    nested: [...launched.map((task) => task.containerId), ...nestedIn(state, containerId)].filter(
      (id) => id !== containerId,
    ),
    resources: completed ? [] : held.flatMap(({ resources = [] }) => resources),
    tasks: launched,
    queuedTasks: queued,
    completedTasks: at("ended"),
  };
}

function executorView(state: AgentState, task: ShownTask): AgentExecutorView {
  const view = taskView(task);
  const resources: readonly Resource[] = view.info.resources ?? [];
  return {
    frameworkId: task.frameworkId,
    executorId: task.executorId ?? task.taskId,
    containerId: task.containerId,
    directory: sandboxOf(state, task),
    completed: task.completed,
    nested: nestedIn(state, task.containerId),
    resources: task.place === "ended" ? [] : resources,
    tasks: task.place === "launched" ? [view] : [],
    queuedTasks: task.place === "queued" ? [view] : [],
    completedTasks: task.place === "ended" ? [view] : [],
  };
}

/** By call, see nested.ts. */
function nestedIn({ nested }: AgentState, containerId: string): string[] {
  const inside = childContainer(containerId, "");
  const found = [...nested.values()].filter((one) => one.containerId.startsWith(inside));
  return found.filter(({ phase }) => phase === "running").map((one) => one.containerId);
}

function taskView(task: ShownTask): AgentTaskView {
  return {
    taskId: task.taskId,
    containerId: task.containerId,
    info: decodeBlob("TaskInfo", task.info),
    state: task.state,
    statuses: task.statuses.map((status): TaskStatus => decodeBlob("TaskStatus", status)),
  };
}

/** Virtual path to real path of every sandbox known here; the newest run of an executor wins. */
export function sandboxPaths(state: AgentState): Readonly<Record<string, string>> {
  const attached: Record<string, string> = {};
  const attach = (run: SandboxOwner): void => {
    const directory = sandboxOf(state, run);
    attached[directory] = directory;
    attached[virtualSandboxPath(run.frameworkId, run.executorId ?? run.taskId ?? "")] = directory;
  };
  for (const executor of state.history.executors()) attach(executor);
  for (const task of state.history.tasks()) attach(task);
  for (const task of state.tasks.values()) attach(task);
  for (const executor of state.executors.values()) attach(executor);
  for (const pod of state.pods.values()) attach(pod);
  return attached;
}

/** A command task has an executor that bears its id. */
interface SandboxOwner {
  readonly frameworkId: string;
  readonly executorId: string | undefined;
  readonly taskId?: string;
  readonly containerId: string;
}

function sandboxOf(state: AgentState, owner: SandboxOwner): string {
  const { frameworkId, executorId = owner.taskId ?? "" } = owner;
  const containerId = executorContainer(owner);
  // A task is only taken on, or read from the checkpoint, by an agent with an id.
  const ids = { agentId: state.agentId ?? "unregistered", frameworkId, executorId, containerId };
  return sandboxPath(state.config.workDir, ids);
}
