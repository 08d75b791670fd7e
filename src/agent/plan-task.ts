/** The container of a task as things stand: by itself, or in its pod. */
import { fail, type Result } from "../base/result.ts";
import { decodeBlob } from "../wire/blob.ts";
import { type ContainerPlan, planContainer } from "./container-plan.ts";
import { placeInPod } from "./pod-plan.ts";
import { podOf } from "./pod-state.ts";
import type { AgentState } from "./state.ts";
import type { Task } from "./task.ts";

export function planTask(state: AgentState, task: Task): Result<ContainerPlan> {
  const { config, agentId, volumes } = state;
  const user = state.frameworks.get(task.frameworkId)?.user ?? "";
  const info = decodeBlob("TaskInfo", task.info);
  if (!task.inPod) return planContainer(config, agentId, user, task, info, volumes);
  const pod = podOf(state, task);
  if (pod === undefined) return fail("its pod has ended");
  const place = placeInPod(state, pod, task, info);
  return place.ok ? planContainer(config, agentId, user, task, info, volumes, place.value) : place;
}
