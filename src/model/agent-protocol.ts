/**
 * Messages between a master and an agent: msgpack frames over one TCP link
 * that the agent opens to the leader's raft port. Cold values (TaskInfo,
 * FrameworkInfo, TaskStatus …) travel as the bytes of `encodeBlob`.
 *
 * Every message from a master carries the leader's `term`; an agent ignores
 * a lower term than the highest it has seen (design.md 2.5), and a master
 * ignores a message that answers another term.
 *
 * Order matters only within one link: it is kept. A link may break at any
 * byte; both sides then start over with RegisterAgent.
 *
 * Fields are append-only; `kind` strings are never reused.
 *
 * A task id may be used again once its task was acknowledged as ended, and the
 * agent may not know of that acknowledgement yet. Therefore what is said of a
 * task names its run: `runId`, a UUID that the leader drew at ACCEPT. It is
 * undefined for tasks of older versions and then stands for any run of the
 * task id ({@link sameRun}).
 */

/** Version of this protocol, in the hello frame of a link. */
export const AGENT_PROTOCOL_VERSION = 1;

/** How often a master pings an agent, and how many unanswered pings end it (Mesos: 15 s, 5). */
export const DEFAULT_PING_INTERVAL_MS = 15_000;
export const DEFAULT_MAX_PING_TIMEOUTS = 5;

/** Whether two run ids may name the same run. */
export function sameRun(a: string | undefined, b: string | undefined): boolean {
  return a === undefined || b === undefined || a === b;
}

/** One task as an agent reports it at (re-)registration. */
export interface AgentTaskReport {
  readonly frameworkId: string;
  readonly taskId: string;
  /** Undefined when it is the run id: reports of ten thousand tasks must fit one frame. */
  readonly containerId: string | undefined;
  /** Latest state the agent knows, possibly newer than what the framework acknowledged. */
  readonly state: string;
  /** True when the latest state is terminal and its update was acknowledged: nothing more will come. */
  readonly settled: boolean;
  readonly runId: string | undefined;
}

/** One executor that a framework brought, as the agent reports it. */
export interface AgentExecutorReport {
  readonly frameworkId: string;
  readonly executorId: string;
  /** blob ExecutorInfo, as its first task carried it. */
  readonly info: Uint8Array;
}

/** First message on a link. A new agent has no `agentId`. */
export interface RegisterAgent {
  readonly kind: "register-agent";
  readonly agentId: string | undefined;
  /** blob AgentInfo: hostname, port, resources, attributes, domain. */
  readonly info: Uint8Array;
  /** Address of the agent's HTTP API as others reach it. */
  readonly ip: string;
  readonly version: string;
  readonly capabilities: readonly string[];
  /** Every task the agent runs or still owes an acknowledged terminal update for. */
  readonly tasks: readonly AgentTaskReport[];
  /** Data of persistent volumes may be on its disks: it needs UpdateVolumes even when there are none left. */
  readonly hasVolumes?: boolean;
  /** Every custom executor whose container may live; absent in older versions. */
  readonly executors?: readonly AgentExecutorReport[];
}

/** A status update; sent again until {@link AcknowledgeUpdate} for its uuid comes. */
export interface StatusUpdate {
  readonly kind: "status-update";
  readonly frameworkId: string;
  readonly taskId: string;
  /** 16 raw bytes. */
  readonly uuid: Uint8Array;
  /** State of this update, as in `status`. */
  readonly state: string;
  /** Latest state of the task at the time of sending (TSK-7). */
  readonly latestState: string;
  /** blob TaskStatus, complete: uuid, timestamp, agent_id, source, container_status … */
  readonly status: Uint8Array;
  readonly runId: string | undefined;
}

export interface Pong {
  readonly kind: "pong";
  readonly nonce: number;
}

/** The agent stops for good (graceful shutdown with `--unregister`): its tasks are gone. */
export interface UnregisterAgent {
  readonly kind: "unregister-agent";
}

/** An executor's message for its framework's scheduler; best effort (FRW-15). */
export interface ExecutorMessage {
  readonly kind: "executor-message";
  readonly frameworkId: string;
  readonly executorId: string;
  readonly data: Uint8Array;
}

/** A custom executor's container is no more. What its tasks became comes as status updates. */
export interface ExecutorExited {
  readonly kind: "executor-exited";
  readonly frameworkId: string;
  readonly executorId: string;
  /** As wait(2) gives it; -1 when it is not known. */
  readonly status: number;
}

export type AgentToMaster =
  | RegisterAgent
  | StatusUpdate
  | Pong
  | UnregisterAgent
  | ExecutorMessage
  | ExecutorExited;

/** Answers RegisterAgent once the registration is committed. */
export interface AgentRegistered {
  readonly kind: "agent-registered";
  readonly term: number;
  readonly agentId: string;
  readonly masterId: string;
  /** Silence of the master for this long means: look for the leader anew. */
  readonly pingTimeoutMs: number;
}

