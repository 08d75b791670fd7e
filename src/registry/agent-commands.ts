/**
 * Commands about agents as a whole: what operators say of them and of their machines. As all
 * commands (commands.ts) they carry times and ids that the leader drew.
 */
import type { MachineID } from "../model/v1/ids.ts";

/** An operator says that the agent is gone for good: its tasks become TASK_GONE_BY_OPERATOR or TASK_LOST. */
export interface MarkAgentGone {
  readonly kind: "mark-agent-gone";
  readonly agentId: string;
  readonly atMs: number;
}

/** The agent ends its tasks and gets no others; it is deactivated too. */
export interface DrainAgent {
  readonly kind: "drain-agent";
  readonly agentId: string;
  /** Cuts the tasks' own grace periods; undefined: these hold. */
  readonly maxGraceMs: number | undefined;
  /** The agent is to be marked gone once it is drained. */
  readonly markGone: boolean;
  readonly atMs: number;
}

/** Nothing is left on an agent that was to drain. */
export interface AgentDrained {
  readonly kind: "agent-drained";
  readonly agentId: string;
  readonly atMs: number;
}

/** An operator stops offers of an agent, or allows them again, which ends its draining too. */
export interface ActivateAgent {
  readonly kind: "activate-agent";
  readonly agentId: string;
  readonly active: boolean;
  readonly atMs: number;
}

/** Replaces the maintenance schedule. */
export interface UpdateMaintenance {
  readonly kind: "update-maintenance";
  /** blob maintenance.Schedule. */
  readonly schedule: Uint8Array;
  readonly atMs: number;
}

/** Machines of the schedule go down: agents on them count as unreachable, and all their tasks have ended. */
export interface StartMaintenance {
  readonly kind: "start-maintenance";
  readonly machines: readonly MachineID[];
  readonly atMs: number;
}

/** Machines that were down are up, and leave the schedule. */
export interface StopMaintenance {
  readonly kind: "stop-maintenance";
  readonly machines: readonly MachineID[];
  readonly atMs: number;
}

/** Unreachable or removed agents that have been so for too long are forgotten; others named stay. */
export interface ForgetAgents {
  readonly kind: "forget-agents";
  readonly agentIds: readonly string[];
}
