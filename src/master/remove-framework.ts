/**
 * A framework is removed. The removal ends its tasks, on every master in one turn: of many tasks most end
 * before it, in entries of their own. What the framework holds is given back part by part afterwards.
 */
import { PART_MAX_ITEMS } from "../base/limits.ts";
import { END_TASKS_LEVEL } from "../registry/command-level.ts";
import { dropExecutors } from "./executors.ts";
import { releaseHolding } from "./holdings.ts";
import { discardInverseOffers } from "./inverse-offers.ts";
import { inParts } from "./later.ts";
import type { Leader } from "./leader.ts";
import type { FrameworkMemory } from "./memory.ts";
import { discardOffers } from "./offers.ts";
import { frameworkRemovedEvent, taskUpdatedEvent } from "./operator-events.ts";
import { masterStatus } from "./task-status.ts";
import { timerName } from "./timer-names.ts";

/** `atMs`: when it was decided, if that was earlier. */
export function proposeRemoval(leader: Leader, frameworkId: string, atMs = leader.now.wallMs): void {
  const framework = leader.frameworks.get(frameworkId);
  const many = leader.registry.taskCountOf(frameworkId) > leader.settings.tasksEndedAtOnce;
  if (framework === undefined || !many || !leader.canWrite(END_TASKS_LEVEL)) {
    leader.propose({ kind: "remove-framework", frameworkId, atMs });
    return;
  }
  if (framework.leaving === "ending tasks") return;
  framework.leaving = "ending tasks";
  leader.allocator.deactivateFramework(frameworkId);
  discardOffers(leader, framework);
  leader.later.add(endTasks(leader, framework));
}

function* endTasks(leader: Leader, framework: FrameworkMemory): Generator<number, number> {
  const { id: frameworkId } = framework;
  const perCommand = leader.settings.tasksEndedAtOnce;
  let taskIds: string[] = [];
  const propose = (): void => {
    if (taskIds.length === 0) return;
    leader.propose({ kind: "end-tasks", frameworkId, taskIds, atMs: leader.now.wallMs });
    taskIds = [];
  };
  for (const { taskId } of leader.registry.tasksOf(frameworkId)) {
    taskIds.push(taskId);
    if (taskIds.length < perCommand) continue;
    propose();
    yield perCommand;
  }
  propose();
  framework.leaving = "yes";
  leader.propose({ kind: "remove-framework", frameworkId, atMs: leader.now.wallMs });
  return 1;
}

/** Its removal is committed. The first agents hear at once, more in later turns. */
export function forgetFramework(leader: Leader, framework: FrameworkMemory, atMs: number): void {
  if (framework.streamId !== undefined) {
    leader.emit({ kind: "close-stream", streamId: framework.streamId });
    leader.frameworkOfStream.delete(framework.streamId);
    framework.streamId = undefined;
  }
  framework.leaving = "yes";
  leader.timers.clear(timerName("heartbeat", framework.id));
  leader.timers.clear(timerName("failover", framework.id));
  leader.allocator.deactivateFramework(framework.id);
  discardOffers(leader, framework);
  discardInverseOffers(leader, framework);
  leader.inverseOffers.forgetFramework(framework.id);
  const job = giveBack(leader, framework, atMs);
  if (job.next().done !== true) leader.later.add(job);
}

function* giveBack(leader: Leader, framework: FrameworkMemory, atMs: number): Generator<number, number> {
  let ended = 0;
  yield* inParts(
    [...framework.agentIds],
    PART_MAX_ITEMS,
    (agentId) => {
      ended = endOnAgent(leader, framework, agentId, atMs);
    },
    () => 1 + ended,
  );
  leader.allocator.removeFramework(framework.id);
  leader.frameworks.delete(framework.id);
  leader.allocationDue = true;
  leader.sendOperators(() => frameworkRemovedEvent(framework.info));
  return 1;
}

/**
 * The agent kills what it runs of the framework; launches still under way give back when refused. Returns how
 * many tasks ended.
 */
function endOnAgent(leader: Leader, framework: FrameworkMemory, agentId: string, atMs: number): number {
  const agent = leader.agents.get(agentId);
  if (agent === undefined) return 0;
  let ended = 0;
  leader.sendAgent(agent, { kind: "shutdown-framework", term: leader.term, frameworkId: framework.id });
  for (const [key, kill] of agent.kills) if (kill.frameworkId === framework.id) agent.kills.delete(key);
  for (const holding of [...agent.holdings.values()]) {
    if (holding.frameworkId !== framework.id || holding.pending) continue;
    ended++;
    releaseHolding(leader, agent, holding);
    leader.counters.bump("tasks_killed");
    const status = masterStatus({
      taskId: holding.taskId,
      agentId,
      state: "TASK_KILLED",
      reason: "REASON_FRAMEWORK_REMOVED",
      message: "Framework was removed",
      atMs,
    });
    leader.sendOperators(() => taskUpdatedEvent(framework.id, status, "TASK_KILLED"));
  }
  dropExecutors(leader, agent, framework.id);
  return ended;
}
