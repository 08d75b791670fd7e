/** What is inside a container ends with it. */
import { childContainer, parentContainer } from "../model/container-id.ts";
import { NESTED_PREFIX } from "./checkpoint.ts";
import type { Nested } from "./nested.ts";
import type { AgentState } from "./state.ts";

/**
 * The container has ended, which is no root: how what is inside ends is kept as long as itself, as in Mesos
 * (MesosContainerizerProcess::wait).
 */
export function endInside(state: AgentState, parentId: string): void {
  for (const nested of nestedInside(state, parentId)) {
    if (nested.phase === "running") state.emit({ kind: "kill", containerId: nested.containerId });
    else if (!isOver(nested)) drop(state, nested);
  }
}

/** Its parent is no more, or will be soon: nobody will ask for these again. */
export function dropNested(state: AgentState, parentId: string): void {
  for (const nested of nestedInside(state, parentId)) drop(state, nested);
}

/** It has ended. */
export function isOver({ phase }: Nested): boolean {
  return phase === "ended" || phase === "removing";
}

/** It is inside one that was launched by call and has ended. */
export function isInsideEnded(state: AgentState, containerId: string): boolean {
  for (let above = parentContainer(containerId); above !== undefined; above = parentContainer(above)) {
    const nested = state.nested.get(above);
    if (nested !== undefined && isOver(nested)) return true;
  }
  return false;
}

/** However deep. */
function nestedInside({ nested }: AgentState, parentId: string): Nested[] {
  if (nested.size === 0) return [];
  const inside = childContainer(parentId, "");
  return [...nested.values()].filter(({ containerId }) => containerId.startsWith(inside));
}

function drop(state: AgentState, nested: Nested): void {
  const { containerId, phase, ref, removals } = nested;
  state.nested.delete(containerId);
  state.write({ key: NESTED_PREFIX + containerId, value: undefined });
  if (ref !== undefined) {
    const body = `Failed to launch container ${containerId}: its parent ended`;
    state.emit({ kind: "nested-answer", ref, status: 400, body });
  }
  for (const removal of removals) state.emit({ kind: "nested-answer", ref: removal, status: 200, body: "" });
  if (isOver(nested)) state.afterwards({ kind: "cleanup", containerId });
  else if (phase !== "checkpointing") {
    state.emit({ kind: "nested-ended", containerId, exit: { kind: "unknown", reason: "its parent ended" } });
    state.condemned.add(containerId);
    state.emit({ kind: "kill", containerId });
  }
}
