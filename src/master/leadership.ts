/** A new leader's memory, built from the registry alone (HA-10, HA-11). */
import { PART_MAX_ITEMS } from "../base/limits.ts";
import type { AgentRecord, FrameworkRecord } from "../registry/records.ts";
import { decodeBlob } from "../wire/blob.ts";
import { startRetention } from "./agent-retention.ts";
import { enterAllocator, rememberAgent } from "./agents.ts";
import { startFailoverTimer } from "./disconnect.ts";
import { drainedAway } from "./drain.ts";
import { failoverTimeoutMs, frameworkSpec, NO_WISHES, rememberFramework } from "./framework-memory.ts";
import { inParts } from "./later.ts";
import type { Leader } from "./leader.ts";
import { pauseForRecovery } from "./recovery-pause.ts";
import { proposeRemoval } from "./remove-framework.ts";
import { timerName } from "./timer-names.ts";

/** In parts: a cluster has thousands of agents. The leader is of no use before the last one. */
export function* leadershipGained(leader: Leader, newClusterId: () => string): Generator<number, number> {
  if (leader.registry.clusterId === undefined) {
    leader.propose({ kind: "init-cluster", clusterId: newClusterId(), atMs: leader.now.wallMs });
  }
  const { history } = leader.settings;
  const kept = leader.registry.historyBounds;
  if (
    history.completedFrameworks !== kept.completedFrameworks ||
    history.completedTasksPerFramework !== kept.completedTasksPerFramework
  ) {
    leader.propose({ kind: "set-history-bounds", bounds: history });
  }
  const { frameworks, agents, weights, quotas } = leader.registry;
  for (const [role, weight] of weights) leader.allocator.updateWeight(role, weight);
  yield* inParts(frameworks.values(), PART_MAX_ITEMS, (record) => recoverFramework(leader, record));
  const recover = (record: AgentRecord): void => recoverAgent(leader, record);
  yield* inParts(
    agents.values(),
    PART_MAX_ITEMS,
    recover,
    ({ id }) => 1 + leader.agent(id).holdings.size / 4,
  );
  leader.allocator.updateQuotas(quotas);
  for (const { id, leavingAtMs } of frameworks.values()) {
    if (leavingAtMs !== undefined) proposeRemoval(leader, id);
  }
  pauseForRecovery(leader);
  startRetention(leader);
  return 0;
}

/**
 * Whoever was connected lost its leader, not its will: its failover timeout
 * starts now. Nobody is removed before it had time to find this leader.
 */
function recoverFramework(leader: Leader, record: FrameworkRecord): void {
  const { wallMs } = leader.now;
  const info = decodeBlob("FrameworkInfo", record.info);
  const framework = rememberFramework(leader, record.id, info, NO_WISHES);
  framework.recovered = true;
  leader.allocator.addFramework(framework.id, { ...frameworkSpec(framework), active: false });
  const timeoutMs = failoverTimeoutMs(framework.info);
  const sinceMs = record.disconnectedAtMs === undefined ? 0 : Math.max(0, wallMs - record.disconnectedAtMs);
  const remainingMs = Math.max(timeoutMs - sinceMs, leader.settings.frameworkReturnTimeoutMs);
  startFailoverTimer(leader, framework, remainingMs);
  if (record.disconnectedAtMs === undefined) {
    leader.propose({ kind: "disconnect-framework", frameworkId: record.id, atMs: wallMs });
  }
}

function recoverAgent(leader: Leader, record: AgentRecord): void {
  const agent = rememberAgent(leader, record);
  if (record.drain?.drained) drainedAway(leader, record);
  if (record.unreachableAtMs !== undefined) {
    agent.unreachable = true;
    return;
  }
  agent.recovered = true;
  leader.recoveredAgents++;
  enterAllocator(leader, agent, false);
  leader.timers.set(
    timerName("unreachable", agent.id),
    leader.now.monotonicMs + leader.settings.agentReregisterTimeoutMs,
  );
}

/** Everybody is to look for the new leader; what waits for a commit may or may not have happened. */
export function leadershipLost(leader: Leader): void {
  for (const streamId of leader.frameworkOfStream.keys()) leader.emit({ kind: "close-stream", streamId });
  for (const { streamId, ref } of leader.pendingFrameworks) {
    if (streamId !== undefined) leader.emit({ kind: "close-stream", streamId });
    if (ref !== undefined) leader.answer(ref, 503, LOST);
  }
  for (const refs of leader.teardowns.values()) for (const ref of refs) leader.answer(ref, 503, LOST);
  for (const ref of leader.requests.all()) leader.answer(ref, 503, LOST);
  for (const ref of leader.noteChanges.values()) leader.answer(ref, 503, LOST);
  for (const { changes } of leader.agents.values()) {
    for (const { ref } of changes.values()) if (ref !== undefined) leader.answer(ref, 503, LOST);
  }
  for (const link of leader.links) leader.emit({ kind: "close-link", link });
  leader.emit({ kind: "close-operator-streams" });
}

const LOST = "This master lost its leadership; ask the new leader whether the call took effect";
