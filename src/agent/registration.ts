/**
 * The way to the leading master.
 *
 *     idle --recovered--> finding --> connecting --> registering --> registered
 *                           ^ |            |              |               |
 *          back-off is over | +--failed----+--------------+               |
 *                           |      v                                      |
 *                           +-- waiting        link closed, or silence ---+
 *                           +------------------- at once -----------------+
 *
 * The back-off starts short, so that a change of leader costs little (Mesos:
 * at 1 s), and doubles to a minute; each step is said once in the log.
 */
import { MINUTE_MS, SECOND_MS } from "../base/time.ts";
import { AGENT_CAPABILITIES } from "../model/agent-capabilities.ts";
import type { AgentExecutorReport, AgentRegistered, AgentTaskReport } from "../model/agent-protocol.ts";
import { ownPart } from "../model/container-id.ts";
import { isTerminalState } from "../model/task-state.ts";
import { encodeBlob } from "../wire/blob.ts";
import { abandonExecutors, tellExited } from "./end-executor.ts";
import { abandon } from "./end-task.ts";
import type { AgentState } from "./state.ts";
import { resendHeads } from "./status-updates.ts";
import type { LeaderAddress } from "./types.ts";

/** Unless --registration-backoff-factor says otherwise. */
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = MINUTE_MS;
/** Looking up, connecting and registering may each take this long: a registration waits for a commit. */
const STEP_TIMEOUT_MS = 15 * SECOND_MS;
const DEADLINE = "registration";

export function findLeader(state: AgentState): void {
  state.connection = { kind: "finding" };
  state.counters.registrationAttempts++;
  state.emit({ kind: "find-leader" });
  arm(state, STEP_TIMEOUT_MS);
}

export function leaderFound(state: AgentState, leader: LeaderAddress): void {
  if (state.connection.kind !== "finding") return;
  const linkId = ++state.lastLinkId;
  state.connection = { kind: "connecting", linkId, leader };
  state.emit({ kind: "connect", linkId, leader });
  arm(state, STEP_TIMEOUT_MS);
}

export function leaderNotFound(state: AgentState, reason: string): void {
  if (state.connection.kind === "finding") retryLater(state, reason);
}

export function linkOpened(state: AgentState, linkId: number): void {
  const { connection } = state;
  if (connection.kind !== "connecting" || connection.linkId !== linkId) return;
  state.connection = { kind: "registering", linkId, leader: connection.leader, exits: [] };
  const { config, agentId } = state;
  const id = agentId === undefined ? {} : { id: { value: agentId } };
  state.emit({
    kind: "send",
    linkId,
    message: {
      kind: "register-agent",
      agentId,
      info: encodeBlob("AgentInfo", { ...config.info, ...id }),
      ip: config.ip,
      version: config.version,
      capabilities: AGENT_CAPABILITIES,
      tasks: [...taskReports(state)],
      ...(state.volumes.known.size === 0 ? {} : { hasVolumes: true }),
      ...(state.executors.size === 0 ? {} : { executors: executorReports(state) }),
    },
  });
  arm(state, STEP_TIMEOUT_MS);
}

function executorReports(state: AgentState): AgentExecutorReport[] {
  return [...state.executors.values()].map(({ frameworkId, executorId, info }) => ({
    frameworkId,
    executorId,
    info,
  }));
}

function* taskReports(state: AgentState): Iterable<AgentTaskReport> {
  for (const task of state.tasks.values()) {
    yield {
      frameworkId: task.frameworkId,
      taskId: task.taskId,
      containerId: ownPart(task.containerId) === task.runId ? undefined : task.containerId,
      state: task.stream.state,
      // An acknowledged terminal update ends the task here, so none is left to report.
      settled: isTerminalState(task.stream.state) && task.stream.pending.length === 0,
      runId: task.runId,
    };
  }
}

export function linkClosed(state: AgentState, linkId: number, reason: string): void {
  const { connection } = state;
  if (!("linkId" in connection) || connection.linkId !== linkId) return;
  if (connection.kind !== "registered") {
    retryLater(state, `${address(connection.leader)}: ${reason}`);
    return;
  }
  state.log.warn("Lost the link to the leading master; looking for the leader", {
    master: address(connection.leader),
    reason,
  });
  findLeader(state);
}

