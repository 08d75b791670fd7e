/** The agent's /state, /containers and /monitor/statistics (mesos-wire.md section 7.3). */
import type { AgentExecutorView, AgentFrameworkView, AgentPort, AgentTaskView } from "../agent/port.ts";
import { AGENT_CAPABILITIES } from "../model/agent-capabilities.ts";
import { ownPart } from "../model/container-id.ts";
import { drainInfo } from "../model/drain-info.ts";
import { encodeJson } from "../wire/json-encode.ts";
import {
  allExecutors,
  containerStatus,
  executorInfo,
  executorName,
  executorSource,
} from "./agent-executors.ts";
import type { AgentContext } from "./context.ts";
import { bool, dictionary, double, type JsonText, list, object, quote, seconds } from "./json-text.ts";
import { attributesJson } from "./legacy-agent.ts";
import { roleMembers } from "./legacy-framework.ts";
import { flagsObject, logMembers } from "./legacy-state.ts";
import { labelsJson, roleOf, taskJson } from "./legacy-task.ts";
import { agentPid } from "./master-messages.ts";
import {
  fullResourcesJson,
  reservedByRole,
  reservedRole,
  resourcesJson,
  unreserved,
} from "./resource-text.ts";
import { versionMembers } from "./version.ts";

export function agentStateJson({ port, build }: AgentContext): JsonText {
  const info = port.info();
  const master = port.masterHostname();
  const frameworks = [...port.frameworks()];
  const pick = (completed: boolean): JsonText =>
    list(
      frameworks.filter((framework) => framework.completed === completed),
      (framework) => frameworkJson(port, framework),
    );
  return object({
    ...versionMembers(build),
    start_time: seconds(port.startedAtMs),
    id: quote(port.agentId() ?? ""),
    pid: quote(agentPid(port.ip, port.port)),
    hostname: quote(port.hostname),
    capabilities: list(AGENT_CAPABILITIES, quote),
    domain: info.domain && encodeJson("DomainInfo", info.domain),
    ...drainState(port),
    ...resourceMembers(port),
    resource_providers: "[]",
    attributes: attributesJson(info.attributes ?? []),
    master_hostname: master === undefined ? undefined : quote(master),
    ...logMembers(port.flags()),
    flags: flagsObject(port.flags()),
    frameworks: pick(false),
    completed_frameworks: pick(true),
  });
}

function drainState(port: AgentPort): Record<string, JsonText> {
  const drain = port.drain();
  if (drain === undefined) return {};
  return {
    drain_config: encodeJson("DrainConfig", drainInfo(drain).config),
    estimated_drain_start_time_seconds: seconds(drain.startedAtMs),
  };
}

function resourceMembers(port: AgentPort): Record<string, JsonText> {
  const total = port.info().resources ?? [];
  const reserved = [...reservedByRole(total)];
  const running = [...allExecutors(port)].filter(({ executor }) => !executor.completed);
  const allocated = running.flatMap(({ executor }) => executor.resources);
  const allocatedReserved = reservedByRole(
    allocated.filter((resource) => reservedRole(resource) !== undefined),
  );
  return {
    resources: resourcesJson(total),
    reserved_resources: dictionary(reserved.map(([role, items]) => [role, resourcesJson(items)] as const)),
    unreserved_resources: resourcesJson(unreserved(total)),
    reserved_resources_full: dictionary(
      reserved.map(([role, items]) => [role, fullResourcesJson(items)] as const),
    ),
    unreserved_resources_full: fullResourcesJson(unreserved(total)),
    reserved_resources_allocated: dictionary(
      [...allocatedReserved].map(([role, items]) => [role, resourcesJson(items)] as const),
    ),
    unreserved_resources_allocated: resourcesJson(unreserved(allocated)),
  };
}

function frameworkJson(port: AgentPort, framework: AgentFrameworkView): JsonText {
  const { info } = framework;
  const pick = (completed: boolean): JsonText =>
    list(
      framework.executors.filter((executor) => executor.completed === completed),
      (executor) => executorJson(port, executor),
    );
  return object({
    id: quote(framework.id),
    name: quote(info.name),
    user: quote(info.user),
    failover_timeout: double(info.failover_timeout ?? 0),
    checkpoint: bool(info.checkpoint ?? false),
    hostname: quote(info.hostname ?? ""),
    principal: info.principal === undefined ? undefined : quote(info.principal),
    ...roleMembers(info),
    executors: pick(false),
    completed_executors: pick(true),
  });
}

