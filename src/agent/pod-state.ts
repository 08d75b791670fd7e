/** What handlers do with a pod: its place in the memory, and its end there. */
import { childContainer, parentContainer } from "../model/container-id.ts";
import type { Pod } from "./pod.ts";
import type { AgentState } from "./state.ts";
import type { Task } from "./task.ts";

/** The pod of a task that has not ended. */
export function podOf(state: AgentState, { containerId }: Pick<Task, "containerId">): Pod | undefined {
  const parent = parentContainer(containerId);
  return parent === undefined ? undefined : state.pods.get(parent);
}

export function findPod(state: AgentState, frameworkId: string, executorId: string): Pod | undefined {
  for (const pod of state.pods.values()) {
    if (pod.frameworkId === frameworkId && pod.executorId === executorId) return pod;
  }
  return undefined;
}

/** Tasks of the pod that were launched together. */
export function groupIn(pod: Pod, group: string | undefined): Task[] {
  return [...pod.tasks.values()].filter((task) => task.group === group);
}

/** A container that nobody owned is gone; with the last of its pod that one's cgroup goes, too. */
export function settlePodOf(state: AgentState, containerId: string): void {
  const pod = parentContainer(containerId);
  // The parent may be a container itself, and not a pod.
  if (pod !== undefined && (state.containers.has(pod) || state.executorContainers.has(pod))) return;
  if (pod !== undefined && parentContainer(pod) === undefined && !state.pods.has(pod)) cleanUpPod(state, pod);
}

export function cleanUpPod(state: AgentState, containerId: string): void {
  const inside = childContainer(containerId, "");
  for (const condemned of state.condemned) if (condemned.startsWith(inside)) return;
  state.emit({ kind: "cleanup", containerId });
}
