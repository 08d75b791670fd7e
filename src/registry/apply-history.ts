import { dropOldestCompleted } from "./apply-frameworks.ts";
import { ACCEPTED } from "./apply-outcome.ts";
import { dropOldestTasks } from "./apply-tasks.ts";
import type { Outcome, SetHistoryBounds } from "./commands.ts";
import type { RegistryState } from "./state.ts";

/** What is beyond smaller bounds goes at once. */
export function setHistoryBounds(state: RegistryState, { bounds }: SetHistoryBounds): Outcome {
  state.historyBounds = bounds;
  state.touch({ kind: "history-bounds" });
  dropOldestCompleted(state);
  // By id: map order differs after a restart, and the digest follows the order of changes.
  for (const frameworkId of [...state.completedTasks.keys()].sort()) dropOldestTasks(state, frameworkId);
  return ACCEPTED;
}