function executorJson(port: AgentPort, executor: AgentExecutorView): JsonText {
  const info = executorInfo(executor);
  const role = roleOf(executor.resources);
  const task = (view: AgentTaskView): JsonText => launchedTask(port, executor, view);
  return object({
    id: quote(executor.executorId),
    name: quote(executorName(executor)),
    source: quote(executorSource(executor)),
    container: quote(executor.containerId),
    directory: quote(executor.directory),
    resources: resourcesJson(executor.resources),
    role: role === undefined ? undefined : quote(role),
    labels: labelsJson(info.labels),
    type: info.type === undefined ? undefined : quote(info.type),
    tasks: list(executor.tasks, task),
    queued_tasks: list(executor.queuedTasks, (view) => queuedTask(port, executor, view)),
    completed_tasks: list(executor.completedTasks, task),
  });
}

function launchedTask(port: AgentPort, executor: AgentExecutorView, task: AgentTaskView): JsonText {
  return taskJson({
    ...task,
    frameworkId: executor.frameworkId,
    agentId: port.agentId() ?? "",
    executorId: task.info.executor?.executor_id.value ?? "",
    role: roleOf(task.info.resources ?? []) ?? "*",
  });
}

function queuedTask(port: AgentPort, executor: AgentExecutorView, { taskId, info }: AgentTaskView): JsonText {
  const role = roleOf(info.resources ?? []);
  return object({
    id: quote(taskId),
    name: quote(info.name),
    slave_id: quote(port.agentId() ?? ""),
    resources: resourcesJson(info.resources ?? []),
    role: role === undefined ? undefined : quote(role),
    command: info.command && encodeJson("CommandInfo", info.command),
    executor_id: quote(executor.executorId),
    discovery: info.discovery && encodeJson("DiscoveryInfo", info.discovery),
  });
}

/** Which containers /containers shows; all without a filter. */
export interface ContainerFilter {
  readonly containerId: string | null;
  readonly frameworkId: string | null;
  readonly executorId: string | null;
  /** Those inside of others, too. */
  readonly showNested: boolean;
}

export async function containersJson(context: AgentContext, filter: ContainerFilter): Promise<JsonText> {
  const wanted = [...allExecutors(context.port)].filter(
    ({ framework, executor }) =>
      !executor.completed &&
      (filter.containerId === null || executor.containerId === filter.containerId) &&
      (filter.frameworkId === null || framework.id === filter.frameworkId) &&
      (filter.executorId === null || executor.executorId === filter.executorId),
  );
  const shown = wanted.flatMap(({ executor }) => {
    const nested = filter.showNested ? (executor.nested ?? []) : [];
    return [executor.containerId, ...nested].map((containerId) => ({ executor, containerId }));
  });
  const containers = await Promise.all(
    shown.map(async ({ executor, containerId }) =>
      object({
        ...(await usageMembers(context, executor, containerId)),
        // As in Mesos that of a nested one is its own part; its status names the parents.
        container_id: quote(ownPart(containerId)),
        status: encodeJson("ContainerStatus", containerStatus(executor, containerId)),
      }),
    ),
  );
  return `[${containers.join(",")}]`;
}

/** Only containers whose use is known. */
export async function statisticsJson(context: AgentContext): Promise<JsonText> {
  const running = [...allExecutors(context.port)].filter(({ executor }) => !executor.completed);
  const members = await Promise.all(running.map(({ executor }) => usageMembers(context, executor)));
  return list(
    members.filter((item) => item["statistics"] !== undefined),
    object,
  );
}

async function usageMembers(
  context: AgentContext,
  executor: AgentExecutorView,
  containerId = executor.containerId,
): Promise<Record<string, JsonText | undefined>> {
  const statistics = await context.containerStatistics?.(containerId);
  return {
    framework_id: quote(executor.frameworkId),
    executor_id: quote(executor.executorId),
    executor_name: quote(executorName(executor)),
    source: quote(executorSource(executor)),
    statistics: statistics && encodeJson("ResourceStatistics", statistics),
  };
}
