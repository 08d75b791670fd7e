/**
 * The commands that change the replicated registry. A log entry holds all
 * commands of one turn of the leader, in order; every master applies them
 * alike and gets the same outcome for each.
 *
 * The leader mints every id, timestamp and uuid before it proposes: applying
 * draws no chance and reads no clock. Times are `…AtMs`, wall clock of the
 * leader. Cold values are bytes of `encodeBlob`.
 *
 * `tag` numbers are append-only and never reused: logs of every released
 * version must load for ever (tests/fixtures/logs).
 */
import type { Quota } from "../model/quota.ts";

import type { TaskState } from "../model/v1/tasks.ts";
import type {
  ActivateAgent,
  AgentDrained,
  DrainAgent,
  ForgetAgents,
  MarkAgentGone,
  StartMaintenance,
  StopMaintenance,
  UpdateMaintenance,
} from "./agent-commands.ts";

/** A framework subscribes for the first time, or with an id this cluster does not know. */
export interface AddFramework {
  readonly kind: "add-framework";
  readonly frameworkId: string;
  /** blob FrameworkInfo, with `id` and `principal` filled in. */
  readonly info: Uint8Array;
  readonly atMs: number;
}

/** A known framework subscribes again or updates its info; clears a disconnection. */
export interface UpdateFramework {
  readonly kind: "update-framework";
  readonly frameworkId: string;
  readonly info: Uint8Array;
  readonly atMs: number;
}

/** The framework's stream closed; its failover deadline runs from `atMs` on the replicated wall clock. */
export interface DisconnectFramework {
  readonly kind: "disconnect-framework";
  readonly frameworkId: string;
  readonly atMs: number;
}

/**
 * Teardown or a passed failover deadline: the framework is completed, its unfinished tasks become
 * TASK_KILLED.
 */
export interface RemoveFramework {
  readonly kind: "remove-framework";
  readonly frameworkId: string;
  readonly atMs: number;
}

/** Before a removal, for a framework with many tasks: these end as the removal would end them. */
export interface EndTasks {
  readonly kind: "end-tasks";
  readonly frameworkId: string;
  readonly taskIds: readonly string[];
  readonly atMs: number;
}

export interface AddAgent {
  readonly kind: "add-agent";
  readonly agentId: string;
  /** blob AgentInfo, with `id` filled in. */
  readonly info: Uint8Array;
  readonly ip: string;
  readonly version: string;
  readonly capabilities: readonly string[];
  readonly atMs: number;
}

/** A known agent registers again (restart, new leader, return from unreachable). */
export interface ReregisterAgent {
  readonly kind: "reregister-agent";
  readonly agentId: string;
  readonly info: Uint8Array;
  readonly ip: string;
  readonly version: string;
  readonly capabilities: readonly string[];
  readonly atMs: number;
}

/** Pings went unanswered: tasks become TASK_UNREACHABLE, or TASK_LOST without PARTITION_AWARE. */
export interface MarkAgentUnreachable {
  readonly kind: "mark-agent-unreachable";
  readonly agentId: string;
  readonly atMs: number;
}

/** The agent left for good; unfinished tasks become TASK_LOST or, with PARTITION_AWARE, TASK_GONE. */
export interface RemoveAgent {
  readonly kind: "remove-agent";
  readonly agentId: string;
  readonly atMs: number;
  /** Keep the id, so that the agent is refused for ever; false in entries older than that list. */
  readonly remember: boolean;
}

export interface LaunchTask {
  readonly taskId: string;
  /** blob TaskInfo with allocated resources. */
  readonly info: Uint8Array;
  /** Names this run of the task id; a UUID that the leader drew, see run-ids.ts. */
  readonly runId: string;
}

/**
 * Tasks accepted on offers of one agent; refused one by one when an id is in use or framework or agent is
 * gone.
 */
export interface LaunchTasks {
  readonly kind: "launch-tasks";
  readonly frameworkId: string;
  readonly agentId: string;
  readonly role: string;
  readonly tasks: readonly LaunchTask[];
  readonly atMs: number;
  /**
   * blob Resource each: reservations and volumes that the tasks use. All are refused unless the agent
   * has them; empty in older entries.
   */
  readonly needs: readonly Uint8Array[];
}

/**
 * A task group (LAUNCH_GROUP): each TaskInfo carries its executor. Refused as a whole when one id is
 * in use.
 */
export interface LaunchGroup extends Omit<LaunchTasks, "kind"> {
  readonly kind: "launch-group";
}

/** A status update of a task as its agent (or the master itself) sent it. */
export interface UpdateTask {
  readonly kind: "update-task";
  readonly frameworkId: string;
  readonly taskId: string;
  readonly agentId: string;
  readonly state: string;
  readonly latestState: string;
  /** Raw 16 bytes; undefined for updates that are not acknowledged. */
  readonly uuid: Uint8Array | undefined;
  /** blob TaskStatus. */
  readonly status: Uint8Array;
  /** Refused when the task's run is another; undefined in older entries and of older agents: any run. */
  readonly runId: string | undefined;
}

/** The framework acknowledged the terminal update: the task moves to the completed ones. */
export interface CompleteTask {
  readonly kind: "complete-task";
  readonly frameworkId: string;
  readonly taskId: string;
  readonly uuid: Uint8Array;
  /** As in {@link UpdateTask}. */
  readonly runId: string | undefined;
}

/** An operation whose framework wants to hear of its outcome: it gave it an id. */
export interface TrackedOperation {
  readonly operationId: string;
  /** blob OfferOperation. */
  readonly info: Uint8Array;
  /** blob OperationStatus, the end of the operation, with the uuid to acknowledge. */
  readonly status: Uint8Array;
  /** Raw 16 bytes, as in `status`. */
  readonly statusUuid: Uint8Array;
}