/**
 * The agent may not take part (gone, shut down by an operator, incompatible). It kills its tasks and stops.
 */
export interface AgentRefused {
  readonly kind: "agent-refused";
  readonly term: number;
  readonly reason: string;
  /** The reason passes: started again later, the same agent may be let in. */
  readonly mayReturn?: boolean;
}

/**
 * End all tasks (AGT-14); comes again with each registration until nothing is left. The master sends
 * no others meanwhile.
 */
export interface DrainTasks {
  readonly kind: "drain";
  readonly term: number;
  /** Cuts the tasks' own grace periods; undefined: these hold. */
  readonly maxGraceMs: number | undefined;
  /** The agent will be marked gone: tasks end as TASK_GONE_BY_OPERATOR where frameworks know that state. */
  readonly markGone: boolean;
}

/** Run one task. Repeats are harmless: the agent knows the run by its id. */
export interface RunTask {
  readonly kind: "run-task";
  readonly term: number;
  readonly frameworkId: string;
  readonly taskId: string;
  /** blob FrameworkInfo. */
  readonly framework: Uint8Array;
  /** blob TaskInfo, resources allocated. */
  readonly task: Uint8Array;
  /** Also the id of its container. */
  readonly runId: string | undefined;
  /**
   * Of a task with an executor: false says that the executor was sent before, so that an agent that
   * has none by now drops the task instead of starting one nobody accounts for.
   */
  readonly launchExecutor?: boolean;
}

/**
 * Run the tasks of one group, together or not at all, under the executor that each TaskInfo carries.
 * Repeats are harmless.
 */
export interface RunTaskGroup {
  readonly kind: "run-task-group";
  readonly term: number;
  readonly frameworkId: string;
  /** blob FrameworkInfo. */
  readonly framework: Uint8Array;
  /** As in {@link RunTask}. */
  readonly tasks: readonly Pick<RunTask, "taskId" | "task" | "runId">[];
  /** As in {@link RunTask}. */
  readonly launchExecutor?: boolean;
}

export interface KillTask {
  readonly kind: "kill-task";
  readonly term: number;
  readonly frameworkId: string;
  readonly taskId: string;
  /** Overrides the task's own kill policy (TSK-9). */
  readonly gracePeriodMs: number | undefined;
  readonly runId: string | undefined;
}

export interface AcknowledgeUpdate {
  readonly kind: "acknowledge-update";
  readonly term: number;
  readonly frameworkId: string;
  readonly taskId: string;
  readonly uuid: Uint8Array;
  /** Undefined also when only the agent can tell which run's update it is. */
  readonly runId: string | undefined;
}

/** The framework is gone: end all its tasks; no updates are owed any more. */
export interface ShutdownFramework {
  readonly kind: "shutdown-framework";
  readonly term: number;
  readonly frameworkId: string;
}

/** One persistent volume of an agent. */
export interface VolumeEntry {
  readonly role: string;
  readonly persistenceId: string;
  /** Root of the PATH or MOUNT disk it is on; undefined: the work directory. */
  readonly root: string | undefined;
  /** The disk is a MOUNT disk: the volume is all of it, at its root. */
  readonly wholeDisk?: boolean;
  /** Another for each making: data of an earlier one must go. */
  readonly making: string;
}

/** All persistent volumes that the agent has now; comes before any task that uses a new one. */
export interface UpdateVolumes {
  readonly kind: "update-volumes";
  readonly term: number;
  readonly volumes: readonly VolumeEntry[];
  /**
   * Tells this registration of the agent with this cluster from others: volumes of another are no
   * business of this master, and their data stays.
   */
  readonly registration: number;
}

/**
 * The framework has a new stream: what it has not acknowledged is sent again
 * at once, for the old stream may have swallowed it.
 */
export interface ResendUpdates {
  readonly kind: "resend-updates";
  readonly term: number;
  readonly frameworkId: string;
}

/** A framework ends one of its executors. */
export interface ShutdownExecutor {
  readonly kind: "shutdown-executor";
  readonly term: number;
  readonly frameworkId: string;
  readonly executorId: string;
}

/** A scheduler's message for an executor; best effort. */
export interface FrameworkMessage {
  readonly kind: "framework-message";
  readonly term: number;
  readonly frameworkId: string;
  readonly executorId: string;
  readonly data: Uint8Array;
}

export interface Ping {
  readonly kind: "ping";
  readonly term: number;
  readonly nonce: number;
}

export type MasterToAgent =
  | AgentRegistered
  | AgentRefused
  | RunTask
  | RunTaskGroup
  | KillTask
  | AcknowledgeUpdate
  | ShutdownFramework
  | ResendUpdates
  | UpdateVolumes
  | DrainTasks
  | ShutdownExecutor
  | FrameworkMessage
  | Ping;
