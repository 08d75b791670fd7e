/** The end of a framework's stream, and of a framework that does not come back. */
import type { DisconnectFramework, RemoveFramework } from "../registry/commands.ts";
import { defer, isReturning } from "./deferred.ts";
import { failoverTimeoutMs } from "./framework-memory.ts";
import { discardInverseOffers } from "./inverse-offers.ts";
import type { Fate, Leader } from "./leader.ts";
import type { FrameworkMemory } from "./memory.ts";
import { discardOffers } from "./offers.ts";
import { forgetFramework, proposeRemoval } from "./remove-framework.ts";
import { timerName } from "./timer-names.ts";
import type { StreamClosed, TeardownInput } from "./types.ts";

export function streamClosed(leader: Leader, input: StreamClosed): void {
  for (const pending of leader.pendingFrameworks) {
    if (pending.streamId === input.streamId) pending.streamId = undefined;
  }
  const frameworkId = leader.frameworkOfStream.get(input.streamId);
  if (frameworkId === undefined) return;
  leader.frameworkOfStream.delete(input.streamId);
  disconnectFramework(leader, leader.framework(frameworkId));
}

/** Without a failover timeout it is removed at once, in the same log entry. */
export function disconnectFramework(leader: Leader, framework: FrameworkMemory): void {
  framework.streamId = undefined;
  leader.timers.clear(timerName("heartbeat", framework.id));
  leader.allocator.deactivateFramework(framework.id);
  discardOffers(leader, framework);
  discardInverseOffers(leader, framework);
  const atMs = leader.now.wallMs;
  judge(leader, { kind: "disconnect-framework", frameworkId: framework.id, atMs });
  if (failoverTimeoutMs(framework.info) === 0) {
    judge(leader, { kind: "remove-framework", frameworkId: framework.id, atMs });
  }
}

/** Behind the framework's return in the log the verdict would hit one that is back. */
function judge(leader: Leader, verdict: DisconnectFramework | RemoveFramework): void {
  if (isReturning(leader, verdict.frameworkId)) defer(leader, verdict);
  else if (verdict.kind === "remove-framework") proposeRemoval(leader, verdict.frameworkId);
  else leader.propose(verdict);
}

export function frameworkDisconnected(leader: Leader, command: DisconnectFramework, outcome: Fate): void {
  const framework = leader.frameworks.get(command.frameworkId);
  if (!outcome.accepted || framework === undefined || framework.streamId !== undefined) return;
  if (framework.recovered) return;
  startFailoverTimer(leader, framework, failoverTimeoutMs(framework.info));
}

export function startFailoverTimer(leader: Leader, framework: FrameworkMemory, remainingMs: number): void {
  leader.timers.set(timerName("failover", framework.id), leader.now.monotonicMs + remainingMs);
}

export function failoverDue(leader: Leader, frameworkId: string): void {
  const framework = leader.frameworks.get(frameworkId);
  if (framework === undefined || framework.streamId !== undefined) return;
  judge(leader, { kind: "remove-framework", frameworkId, atMs: leader.now.wallMs });
}

/** Operator's teardown; answered when the removal is committed. */
export function operatorTeardown(leader: Leader, input: TeardownInput): void {
  const { frameworkId, ref } = input;
  if (!leader.frameworks.has(frameworkId)) {
    leader.answer(ref, 400, "No framework found with specified ID");
    return;
  }
  const waiting = leader.teardowns.get(frameworkId);
  if (waiting === undefined) leader.teardowns.set(frameworkId, [ref]);
  else waiting.push(ref);
  proposeRemoval(leader, frameworkId);
}

export function frameworkRemoved(leader: Leader, command: RemoveFramework, outcome: Fate): void {
  const { frameworkId } = command;
  const framework = leader.frameworks.get(frameworkId);
  if (outcome.accepted && framework !== undefined) forgetFramework(leader, framework, command.atMs);
  for (const ref of leader.teardowns.get(frameworkId) ?? []) leader.answer(ref, 200);
  leader.teardowns.delete(frameworkId);
}
