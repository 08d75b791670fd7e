/** Frameworks in the master's legacy JSON (mesos-wire.md section 7.2). */
import type { ClusterView, FrameworkView, TaskView } from "../master/port.ts";
import { hasCapability } from "../model/capabilities.ts";
import type { FrameworkInfo } from "../model/v1/frameworks.ts";
import type { Offer } from "../model/v1/offers.ts";
import { encodeJson } from "../wire/json-encode.ts";
import { bool, double, type JsonText, list, object, quote, seconds } from "./json-text.ts";
import { executorJson, labelsJson, taskJson } from "./legacy-task.ts";
import { executorsMessage } from "./master-messages.ts";
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

/** Tasks and executors of all frameworks, collected in one pass over the cluster. */
export interface FrameworkContents {
  readonly tasks: ReadonlyMap<string, readonly JsonText[]>;
  readonly unreachableTasks: ReadonlyMap<string, readonly JsonText[]>;
  readonly completedTasks: ReadonlyMap<string, readonly JsonText[]>;
  readonly executors: ReadonlyMap<string, readonly JsonText[]>;
}

/** `frameworkId`: only of that framework. */
export function collectContents(view: ClusterView, frameworkId?: string): FrameworkContents {
  const executors = new Map<string, JsonText[]>();
  for (const { executor_info, agent_id } of executorsMessage(view).executors ?? []) {
    const id = executor_info.framework_id?.value ?? "";
    append(executors, id, executorJson(executor_info, id, agent_id.value));
  }
  return {
    tasks: byFramework(view.tasks(frameworkId)),
    unreachableTasks: byFramework(view.unreachableTasks(frameworkId)),
    completedTasks: byFramework(view.completedTasks(frameworkId)),
    executors,
  };
}

export function masterTaskJson(task: TaskView): JsonText {
  return taskJson({ ...task, executorId: task.info.executor?.executor_id.value ?? "" });
}

function byFramework(tasks: Iterable<TaskView>): Map<string, JsonText[]> {
  const map = new Map<string, JsonText[]>();
  for (const task of tasks) append(map, task.frameworkId, masterTaskJson(task));
  return map;
}

function append(map: Map<string, JsonText[]>, key: string, item: JsonText): void {
  const items = map.get(key);
  if (items) items.push(item);
  else map.set(key, [item]);
}

/** The whole framework object of /frameworks and /state. */
export function frameworkJson(framework: FrameworkView, contents: FrameworkContents): JsonText {
  const { id, info } = framework;
  const reregistered = framework.reregisteredAtMs;
  const member = (lists: ReadonlyMap<string, readonly JsonText[]>): JsonText =>
    `[${(lists.get(id) ?? []).join(",")}]`;
  return object({
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
    tasks: member(contents.tasks),
    unreachable_tasks: member(contents.unreachableTasks),
    completed_tasks: member(contents.completedTasks),
    offers: list(framework.offers, offerJson),
    executors: member(contents.executors),
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
