/** The container of a task in its pod: what differs from that of a task by itself. */
import { fail, ok, type Result } from "../base/result.ts";
import type { Bound, ContainerPod, ContainerResources } from "../isolation/container.ts";
import { ownPart } from "../model/container-id.ts";
import type { ContainerInfo, LinuxInfo } from "../model/v1/containers.ts";
import type { TaskInfo } from "../model/v1/tasks.ts";
import { decodeBlob } from "../wire/blob.ts";
import { sumOfAmounts } from "./accounting.ts";
import { podNamespaces } from "./container-linux.ts";
import { containerNetwork } from "./container-network.ts";
import { containerResources, type PodPlace, resourcesOf, unsupportedIn } from "./container-plan.ts";
import { type ContainerPolicy, DEFAULT_POLICY } from "./container-policy.ts";
import { containerVolumes } from "./container-volumes.ts";
import { latestLinkPath, nestedSandboxPath, sandboxPath } from "./paths.ts";
import type { Pod } from "./pod.ts";
import { podNeeds } from "./sandbox-runs.ts";
import type { AgentState } from "./state.ts";
import type { Task } from "./task.ts";

export function placeInPod(state: AgentState, pod: Pod, task: Task, info: TaskInfo): Result<PodPlace> {
  const { config, agentId } = state;
  if (agentId === undefined) return fail("the agent has no id yet");
  const { frameworkId, executorId, containerId } = pod;
  const executor = decodeBlob("ExecutorInfo", pod.info);
  const ids = { agentId, frameworkId, executorId, containerId };
  const sandbox = sandboxPath(config.workDir, ids);
  const unsupported = unsupportedInPod(executor.container);
  if (unsupported !== undefined) {
    return fail(`its executor's container asks for ${unsupported}, which is not there`);
  }
  if ((pod.amounts.get("gpus") ?? 0) > 0) {
    return fail("its executor asks for gpus, but has no process of its own; give them to its tasks");
  }
  const volumes = containerVolumes(config.workDir, executor.resources ?? [], state.volumes, false);
  if (!volumes.ok) return volumes;
  const network = containerNetwork(executor.container, containerId);
  if (!network.ok) return fail(`its executor's container cannot be had: ${network.error}`);
  const holder = holderFor(info.container?.linux_info, executor.container?.linux_info, config.containers);
  if (!holder.ok) return fail(`its executor's container cannot be had: ${holder.error}`);
  const role = info.resources?.[0]?.allocation_info?.role;
  return ok({
    executorId,
    sandbox: nestedSandboxPath(sandbox, ownPart(task.containerId)),
    latestLink: latestLinkPath(config.workDir, ids),
    // As Mesos' default executor adds them.
    variables: [
      // On another network its address is not known before it has joined.
      ...(network.value === undefined ? [["MESOS_CONTAINER_IP", config.ip] as const] : []),
      ...(role === undefined ? [] : [["MESOS_ALLOCATION_ROLE", role] as const]),
    ],
    network: network.value,
    pod: {
      ...{ containerId, sandbox, linkName: task.taskId },
      ...(volumes.value.length === 0 ? {} : { volumes: volumes.value }),
      resources: podResources(state, pod),
      ownLimits: !task.sharesCgroup,
      ...(holder.value === undefined ? {} : { holder: holder.value }),
    },
  });
}

/** No process is directly in a pod, so there is nothing to confine, and nobody to mount anything. */
function unsupportedInPod(container: ContainerInfo | undefined): string | undefined {
  const volume = container?.volumes?.[0];
  if (volume !== undefined) return `a volume at "${volume.container_path}"; give it to the tasks`;
  if (container?.mesos?.image !== undefined) return "an image; name it in the containers of the tasks";
  return unsupportedIn(container);
}

/** Of the executor and all of its tasks (RES-39; limits as Mesos 1.10's computeExecutorLimits). */
export function podResources(state: AgentState, pod: Pod): ContainerResources {
  const tasks = [...pod.tasks.values()];
  const { diskBytes } = podNeeds(state, pod);
  const sum = { ...resourcesOf(sumOfAmounts([pod, ...tasks])), diskBytes };
  // Where tasks share a cgroup none has limits.
  if (tasks.every((task) => task.sharesCgroup)) return sum;
  const each = tasks.map((task) => containerResources(task, decodeBlob("TaskInfo", task.info)));
  if (each.every((one) => one.cpusLimitMilli === undefined && one.memLimitBytes === undefined)) return sum;
  let mem: Bound = resourcesOf(pod.amounts).memBytes;
  for (const { memBytes, memLimitBytes = memBytes } of each) {
    mem = mem === "unlimited" || memLimitBytes === "unlimited" ? "unlimited" : mem + memLimitBytes;
  }
  // Each task's own cgroup holds it to its CPUs.
  return { ...sum, memLimitBytes: mem, cpusLimitMilli: "unlimited" };
}

/** Its tasks are others than before. */
export function resizePod(state: AgentState, pod: Pod): void {
  for (const { phase } of pod.tasks.values()) {
    if (phase !== "running") continue;
    state.emit({ kind: "resize", containerId: pod.containerId, resources: podResources(state, pod) });
    return;
  }
}

/** What the pod has of its own, if a task asks to share anything with it; else nobody has to hold that. */
function holderFor(
  own: LinuxInfo = {},
  pod: LinuxInfo = {},
  policy: ContainerPolicy = DEFAULT_POLICY,
): Result<ContainerPod["holder"]> {
  if (own.share_pid_namespace !== true && own.ipc_mode !== "SHARE_PARENT") return ok(undefined);
  return podNamespaces(pod, policy);
}
