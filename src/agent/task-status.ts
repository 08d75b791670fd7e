/** TaskStatus messages as the Mesos agent and its command executor make them. */
import { SECOND_MS } from "../base/time.ts";
import type { Exit, Limitation } from "../isolation/container.ts";
import { containerIdFrom } from "../model/container-id.ts";
import type { Resource } from "../model/v1/resources.ts";
import type {
  CheckStatusInfo,
  TaskResourceLimitation,
  TaskState,
  TaskStatus,
  TaskStatusReason,
  TaskStatusSource,
} from "../model/v1/tasks.ts";
import { emptyCheckStatus } from "./check-status.ts";
import { networkInfos } from "./container-network.ts";
import type { Ending } from "./records.ts";
import type { AgentState } from "./state.ts";
import type { Framework, Task } from "./task.ts";

/** What differs from one update to the next; the rest follows from the task. */
export interface StatusFields {
  readonly state: TaskState;
  readonly source: TaskStatusSource;
  readonly reason?: TaskStatusReason;
  readonly message?: string;
  /** Which resource broke its limit. */
  readonly limitation?: TaskResourceLimitation;
  /** Told where Mesos tells it: with news of a check, and at the end of a task that was not healthy. */
  readonly healthy?: boolean;
  /** Left out: of a task with a status check its type alone. */
  readonly checkStatus?: CheckStatusInfo | undefined;
}

/** The complete status; the executor of a command task bears the task's id. */
export function taskStatus(
  state: AgentState,
  task: Task,
  uuid: Uint8Array,
  fields: StatusFields,
): TaskStatus {
  const { checks } = task;
  const told = fields.checkStatus ?? (checks?.rules.status && emptyCheckStatus(checks.type));
  return {
    task_id: { value: task.taskId },
    state: fields.state,
    ...(fields.message === undefined ? {} : { message: fields.message }),
    source: fields.source,
    ...(fields.reason === undefined ? {} : { reason: fields.reason }),
    ...(fields.limitation === undefined ? {} : { limitation: fields.limitation }),
    ...(state.agentId === undefined ? {} : { agent_id: { value: state.agentId } }),
    executor_id: { value: task.executorId ?? task.taskId },
    timestamp: state.now.wallMs / SECOND_MS,
    uuid,
    ...(fields.healthy === undefined ? {} : { healthy: fields.healthy }),
    ...(told === undefined || fields.source !== "SOURCE_EXECUTOR" ? {} : { check_status: told }),
    container_status: {
      container_id: containerIdFrom(task.containerId),
      network_infos: [...networkInfos(state.config, task.networks)],
      ...(task.pid === undefined ? {} : { executor_pid: task.pid }),
    },
  };
}

/** The terminal update of a command that ended (Mesos src/launcher/executor.cpp `reaped`). */
export function endedStatus(
  exit: Exit,
  { ending, endedAsUnhealthy }: Pick<Task, "ending" | "endedAsUnhealthy">,
  framework: Framework | undefined,
): StatusFields {
  const message = exitMessage(exit);
  const source = "SOURCE_EXECUTOR";
  if (isKill(ending)) {
    const healthy = endedAsUnhealthy ? { healthy: false } : {};
    return { state: killedState(ending, framework), source, message, ...drainReason(ending), ...healthy };
  }
  if (ending === "max-completion-time") {
    return { state: "TASK_FAILED", source, reason: "REASON_MAX_COMPLETION_TIME_REACHED", message };
  }
  if (exit.limitation !== undefined) return limitedStatus(exit.limitation, framework);
  if (exit.kind === "exited" && exit.code === 0) return { state: "TASK_FINISHED", source, message };
  if (exit.kind !== "unknown") return { state: "TASK_FAILED", source, message };
  return { state: "TASK_FAILED", source: "SOURCE_AGENT", reason: "REASON_EXECUTOR_TERMINATED", message };
}

const BYTES_PER_MEGABYTE = 1024 * 1024;

const LIMITATION_REASONS = {
  memory: "REASON_CONTAINER_LIMITATION_MEMORY",
  disk: "REASON_CONTAINER_LIMITATION_DISK",
  ports: "REASON_CONTAINER_LIMITATION",
} as const;

/** As Mesos tells of a container that it destroyed for its limit, or to take back what it had lent. */
export function limitedStatus(limitation: Limitation, framework: Framework | undefined): StatusFields {
  const { message, resource } = limitation;
  if (resource === "load") {
    const state = framework?.partitionAware === true ? "TASK_GONE" : "TASK_LOST";
    return { state, source: "SOURCE_AGENT", reason: "REASON_CONTAINER_PREEMPTED", message };
  }
  return {
    state: "TASK_FAILED",
    source: "SOURCE_AGENT",
    reason: LIMITATION_REASONS[resource],
    message,
    limitation: { resources: [limitedResource(limitation)] },
  };
}

/** Of memory what it had, of disk what it may have, of ports those that it took without having them. */
function limitedResource({ limitBytes, ports, resource, usedBytes }: Limitation): Resource {
  if (resource === "ports") return { name: "ports", type: "RANGES", ranges: { range: [...(ports ?? [])] } };
  const isDisk = resource === "disk";
  const value = Math.floor((isDisk ? (limitBytes ?? usedBytes) : usedBytes) / BYTES_PER_MEGABYTE);
  return { name: isDisk ? "disk" : "mem", type: "SCALAR", scalar: { value } };
}

/** Somebody asked for the end. */
export function isKill(ending: Ending | undefined): ending is Exclude<Ending, "max-completion-time"> {
  return ending !== undefined && ending !== "max-completion-time";
}

/** Mesos: Slave::statusUpdate, "If the agent is draining". */
export function killedState(ending: Ending, framework: Framework | undefined): TaskState {
  return ending === "drain-gone" && framework?.partitionAware ? "TASK_GONE_BY_OPERATOR" : "TASK_KILLED";
}

/** The reason of updates about a task that ends with its agent's draining. */
export function drainReason(ending: Ending): { readonly reason?: TaskStatusReason } {
  return ending === "drain" || ending === "drain-gone" ? { reason: "REASON_AGENT_DRAINING" } : {};
}

/** `state` for PARTITION_AWARE frameworks, TASK_LOST for the others (mesos.proto, TaskState). */
export function lostState(framework: Framework, state: "TASK_DROPPED" | "TASK_GONE"): TaskState {
  return framework.partitionAware ? state : "TASK_LOST";
}

function exitMessage(exit: Exit): string {
  switch (exit.kind) {
    case "exited":
      return `Command exited with status ${exit.code}`;
    case "signaled":
      return `Command terminated with signal ${signalText(exit.signal)}`;
    case "unknown":
      return `Command ended and left no exit status: ${exit.reason}`;
  }
}

/** As glibc's strsignal words them. */
const SIGNAL_TEXTS: Readonly<Record<number, string>> = {
  1: "Hangup",
  2: "Interrupt",
  3: "Quit",
  4: "Illegal instruction",
  5: "Trace/breakpoint trap",
  6: "Aborted",
  7: "Bus error",
  8: "Floating point exception",
  9: "Killed",
  10: "User defined signal 1",
  11: "Segmentation fault",
  12: "User defined signal 2",
  13: "Broken pipe",
  14: "Alarm clock",
  15: "Terminated",
  24: "CPU time limit exceeded",
  25: "File size limit exceeded",
  31: "Bad system call",
};

function signalText(signal: number): string {
  return SIGNAL_TEXTS[signal] ?? `${signal}`;
}
