/** The agent is to be emptied (AGT-14): every task is killed, and none is to come meanwhile. */
import type { DrainTasks } from "../model/agent-protocol.ts";
import type { Drain } from "../model/drain-info.ts";
import { killTask } from "./kill-task.ts";
import type { AgentState } from "./state.ts";
import { ownsContainer } from "./task.ts";

/** Repeats are harmless: a kill under way only gets shorter. */
export function drainTasks(state: AgentState, { maxGraceMs, markGone }: DrainTasks): void {
  state.log.info("The master drains this agent; ending its tasks", { tasks: state.tasks.size, markGone });
  const startedAtMs = state.drain?.startedAtMs ?? state.now.wallMs;
  state.drain = { drained: false, maxGraceMs, markGone, startedAtMs };
  for (const successor of state.successors.values()) successor.killed = true;
  for (const group of state.waitingGroups) group.killed = true;
  for (const task of [...state.tasks.values()]) {
    const ownMs = ownsContainer(task) ? task.killGraceMs : undefined;
    const graceMs = cut(ownMs, maxGraceMs);
    killTask(state, task, graceMs, markGone ? "drain-gone" : "drain");
  }
}

/** Undefined when there is nothing left to end. */
export function shownDrain({ drain, tasks }: AgentState): Drain | undefined {
  return tasks.size > 0 ? drain : undefined;
}

/** An executor knows its tasks' periods better, until one is set from outside. */
function cut(ownMs: number | undefined, maxMs: number | undefined): number | undefined {
  return ownMs === undefined || maxMs === undefined ? (ownMs ?? maxMs) : Math.min(ownMs, maxMs);
}
