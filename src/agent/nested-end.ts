/** What is inside a container ends with it. */
import { childContainer } from "../model/container-id.ts";
import { NESTED_PREFIX } from "./checkpoint.ts";
import type { AgentState } from "./state.ts";

/** Its parent is no more, or will be soon: nobody will ask for these again. */
export function dropNested(state: AgentState, parentId: string): void {
  if (state.nested.size === 0) return;
  const inside = childContainer(parentId, "");
  for (const nested of [...state.nested.values()]) {
    const { containerId, phase, ref, removals } = nested;
    if (!containerId.startsWith(inside)) continue;
    state.nested.delete(containerId);
    state.write({ key: NESTED_PREFIX + containerId, value: undefined });
    if (ref !== undefined) {
      const body = `Failed to launch container ${containerId}: its parent ended`;
      state.emit({ kind: "nested-answer", ref, status: 400, body });
    }
    for (const removal of removals)
      state.emit({ kind: "nested-answer", ref: removal, status: 200, body: "" });
    if (phase === "ended" || phase === "removing") state.afterwards({ kind: "cleanup", containerId });
    else if (phase !== "checkpointing") {
      state.emit({
        kind: "nested-ended",
        containerId,
        exit: { kind: "unknown", reason: "its parent ended" },
      });
      state.condemned.add(containerId);
      state.emit({ kind: "kill", containerId });
    }
  }
}
