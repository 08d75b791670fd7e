/**
 * SUBSCRIBE: checks, commit, then the stream is the framework's
 * (mesos-wire.md 4.2). A refusal is an ERROR event and the stream's end.
 */

import { present } from "../base/assert.ts";
import { sameBytes } from "../base/bytes.ts";
import { BLOB_MAX_BYTES, PART_MAX_ITEMS } from "../base/limits.ts";
import { isTerminalState } from "../model/task-state.ts";
import type { FrameworkInfo } from "../model/v1/frameworks.ts";
import type { AddFramework, UpdateFramework } from "../registry/commands.ts";
import { decodeBlob, encodeBlob } from "../wire/blob.ts";
import { forgetVerdicts } from "./deferred.ts";
import { disconnectFramework } from "./disconnect.ts";
import { checkFramework, tooLarge, wishesOf } from "./framework-checks.ts";
import { frameworkSpec, NO_WISHES, refreshFramework, rememberFramework } from "./framework-memory.ts";
import { scheduleHeartbeat, sendHeartbeat } from "./heartbeats.ts";
import { discardInverseOffers } from "./inverse-offers.ts";
import { inParts, whileWanted } from "./later.ts";
import type { Fate, Leader } from "./leader.ts";
import { masterInfo } from "./master-info.ts";
import { type FrameworkMemory, type PendingFramework, taskKey } from "./memory.ts";
import { discardOffers, rescindOffersOutside } from "./offers.ts";
import { resendOperations } from "./operation-status.ts";
import { frameworkAddedEvent, frameworkUpdatedEvent } from "./operator-events.ts";
import { lastStatus, updateEvent } from "./task-status.ts";
import { timerName } from "./timer-names.ts";
import type { StreamId, SubscribeInput } from "./types.ts";

export function subscribe(leader: Leader, input: SubscribeInput): void {
  const { streamId } = input;
  const body = present(input.call.subscribe, "SUBSCRIBE must have been validated");
  // An empty id asks for one (Mesos, Master::subscribe).
  const id = body.framework_info.id?.value || undefined;
  leader.counters.bump(id === undefined ? "messages_register_framework" : "messages_reregister_framework");
  const given: FrameworkInfo =
    input.principal === undefined
      ? body.framework_info
      : { ...body.framework_info, principal: input.principal };
  const leaves = id !== undefined && (leader.frameworks.get(id)?.leaving ?? "no") !== "no";
  if (id !== undefined && (leaves || leader.registry.completedFrameworks.has(id))) {
    refuseStream(leader, streamId, "Framework has been removed");
    return;
  }
  const record = id === undefined ? undefined : leader.registry.frameworks.get(id);
  const previous = record === undefined ? undefined : decodeBlob("FrameworkInfo", record.info);
  const error = checkFramework(leader.settings, { ...body, framework_info: given }, previous);
  if (error !== undefined) {
    refuseStream(leader, streamId, error);
    return;
  }
  const wishes = wishesOf(leader.settings, body);
  if (!wishes.ok) {
    refuseStream(leader, streamId, wishes.error);
    return;
  }
  const frameworkId = id ?? leader.newFrameworkId();
  const info = encodeBlob("FrameworkInfo", committedInfo(given, frameworkId, previous));
  if (info.length > BLOB_MAX_BYTES) {
    refuseStream(leader, streamId, tooLarge(info));
    return;
  }
  supersede(leader, frameworkId);
  leader.pendingFrameworks.push({ frameworkId, info, ...wishes.value, streamId, ref: undefined });
  leader.propose({
    kind: record === undefined ? "add-framework" : "update-framework",
    frameworkId,
    info,
    atMs: leader.now.wallMs,
  });
}

/**
 * `user` and `checkpoint` stay as first subscribed (FRW-8; Mesos drops the
 * change without a word). `checkpoint` is only shown: mesh checkpoints always.
 */
function committedInfo(
  given: FrameworkInfo,
  frameworkId: string,
  previous: FrameworkInfo | undefined,
): FrameworkInfo {
  const info: FrameworkInfo = { ...given, id: { value: frameworkId } };
  if (previous === undefined) return info;
  info.user = previous.user;
  if (previous.checkpoint === undefined) delete info.checkpoint;
  else info.checkpoint = previous.checkpoint;
  return info;
}

/** A second SUBSCRIBE of one framework wins over a first that is not committed yet. */
function supersede(leader: Leader, frameworkId: string): void {
  for (const pending of leader.pendingFrameworks) {
    if (pending.frameworkId !== frameworkId || pending.streamId === undefined) continue;
    refuseStream(leader, pending.streamId, "Framework failed over");
    pending.streamId = undefined;
  }
}

export function refuseStream(leader: Leader, streamId: StreamId, message: string): void {
  leader.emit({ kind: "scheduler-event", streamId, event: { type: "ERROR", error: { message } } });
  leader.emit({ kind: "close-stream", streamId });
}

/** Removes the entry that waits for this very command. */
export function takePendingFramework(
  leader: Leader,
  command: AddFramework | UpdateFramework,
): PendingFramework | undefined {
  const index = leader.pendingFrameworks.findIndex(
    (pending) => pending.frameworkId === command.frameworkId && sameBytes(pending.info, command.info),
  );
  return index < 0 ? undefined : leader.pendingFrameworks.splice(index, 1)[0];
}