export function registered(state: AgentState, message: AgentRegistered): void {
  const { connection } = state;
  if (connection.kind !== "registering" && connection.kind !== "registered") return;
  const { linkId, leader } = connection;
  // An agent that is about to leave takes no id on any more: it would come back under one it gave up.
  if (state.agentId !== message.agentId && state.stopping?.unregister !== true) {
    if (state.agentId !== undefined) dropTasksOfOldId(state, message.agentId);
    state.agentId = message.agentId;
    state.writeAgentRecord();
  }
  // Not in the report: the master sends those again that it still wants.
  state.successors.clear();
  state.waitingGroups.length = 0;
  // If it still holds, the master says so again.
  state.drain = undefined;
  state.failures = 0;
  state.connection = { kind: "registered", linkId, leader, pingTimeoutMs: message.pingTimeoutMs };
  state.log.info("Registered with the leading master", {
    master: address(leader),
    agentId: message.agentId,
    term: message.term,
    tasks: state.tasks.size,
  });
  heard(state);
  if (connection.kind === "registering") {
    for (const message of connection.exits) state.emit({ kind: "send", linkId, message });
  }
  resendHeads(state);
}

/** The cluster does not know the old id, so nobody would ever hear of its tasks. */
function dropTasksOfOldId(state: AgentState, agentId: string): void {
  const oldAgentId = state.agentId;
  const tasks = state.tasks.size;
  state.log.warn("The master gave the agent a new id; ending the tasks of the old one", {
    agentId,
    oldAgentId,
    tasks,
  });
  for (const task of [...state.tasks.values()]) abandon(state, task, task.killGraceMs);
  for (const executor of state.executors.values()) tellExited(state, executor);
  abandonExecutors(state);
}

/** Something came from the master: the silence starts anew. */
export function heard(state: AgentState): void {
  if (state.connection.kind === "registered") arm(state, state.connection.pingTimeoutMs);
}

/** The deadline of the present step has come. */
export function registrationDeadline(state: AgentState): void {
  const { connection } = state;
  switch (connection.kind) {
    case "idle":
      return;
    case "waiting":
      findLeader(state);
      return;
    case "finding":
      retryLater(state, `no answer within ${STEP_TIMEOUT_MS / SECOND_MS} s to the question who leads`);
      return;
    case "connecting":
    case "registering": {
      const what = connection.kind === "connecting" ? "no link" : "no answer to the registration";
      state.emit({ kind: "disconnect", linkId: connection.linkId });
      retryLater(state, `${address(connection.leader)}: ${what} within ${STEP_TIMEOUT_MS / SECOND_MS} s`);
      return;
    }
    case "registered":
      state.log.warn("The leading master is silent; looking for the leader", {
        master: address(connection.leader),
        silentMs: connection.pingTimeoutMs,
      });
      state.emit({ kind: "disconnect", linkId: connection.linkId });
      findLeader(state);
  }
}

/** Stops talking to a master that refused the agent. */
export function disconnect(state: AgentState): void {
  const { connection } = state;
  if ("linkId" in connection) state.emit({ kind: "disconnect", linkId: connection.linkId });
  state.connection = { kind: "idle" };
  state.deadlines.clear(DEADLINE);
}

function retryLater(state: AgentState, reason: string): void {
  const firstMs = state.config.registrationBackoffMs ?? FIRST_BACKOFF_MS;
  const longestMs = Math.min(MAX_BACKOFF_MS, firstMs * 2 ** Math.min(state.failures, 20));
  const delayMs = Math.round(longestMs / 2 + (longestMs / 2) * state.random.fraction());
  state.failures++;
  state.connection = { kind: "waiting" };
  state.log.warn("Cannot reach the leading master; trying again", { reason, retryMs: delayMs });
  arm(state, delayMs);
}

function arm(state: AgentState, afterMs: number): void {
  state.deadlines.set(DEADLINE, state.now.monotonicMs + afterMs);
}

function address(leader: LeaderAddress): string {
  return `${leader.linkHostname}:${leader.linkPort}`;
}
