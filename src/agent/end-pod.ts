/** The end of a pod's task: what it means for its group, and for the pod. */
import { tellExited } from "./end-executor.ts";
import { killTask } from "./kill-task.ts";
import type { Pod } from "./pod.ts";
import { resizePod } from "./pod-plan.ts";
import { cleanUpPod, groupIn, podOf } from "./pod-state.ts";
import type { AgentState } from "./state.ts";
import type { Task } from "./task.ts";

/** At the end of each step, until nothing follows any more: an end and what follows from it are one write. */
export function settlePods(state: AgentState): void {
  for (let task = state.endedMembers.shift(); task !== undefined; task = state.endedMembers.shift()) {
    const pod = podOf(state, task);
    if (pod?.tasks.get(task.key) !== task) continue;
    pod.tasks.delete(task.key);
    if (task.stream.state !== "TASK_FINISHED") endOthers(state, pod, task);
    if (pod.tasks.size === 0) podEnded(state, pod);
    else resizePod(state, pod);
  }
}

function endOthers(state: AgentState, pod: Pod, task: Task): void {
  if (task.brokeMemoryLimit && task.sharesCgroup) {
    // The limit was that of the pod: the kernel ended all of it, and each task tells so itself.
    for (const { phase, containerId } of pod.tasks.values()) {
      if (phase === "running") state.emit({ kind: "kill", containerId });
    }
    return;
  }
  for (const other of groupIn(pod, task.group)) {
    if (other.ending !== undefined || other.phase === "ended") continue;
    const { frameworkId, taskId } = other;
    state.log.info("Ending a task, as one of its group ended", { frameworkId, taskId, ended: task.taskId });
    killTask(state, other, undefined);
  }
}

function podEnded(state: AgentState, pod: Pod): void {
  const { frameworkId, executorId, containerId, info } = pod;
  state.pods.delete(containerId);
  state.usage.remove(pod.amounts);
  const framework = state.frameworks.get(frameworkId)?.info;
  if (framework !== undefined) {
    state.history.addExecutor({ frameworkId, executorId, containerId, info, framework });
  }
  tellExited(state, pod, { kind: "exited", code: 0 });
  cleanUpPod(state, containerId);
}

/** A framework ends it: its tasks end by their kill policies, and it ends with the last of them. */
export function shutdownPod(state: AgentState, pod: Pod): void {
  pod.terminating = true;
  for (const task of [...pod.tasks.values()]) killTask(state, task, undefined);
}
