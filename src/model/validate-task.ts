/**
 * Rules for a TaskInfo that need no cluster state (Mesos master/validation.cpp,
 * `task::validate`). A reason becomes TASK_ERROR with REASON_TASK_INVALID.
 */
import { overlapOf } from "./overlap.ts";
import { Resources } from "./resources.ts";
import { milliOf } from "./scalar.ts";
import type { ExecutorInfo, TaskInfo } from "./v1/tasks.ts";
import { checkCheck, checkHealthCheck } from "./validate-check.ts";
import { checkCommand, checkContainer } from "./validate-command.ts";
import { checkId } from "./validate-ids.ts";

export interface TaskExpectation {
  /** Agent of the accepted offers. */
  readonly agentId: string;
  readonly frameworkId: string;
}

/**
 * Why the task is refused, or undefined. Of the tasks launched in one
 * operation that share an id, checking their uniqueness is the caller's part.
 */
export function checkTask(task: TaskInfo, expected: TaskExpectation): string | undefined {
  return checkParts(task, expected, checkCommandOrExecutor);
}

/** The same for a task of a group, whose executor is checked apart and need not have a command. */
export function checkGroupedTask(task: TaskInfo, expected: TaskExpectation): string | undefined {
  const { executor: _, ...alone } = task;
  return checkParts(alone, expected, () => undefined);
}

function checkParts(
  task: TaskInfo,
  expected: TaskExpectation,
  checkWay: (task: TaskInfo, expected: TaskExpectation) => string | undefined,
): string | undefined {
  return (
    wrap("Task has an invalid ID", checkId(task.task_id.value)) ??
    checkAgentId(task, expected.agentId) ??
    checkDurations(task) ??
    (task.check ? wrap("Task uses invalid check", checkCheck(task.check)) : undefined) ??
    (task.health_check
      ? wrap("Task uses invalid health check", checkHealthCheck(task.health_check))
      : undefined) ??
    checkTaskResources(task) ??
    checkLimits(task) ??
    checkWay(task, expected) ??
    (task.command ? wrap("Task's CommandInfo is invalid", checkCommand(task.command)) : undefined) ??
    (task.container ? wrap("Task's ContainerInfo is invalid", checkContainer(task.container)) : undefined)
  );
}

function wrap(prefix: string, reason: string | undefined): string | undefined {
  return reason === undefined ? undefined : `${prefix}: ${reason}`;
}

function checkAgentId(task: TaskInfo, agentId: string): string | undefined {
  if (task.agent_id.value === agentId) return undefined;
  return `Task uses invalid agent ${task.agent_id.value} while agent ${agentId} is expected`;
}

function checkDurations(task: TaskInfo): string | undefined {
  if ((task.kill_policy?.grace_period?.nanoseconds ?? 0) < 0) {
    return "Task's 'kill_policy.grace_period' must be non-negative";
  }
  if ((task.max_completion_time?.nanoseconds ?? 0) < 0) {
    return "Task's 'max_completion_time' must be non-negative";
  }
  return undefined;
}

function checkTaskResources(task: TaskInfo): string | undefined {
  if ((task.resources ?? []).length === 0) return "Task uses no resources";
  const resources = Resources.from(task.resources ?? []);
  if (!resources.ok) return `Task uses invalid resources: ${resources.error}`;
  if (resources.value.isEmpty()) return "Task uses no resources";
  const executor = Resources.from(task.executor?.resources ?? []);
  if (!executor.ok) return `Executor uses invalid resources: ${executor.error}`;
  const all = resources.value.add(executor.value);
  return (
    wrap("Task and its executor use invalid resources", checkMixture(all)) ??
    checkOverlap([resources.value, executor.value])
  );
}

/** Why the parts of what is launched together cannot be, or undefined. */
export function checkOverlap(parts: readonly Resources[]): string | undefined {
  const overlap = overlapOf(parts.map((part) => part.unallocated()));
  return overlap && `There are overlapping resources in the tasks and their executor: ${overlap}`;
}

