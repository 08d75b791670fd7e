/** Tasks, statuses and executors in the legacy JSON (mesos-wire.md section 7.2; common/http.cpp). */

import { shownContainer } from "../model/shown-container.ts";
import { taskUser } from "../model/task-message.ts";
import type { ContainerStatus } from "../model/v1/containers.ts";
import type { Label, Labels } from "../model/v1/ids.ts";
import type { Resource, ValueScalar } from "../model/v1/resources.ts";
import type { ExecutorInfo, TaskInfo, TaskState, TaskStatus } from "../model/v1/tasks.ts";
import { encodeJson } from "../wire/json-encode.ts";
import { bool, dictionary, double, type JsonText, list, object, quote } from "./json-text.ts";
import { resourcesJson } from "./resource-text.ts";

export interface LegacyTask {
  readonly taskId: string;
  readonly frameworkId: string;
  readonly agentId: string;
  /** `""` for command tasks on the master. */
  readonly executorId: string;
  /** Role the resources are allocated to. */
  readonly role: string;
  readonly state: TaskState;
  readonly statuses: readonly TaskStatus[];
  readonly info: TaskInfo;
}

/** Written for speed: a large cluster's /state is mostly tasks. */
export function taskJson(task: LegacyTask): JsonText {
  const { info } = task;
  return (
    `{"id":${quote(task.taskId)},"name":${quote(info.name)},"framework_id":${quote(task.frameworkId)},` +
    `"executor_id":${quote(task.executorId)},"slave_id":${quote(task.agentId)},"state":"${task.state}",` +
    `"resources":${resourcesJson(info.resources ?? [])},${info.limits ? limitsMember(info.limits) : ""}` +
    `"role":${quote(task.role)},"statuses":${list(task.statuses, statusJson)}${optionalMembers(info)}}`
  );
}

/** Members that few tasks have, each with a comma before it. */
function optionalMembers(info: TaskInfo): string {
  const user = taskUser(info);
  const labels = labelsJson(info.labels);
  let out = user === undefined ? "" : `,"user":${quote(user)}`;
  if (labels !== undefined) out += `,"labels":${labels}`;
  if (info.discovery) out += `,"discovery":${encodeJson("DiscoveryInfo", info.discovery)}`;
  if (info.container) out += `,"container":${encodeJson("ContainerInfo", shownContainer(info.container))}`;
  if (info.health_check) out += `,"health_check":${encodeJson("HealthCheck", info.health_check)}`;
  return out;
}

function limitsMember(values: Readonly<Record<string, ValueScalar>>): string {
  const entries = Object.entries(values).map(([name, { value }]) => [name, double(value)] as const);
  return `"limits":${dictionary(entries)},`;
}

function statusJson(status: TaskStatus): JsonText {
  const labels = labelsJson(status.labels);
  const container = status.container_status;
  let out = `{"state":"${status.state}","timestamp":${double(status.timestamp ?? 0)}`;
  if (labels !== undefined) out += `,"labels":${labels}`;
  if (container) out += `,"container_status":${containerStatusJson(container)}`;
  if (status.healthy !== undefined) out += `,"healthy":${bool(status.healthy)}`;
  return `${out}}`;
}

function containerStatusJson(status: ContainerStatus): JsonText {
  return object({
    container_id: status.container_id && encodeJson("ContainerID", status.container_id),
    network_infos: list(status.network_infos ?? [], (info) => encodeJson("NetworkInfo", info)),
    cgroup_info: status.cgroup_info && encodeJson("CgroupInfo", status.cgroup_info),
  });
}

/** `[{"key":…,"value":…}]`; undefined when there are none. */
export function labelsJson(labels: Labels | undefined): JsonText | undefined {
  if (labels?.labels === undefined || labels.labels.length === 0) return undefined;
  return list(labels.labels, (label: Label) => encodeJson("Label", label));
}

/** Members that an executor has on the master (`executor_id`, `slave_id`). */
export function executorJson(executor: ExecutorInfo, frameworkId: string, agentId: string): JsonText {
  const { command } = executor;
  const role = roleOf(executor.resources ?? []);
  return object({
    executor_id: quote(executor.executor_id.value),
    name: quote(executor.name ?? ""),
    framework_id: quote(frameworkId),
    command: object({
      shell: command && bool(command.shell ?? true),
      value: command?.value === undefined ? undefined : quote(command.value),
      argv: list(command?.arguments ?? [], quote),
      environment: command?.environment && encodeJson("Environment", command.environment),
      uris: list(command?.uris ?? [], (uri) =>
        object({ value: quote(uri.value), executable: bool(uri.executable ?? false) }),
      ),
    }),
    resources: resourcesJson(executor.resources ?? []),
    role: role === undefined ? undefined : quote(role),
    labels: labelsJson(executor.labels),
    type: executor.type === undefined ? undefined : quote(executor.type),
    slave_id: quote(agentId),
  });
}

/** The role that resources are allocated to; all of one task or executor share it. */
export function roleOf(resources: readonly Resource[]): string | undefined {
  return resources[0]?.allocation_info?.role;
}
