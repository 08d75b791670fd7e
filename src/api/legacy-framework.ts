/** Frameworks in the master's legacy JSON (mesos-wire.md section 7.2). */
import type { ClusterView, ExecutorView, FrameworkView, TaskView } from "../master/port.ts";
import { hasCapability } from "../model/capabilities.ts";
import type { FrameworkInfo } from "../model/v1/frameworks.ts";
import type { Offer } from "../model/v1/offers.ts";
import type { TaskInfo } from "../model/v1/tasks.ts";
import { encodeJson } from "../wire/json-encode.ts";
import type { DocumentWriter, Slices } from "./in-parts.ts";
import { bool, double, type JsonText, list, object, quote, seconds } from "./json-text.ts";
import { executorJson, labelsJson, taskJson } from "./legacy-task.ts";
import { ExecutorNotes } from "./master-messages.ts";
import { resourcesJson } from "./resource-text.ts";

/** What /frameworks, /state and /state-summary share. */
export function summaryMembers(framework: FrameworkView): Record<string, JsonText | undefined> {
  const { info } = framework;
  return {
    id: quote(framework.id),
    name: quote(info.name),
    used_resources: resourcesJson(framework.used),
    offered_resources: resourcesJson(framework.offered),
    capabilities: list(
      (info.capabilities ?? []).flatMap(({ type }) => type ?? []),
      quote,
    ),
    hostname: quote(info.hostname ?? ""),
    webui_url: quote(info.webui_url ?? ""),
    active: bool(framework.active),
    connected: bool(framework.connected),
    recovered: bool(framework.recovered),
  };
}

/** Executors that the leader knows of, by framework. */
export type ExecutorsByFramework = ReadonlyMap<string, readonly ExecutorView[]>;

export async function collectExecutors(slices: Slices, view: ClusterView): Promise<ExecutorsByFramework> {
  const executors = new Map<string, ExecutorView[]>();
  await slices.each(view.executors(), (executor) => {
    const known = executors.get(executor.frameworkId);
    if (known) known.push(executor);
    else executors.set(executor.frameworkId, [executor]);
  });
  return executors;
}

export function masterTaskJson(task: TaskView): JsonText {
  return masterTaskOf(task, task.info);
}

function masterTaskOf(
  { frameworkId, taskId, agentId, role, state, statuses }: TaskView,
  info: TaskInfo,
): JsonText {
  const executorId = info.executor?.executor_id.value ?? "";
  return taskJson({ frameworkId, taskId, agentId, role, state, statuses, info, executorId });
}

/** Writes the whole framework object of /frameworks and /state. */
export async function writeFramework(
  out: DocumentWriter,
  view: ClusterView,
  framework: FrameworkView,
  executors: ExecutorsByFramework,
): Promise<void> {
  const { id, info } = framework;
  const reregistered = framework.reregisteredAtMs;
  // All three at once: a task that moves from one to another is in one of them.
  const [tasks, unreachable, completed] = [
    view.tasks(id),
    view.unreachableTasks(id),
    view.completedTasks(id),
  ];
  const noted = new ExecutorNotes();
  const running = (task: TaskView): JsonText => {
    const { info } = task;
    if (info.executor !== undefined) noted.add(info.executor, id, task.agentId);
    return masterTaskOf(task, info);
  };
  await out.object({
    ...summaryMembers(framework),
    user: quote(info.user),
    failover_timeout: double(info.failover_timeout ?? 0),
    checkpoint: bool(info.checkpoint ?? false),
    registered_time: seconds(framework.registeredAtMs),
    unregistered_time: seconds(framework.unregisteredAtMs ?? 0),
    principal: info.principal === undefined ? undefined : quote(info.principal),
    resources: resourcesJson([...framework.used, ...framework.offered]),
    reregistered_time:
      reregistered === undefined || reregistered === framework.registeredAtMs
        ? undefined
        : seconds(reregistered),
    ...roleMembers(info),
    tasks: () => out.list(tasks, running),
    unreachable_tasks: () => out.list(unreachable, masterTaskJson),
    completed_tasks: () => out.list(completed, masterTaskJson),
    offers: () => out.list(framework.offers, offerJson),
    executors: async () => {
      for (const executor of executors.get(id) ?? []) noted.add(executor.info, id, executor.agentId);
      await out.list(noted.all(), ({ executor_info, agent_id }) =>
        executorJson(executor_info, id, agent_id.value),
      );
    },
    labels: labelsJson(info.labels),
    offer_constraints: encodeJson("OfferConstraints", framework.constraints ?? {}),
  });
}

/** `roles` with MULTI_ROLE, else `role`. */
export function roleMembers(info: FrameworkInfo): Record<string, JsonText> {
  return hasCapability(info, "MULTI_ROLE")
    ? { roles: list(info.roles ?? [], quote) }
    : { role: quote(info.role ?? "*") };
}

function offerJson(offer: Offer): JsonText {
  return object({
    id: quote(offer.id.value),
    framework_id: quote(offer.framework_id.value),
    allocation_info: object({ role: quote(offer.allocation_info?.role ?? "*") }),
    slave_id: quote(offer.agent_id.value),
    resources: resourcesJson(offer.resources ?? []),
  });
}