/** One name may not be revocable in one part and not in another; one volume may not be used twice. */
export function checkMixture(resources: Resources): string | undefined {
  const revocable = new Map<string, boolean>();
  const volumes = new Set<string>();
  for (const { identity, count } of resources.entries) {
    const before = revocable.get(identity.name);
    if (before !== undefined && before !== identity.isRevocable) {
      return `'${identity.name}' mixes revocable and non-revocable resources`;
    }
    revocable.set(identity.name, identity.isRevocable);
    const persistence = identity.traits.disk?.persistence;
    if (persistence === undefined) continue;
    const id = `${identity.reservationRole} ${persistence.id}`;
    if (volumes.has(id) || (count > 1 && !identity.isShared))
      return `Duplicate persistence ID '${persistence.id}'`;
    volumes.add(id);
  }
  return undefined;
}

/** Names that may have a limit (Mesos 1.10, RES-38). */
const LIMITED = new Set(["cpus", "mem"]);

function checkLimits({ limits, resources = [] }: TaskInfo): string | undefined {
  for (const [name, { value }] of Object.entries(limits ?? {})) {
    if (!LIMITED.has(name)) return `Task has a limit for '${name}', only cpus and mem can have one`;
    let requestedMilli = 0;
    for (const resource of resources) {
      if (resource.name === name) requestedMilli += milliOf(resource.scalar?.value ?? 0);
    }
    if (requestedMilli === 0) return `Task has a limit for '${name}' but does not request it`;
    // Written so that NaN is refused, too.
    if (!(value * 1000 >= requestedMilli)) {
      return `Task's limit ${value} for '${name}' is lower than its request ${requestedMilli / 1000}`;
    }
  }
  return undefined;
}

function checkCommandOrExecutor(task: TaskInfo, expected: TaskExpectation): string | undefined {
  if ((task.command === undefined) === (task.executor === undefined)) {
    return "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present";
  }
  if (task.container?.linux_info?.share_cgroups === false)
    return "Only tasks in a task group may have 'share_cgroups' set to 'false'";
  if (task.executor === undefined) return undefined;
  return checkExecutor(task.executor, expected.frameworkId) ?? checkExecutorCgroups(task.executor);
}

/** An executor never shares the cgroups of another container: it has none above it. */
export function checkExecutorCgroups({ container }: ExecutorInfo): string | undefined {
  if (container?.linux_info?.share_cgroups !== true) return undefined;
  return "The 'share_cgroups' field cannot be set to 'true' on executor containers";
}

/** Why an ExecutorInfo is refused, or undefined. */
export function checkExecutor(executor: ExecutorInfo, frameworkId: string): string | undefined {
  const { type, command, container } = executor;
  if (executor.framework_id !== undefined && executor.framework_id.value !== frameworkId) {
    return `ExecutorInfo has an invalid FrameworkID (Actual: ${executor.framework_id.value} vs Expected: ${frameworkId})`;
  }
  if (type === "DEFAULT") {
    if (command) return "'ExecutorInfo.command' must not be set for 'DEFAULT' executor";
    if (container && container.type !== "MESOS") {
      return "'ExecutorInfo.container.type' must be 'MESOS' for 'DEFAULT' executor";
    }
    if (container?.mesos?.image) {
      return "'ExecutorInfo.container.mesos.image' must not be set for 'DEFAULT' executor";
    }
  } else if (!command) {
    return "'ExecutorInfo.command' must be set for 'CUSTOM' executor";
  }
  if ((executor.shutdown_grace_period?.nanoseconds ?? 0) < 0) {
    return "ExecutorInfo's 'shutdown_grace_period' must be non-negative";
  }
  return (
    wrap("Executor has an invalid ID", checkId(executor.executor_id.value)) ??
    (command ? wrap("Executor's CommandInfo is invalid", checkCommand(command)) : undefined) ??
    (container ? wrap("Executor's ContainerInfo is invalid", checkContainer(container)) : undefined)
  );
}
