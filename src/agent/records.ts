/**
 * The records of the checkpoint as values, and their bytes. See
 * checkpoint.ts for the keys.
 */
import type { TaskState } from "../model/v1/tasks.ts";

export interface AgentRecord {
  /** Undefined until a master registered the agent. */
  readonly agentId: string | undefined;
  /** Highest term seen: messages of a lower one are ignored (design.md 2.5). */
  readonly term: number;
  /** Boot during which the record was written. */
  readonly bootId: string;
}

export interface TaskRecord {
  readonly frameworkId: string;
  readonly taskId: string;
  readonly containerId: string;
  /** blob TaskInfo. */
  readonly info: Uint8Array;
}

/** An update that the framework has not acknowledged. */
export interface PendingUpdate {
  /** 16 raw bytes. */
  readonly uuid: Uint8Array;
  readonly state: TaskState;
  /** blob TaskStatus. */
  readonly status: Uint8Array;
}

export interface StreamRecord {
  /** Latest state, acknowledged or not; TASK_STAGING before the first update. */
  readonly state: TaskState;
  /** A kill was asked for: how the task ends is TASK_KILLED, also after an agent restart. */
  readonly killAsked: boolean;
  /** Wall time of the launch in milliseconds since the epoch; the maximum completion time counts from it. */
  readonly startedAtMs: number | undefined;
  /** In the order they were made; the first is in flight. */
  readonly pending: readonly PendingUpdate[];
}