export function frameworkAdded(leader: Leader, command: AddFramework, outcome: Fate): void {
  const pending = takePendingFramework(leader, command);
  if (!outcome.accepted) {
    // Two subscriptions with one id that the cluster did not know: the second is an update.
    if (outcome.reason === "framework-exists" && pending !== undefined) {
      leader.pendingFrameworks.push(pending);
      leader.propose({ ...command, kind: "update-framework" });
      return;
    }
    refusePending(leader, pending, outcome.reason);
    return;
  }
  const info = decodeBlob("FrameworkInfo", command.info);
  const framework = rememberFramework(leader, command.frameworkId, info, pending ?? NO_WISHES);
  leader.allocator.addFramework(framework.id, { ...frameworkSpec(framework), active: false });
  connect(leader, framework, pending);
  leader.sendOperators(() => frameworkAddedEvent(leader, framework));
}

export function frameworkUpdated(leader: Leader, command: UpdateFramework, outcome: Fate): void {
  const pending = takePendingFramework(leader, command);
  if (!outcome.accepted) {
    refusePending(leader, pending, outcome.reason);
    return;
  }
  const framework = leader.framework(command.frameworkId);
  const info = decodeBlob("FrameworkInfo", command.info);
  refreshFramework(leader, framework, info, pending ?? framework);
  if (pending?.ref !== undefined) {
    rescindOffersOutside(leader, framework, new Set(framework.roles));
    leader.answer(pending.ref, 200);
  } else {
    connect(leader, framework, pending);
  }
  leader.sendOperators(() => frameworkUpdatedEvent(leader, framework));
}

/** A full log is no verdict: the stream just ends, since schedulers give up for good at an ERROR. */
export function refusePending(leader: Leader, pending: PendingFramework | undefined, reason: string): void {
  if (pending === undefined) return;
  const { streamId, ref } = pending;
  if (reason === "overloaded") {
    if (streamId !== undefined) leader.emit({ kind: "close-stream", streamId });
    if (ref !== undefined) leader.answer(ref, 503, "The log of the master is full; call again");
    return;
  }
  const message = "Framework has been removed";
  if (streamId !== undefined) refuseStream(leader, streamId, message);
  if (ref !== undefined) leader.answer(ref, 400, message);
}

/** Makes the waiting stream the framework's; an older one learns that it lost (FRW-6). */
function connect(leader: Leader, framework: FrameworkMemory, pending: PendingFramework | undefined): void {
  const streamId = pending?.streamId;
  // Committed, the return counts even if the stream is gone again.
  forgetVerdicts(leader, framework.id);
  leader.timers.clear(timerName("failover", framework.id));
  framework.recovered = false;
  if (streamId === undefined) {
    if (framework.streamId === undefined) disconnectFramework(leader, framework);
    return;
  }
  if (framework.streamId !== undefined) {
    leader.frameworkOfStream.delete(framework.streamId);
    leader.send(framework, { type: "ERROR", error: { message: "Framework failed over" } });
    leader.emit({ kind: "close-stream", streamId: framework.streamId });
  }
  leader.allocator.deactivateFramework(framework.id);
  discardOffers(leader, framework);
  discardInverseOffers(leader, framework);
  framework.streamId = streamId;
  leader.frameworkOfStream.set(streamId, framework.id);
  leader.allocator.activateFramework(framework.id);
  leader.allocationDue = true;
  leader.send(framework, {
    type: "SUBSCRIBED",
    subscribed: {
      framework_id: { value: framework.id },
      heartbeat_interval_seconds: leader.settings.heartbeatIntervalMs / 1000,
      master_info: masterInfo(leader.settings),
    },
  });
  sendHeartbeat(leader, framework);
  scheduleHeartbeat(leader, framework);
  resendUpdates(leader, framework);
  resendOperations(leader, framework);
}

/**
 * What the framework has not acknowledged need not wait for the agents' next
 * retry, which may be minutes away: its agents send it again. Ends come from
 * the registry too, for an agent may be out of reach.
 */
function resendUpdates(leader: Leader, framework: FrameworkMemory): void {
  const { streamId } = framework;
  leader.later.add(whileWanted(() => framework.streamId === streamId, resend(leader, framework)));
}

function* resend(leader: Leader, framework: FrameworkMemory): Generator<number, number> {
  const agentIds = new Set<string>();
  yield* inParts(leader.registry.tasksOf(framework.id), PART_MAX_ITEMS, (task) => {
    agentIds.add(task.agentId);
    if (task.updateState === undefined || !isTerminalState(task.updateState)) return;
    if (leader.completions.has(taskKey(framework.id, task.taskId))) return;
    const status = lastStatus(task);
    if (status?.uuid !== undefined) leader.send(framework, updateEvent(status));
  });
  return yield* inParts(agentIds, PART_MAX_ITEMS, (agentId) => {
    const agent = leader.agents.get(agentId);
    const message = { kind: "resend-updates", term: leader.term, frameworkId: framework.id } as const;
    if (agent !== undefined) leader.sendAgent(agent, message);
  });
}
