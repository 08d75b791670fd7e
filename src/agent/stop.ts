/**
 * How the process ends for good: because an operator has the agent leave the
 * cluster, or because the master refused it.
 *
 * One that leaves comes back as a new agent, so nobody will ask for its tasks
 * again: they are forgotten, in the batch that gives up its id. An agent that
 * came back under its id without them would be sent a launch again that it had
 * started already. One that was refused keeps its id, and with it the ends of
 * its tasks: it may be let in once its flags are mended.
 */
import { abandonExecutors, shutdownExecutor } from "./end-executor.ts";
import { abandon } from "./end-task.ts";
import { killTask } from "./kill-task.ts";
import type { AgentState, Stopping } from "./state.ts";

/** Ends everything; {@link stopWhenEmpty} then stops the process. */
export function beginStop(state: AgentState, stop: Pick<Stopping, "failed" | "reason" | "unregister">): void {
  if (state.stopping !== undefined) return;
  state.stopping = { ...stop, empty: false };
  state.successors.clear();
  state.waitingGroups.length = 0;
  if (stop.unregister) state.writeAgentRecord();
  for (const task of [...state.tasks.values()]) {
    if (stop.unregister) abandon(state, task, task.killGraceMs);
    else killTask(state, task, 0);
  }
  if (stop.unregister) abandonExecutors(state);
  else for (const executor of [...state.executors.values()]) shutdownExecutor(state, executor);
}

/** At the end of each step: no container is left, so the process may end. */
export function stopWhenEmpty(state: AgentState): void {
  const { stopping } = state;
  if (stopping === undefined || stopping.empty || state.condemned.size > 0) return;
  if (state.executors.size > 0) return;
  for (const task of state.tasks.values()) if (task.phase !== "ended") return;
  state.stopping = { ...stopping, empty: true };
  // Goodbye waits for this write, and so for all before it.
  state.writeAgentRecord();
  state.afterwards({ kind: "goodbye" });
}

/** All is on disk. The id is given up there: only now may the cluster refuse it for ever. */
export function sayGoodbye(state: AgentState): void {
  const { stopping, connection } = state;
  if (stopping === undefined) return;
  if (stopping.unregister && connection.kind === "registered") {
    state.emit({ kind: "send", linkId: connection.linkId, message: { kind: "unregister-agent" } });
  }
  state.emit({ kind: "stop", failed: stopping.failed, reason: stopping.reason });
}
