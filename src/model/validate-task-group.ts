/**
 * Rules for LAUNCH_GROUP that need no cluster state (Mesos
 * master/validation.cpp, `task::group::validate`). A reason becomes TASK_ERROR
 * with REASON_TASK_GROUP_INVALID for every task of the group.
 */
import { Resources } from "./resources.ts";
import type { ContainerInfo } from "./v1/containers.ts";
import type { ExecutorInfo, TaskInfo } from "./v1/tasks.ts";
import {
  checkExecutor,
  checkExecutorCgroups,
  checkGroupedTask,
  checkMixture,
  checkOverlap,
  type TaskExpectation,
} from "./validate-task.ts";

/** Smallest executor, in thousandths (Mesos master/constants.hpp: MIN_CPUS, MIN_MEM). */
const EXECUTOR_MIN_MILLI_CPUS = 10;
const EXECUTOR_MIN_MILLI_MEM = 32_000;

/** Why the group is refused, or undefined. Every task carries `executor`. */
export function checkTaskGroup(
  tasks: readonly TaskInfo[],
  executor: ExecutorInfo,
  expected: TaskExpectation,
): string | undefined {
  if (tasks.length === 0) return "Task group holds no tasks";
  const seen = new Set<string>();
  for (const task of tasks) {
    const id = task.task_id.value;
    const reason = seen.has(id) ? `Task has duplicate ID: ${id}` : checkGroupTask(task, expected);
    if (reason !== undefined) return `Task '${id}' is invalid: ${reason}`;
    seen.add(id);
  }
  return (
    checkExecutor(executor, expected.frameworkId) ??
    checkGroupExecutor(executor) ??
    checkSameExecutor(tasks, executor) ??
    checkSum(tasks, executor) ??
    checkSharedCgroups(tasks, executor)
  );
}

function checkGroupTask(task: TaskInfo, expected: TaskExpectation): string | undefined {
  const reason = checkGroupedTask(task, expected);
  if (reason !== undefined) return reason;
  const { container, health_check } = task;
  const probes = health_check?.type === "HTTP" || health_check?.type === "TCP";
  if (probes && (container?.network_infos ?? []).length > 0) {
    return "HTTP and TCP health checks are not supported for nested containers not joining parent's network";
  }
  if (container?.type === "DOCKER") return "Docker ContainerInfo is not supported on the task";
  if (Object.keys(task.limits ?? {}).length > 0 && sharesCgroups(container)) {
    return "Resource limits may only be set for tasks within a task group when the 'share_cgroups' field is set to 'false'.";
  }
  return undefined;
}

function checkGroupExecutor({
  type,
  container,
  executor_id,
  resources = [],
}: ExecutorInfo): string | undefined {
  if (type === undefined) return "'ExecutorInfo.type' must be set";
  if (type === "UNKNOWN") return "Unknown executor type";
  if (container?.type === "DOCKER") return "Docker ContainerInfo is not supported on the executor";
  const own = Resources.from(resources);
  if (!own.ok) return `Executor uses invalid resources: ${own.error}`;
  const executor = `Executor '${executor_id.value}'`;
  const small = smallExecutor(own.value);
  if (small !== undefined) return `${executor} ${small}`;
  return own.value.milli("disk") === 0 ? `${executor} uses no disk` : undefined;
}

/** What an executor lacks of the least that one needs; of a task by itself it is only a warning (EXE-13). */
export function smallExecutor(own: Resources): string | undefined {
  const [cpus, mem] = [own.milli("cpus"), own.milli("mem")];
  if (cpus < EXECUTOR_MIN_MILLI_CPUS) {
    return `uses less CPUs (${cpus === 0 ? "None" : cpus / 1000}) than the minimum required (0.01)`;
  }
  if (mem < EXECUTOR_MIN_MILLI_MEM) {
    return `uses less memory (${mem === 0 ? "None" : `${mem / 1000}MB`}) than the minimum required (32MB)`;
  }
  return undefined;
}

function checkSameExecutor(tasks: readonly TaskInfo[], executor: ExecutorInfo): string | undefined {
  const wanted = canonical(executor);
  const other = tasks.find((task) => task.executor !== undefined && canonical(task.executor) !== wanted);
  if (other === undefined) return undefined;
  return `The \`ExecutorInfo\` of task '${other.task_id.value}' is different from executor '${executor.executor_id.value}'`;
}

/** Equal for equal messages: those of JSON have their fields in the order in which they were sent. */
function canonical(message: ExecutorInfo): string {
  return JSON.stringify(message, (_, value: unknown) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** The parts were read before: they are valid. */
function checkSum(tasks: readonly TaskInfo[], executor: ExecutorInfo): string | undefined {
  const parts = [executor, ...tasks].map(({ resources = [] }) => Resources.from(resources));
  const valid = parts.flatMap((part) => (part.ok ? [part.value] : []));
  const reason = checkMixture(Resources.sum(valid));
  if (reason !== undefined) return `Task group and executor use invalid resources: ${reason}`;
  return checkOverlap(valid);
}

function checkSharedCgroups(tasks: readonly TaskInfo[], executor: ExecutorInfo): string | undefined {
  const own = checkExecutorCgroups(executor);
  if (own !== undefined) return own;
  const values = new Set(tasks.map(({ container }) => sharesCgroups(container)));
  if (values.size < 2) return undefined;
  return "If set, the value of 'share_cgroups' must be the same for all tasks in each task group and under a single executor";
}

/** The default of Mesos is to share. */
function sharesCgroups(container: ContainerInfo | undefined): boolean {
  return container?.linux_info?.share_cgroups ?? true;
}