/** Changes what an agent has: reservations and volumes come or go, all of them or none. */
export interface ApplyOperations {
  readonly kind: "apply-operations";
  /** Names the change: a UUID that the leader drew. */
  readonly changeId: string;
  /** Undefined for an operator's. */
  readonly frameworkId: string | undefined;
  readonly agentId: string;
  /** blob Resource each, without allocation. */
  readonly consumed: readonly Uint8Array[];
  readonly converted: readonly Uint8Array[];
  readonly operations: readonly TrackedOperation[];
  /** The operator's name for the change, which is not done twice. Undefined in older entries. */
  readonly requestId?: string | undefined;
}

/** The framework acknowledged the end of an operation: it is forgotten. */
export interface AcknowledgeOperation {
  readonly kind: "acknowledge-operation";
  readonly frameworkId: string;
  readonly operationId: string;
  readonly statusUuid: Uint8Array;
}

/** Stores a value under a name of a framework's or operator's choice. */
export interface PutNote {
  readonly kind: "put-note";
  readonly key: string;
  readonly value: Uint8Array;
  /** Refused unless the note has this version now, 0: unless there is none; undefined: always stored. */
  readonly ifVersion: number | undefined;
}

/** Removes a note; `ifVersion` as for {@link PutNote}. */
export interface DeleteNote {
  readonly kind: "delete-note";
  readonly key: string;
  readonly ifVersion: number | undefined;
}

/** The leader's flags ask for more or less history than is kept. */
export interface SetHistoryBounds {
  readonly kind: "set-history-bounds";
  readonly bounds: {
    readonly completedFrameworks: number;
    readonly completedTasksPerFramework: number;
  };
}

/** Sets weights of roles. */
export interface UpdateWeights {
  readonly kind: "update-weights";
  readonly weights: readonly (readonly [role: string, weight: number])[];
}

/** Sets quota of roles, all at once; one without guarantees and limits is removed. */
export interface UpdateQuota {
  readonly kind: "update-quota";
  readonly quotas: readonly (readonly [role: string, quota: Quota])[];
}

export type RoleCommand = UpdateWeights | UpdateQuota;

export type NoteCommand = PutNote | DeleteNote;

/** The first command of a new cluster; later ones are refused. */
export interface InitCluster {
  readonly kind: "init-cluster";
  readonly clusterId: string;
  readonly atMs: number;
}

export type Command =
  | InitCluster
  | AddFramework
  | UpdateFramework
  | DisconnectFramework
  | RemoveFramework
  | EndTasks
  | AddAgent
  | ReregisterAgent
  | MarkAgentUnreachable
  | RemoveAgent
  | LaunchTasks
  | LaunchGroup
  | SetHistoryBounds
  | UpdateTask
  | CompleteTask
  | PutNote
  | DeleteNote
  | ApplyOperations
  | AcknowledgeOperation
  | MarkAgentGone
  | DrainAgent
  | AgentDrained
  | ActivateAgent
  | UpdateMaintenance
  | StartMaintenance
  | StopMaintenance
  | ForgetAgents
  | UpdateWeights
  | UpdateQuota;

export type CommandKind = Command["kind"];

/** Wire tags; append only, never reuse a number. */
export const COMMAND_TAGS = {
  "init-cluster": 1,
  "add-framework": 2,
  "update-framework": 3,
  "disconnect-framework": 4,
  "remove-framework": 5,
  "add-agent": 6,
  "reregister-agent": 7,
  "mark-agent-unreachable": 8,
  "remove-agent": 9,
  "launch-tasks": 10,
  "update-task": 11,
  "complete-task": 12,
  "put-note": 13,
  "delete-note": 14,
  "apply-operations": 15,
  "acknowledge-operation": 16,
  "mark-agent-gone": 32,
  "drain-agent": 33,
  "agent-drained": 34,
  "activate-agent": 35,
  "update-maintenance": 36,
  "start-maintenance": 37,
  "stop-maintenance": 38,
  "forget-agents": 39,
  "update-weights": 17,
  "update-quota": 18,
  "launch-group": 30,
  "set-history-bounds": 31,
  "end-tasks": 40,
} as const satisfies Record<CommandKind, number>;

/** One task of a launch that was refused while the others went through. */
export interface RefusedTask {
  readonly taskId: string;
  readonly reason: RefusalReason;
}

/** A task that ended with its agent, and whose framework knew of no end. */
export interface EndedTask {
  readonly frameworkId: string;
  readonly taskId: string;
  readonly agentId: string;
  readonly state: TaskState;
  /** Its end is not new to the master, only to its framework. */
  readonly wasKnown?: boolean;
}

/** What became of one command; equal on every master. */
export type Outcome =
  | {
      readonly accepted: true;
      readonly endedTasks?: readonly EndedTask[];
      readonly refusedTasks?: readonly RefusedTask[];
      /** Version of a stored note. */
      readonly version?: number;
    }
  | { readonly accepted: false; readonly reason: RefusalReason };

export type RefusalReason =
  | "cluster-exists"
  | "framework-unknown"
  | "framework-exists"
  | "framework-completed"
  | "agent-unknown"
  | "agent-removed"
  | "agent-exists"
  /** What is reserved on the agent, or its volumes, are more than it has now. */
  | "agent-too-small"
  /** It takes no tasks: an operator deactivated or drains it. */
  | "agent-inactive"
  | "agent-draining"
  | "machine-down"
  /** A machine is in another mode than the change needs. */
  | "machine-mode"
  | "resources-missing"
  | "operation-unknown"
  | "task-unknown"
  | "task-exists"
  | "task-terminal"
  | "run-mismatch"
  | "uuid-mismatch"
  | "note-unknown"
  | "note-version"
  | "notes-full";
